"""One picture of a code and its scores: what each unit knows about each factor, and a dot for each score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

ROW, CELL, GAP = 22, 24, 36
"""Heights of a score and of a factor, and the space between the two halves, in pixels."""
MAP_WIDTH, AXIS_WIDTH = 300, 260
_FINE = 2  # drawn so much larger, then reduced: Pillow's own lines and circles have rough edges


@dataclass(frozen=True)
class Dot:
    """One score.

    Attributes
    ----------
    value
        NaN if there is none.
    perfect
        What the perfect code gets; NaN if there is no such thing.
    fresh
        Whether the value belongs to the code as it is now. Old values are drawn hollow.
    """

    name: str
    value: float
    perfect: float = math.nan
    fresh: bool = True


@dataclass(frozen=True)
class Share:
    """What each unit knows about each factor.

    Attributes
    ----------
    values
        (factor, unit) mutual information divided by the factor's entropy, in [0, 1].
    """

    values: npt.NDArray[np.float64]
    factors: Sequence[str]
    units: Sequence[str]


def drawn(dots: Sequence[Dot], share: Share) -> Image:
    """Draw the map on the left and the dots on the right, on white.

    A score beyond the scale from 0 to 1 stands at its edge; the number beside it says how much it is.
    """
    from PIL import Image, ImageDraw

    from distoolkit.views.mosaic import font

    size = font(13 * _FINE)
    left = _widest(share.factors, size) + 14
    middle = left + MAP_WIDTH + GAP + _widest([dot.name for dot in dots], size)
    foot = 2 * ROW + 8 + _widest(share.units, size)
    head = 30
    height = max(head + CELL * len(share.factors) + foot - 2 * ROW, head + ROW * len(dots) + 30)
    image = Image.new("RGB", (_FINE * (middle + AXIS_WIDTH + 70), _FINE * height), "white")
    pen = _Pen(ImageDraw.Draw(image), size)
    _map(pen, image, share, left, head)
    _axis(pen, middle + 10, head, ROW * len(dots))
    for i, dot in enumerate(dots):
        _dot(pen, dot, middle + 10, head + ROW * i + ROW // 2)
    return image.reduce(_FINE)


@dataclass(frozen=True)
class _Pen:
    """Draws in the picture's own pixels."""

    draw: Any
    font: Any

    def text(self, x: float, y: float, text: str, anchor: str, colour: str) -> None:
        self.draw.text((_FINE * x, _FINE * y), text, fill=colour, font=self.font, anchor=anchor)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        self.draw.rectangle([_FINE * x0, _FINE * y0, _FINE * x1 - 1, _FINE * y1 - 1], fill=colour)

    def circle(self, x: float, y: float, radius: float, colour: str, hollow: bool) -> None:
        corners = [_FINE * (x - radius), _FINE * (y - radius), _FINE * (x + radius), _FINE * (y + radius)]
        self.draw.ellipse(corners, fill="white" if hollow else colour, outline=colour, width=2 * _FINE)


def _widest(texts: Sequence[str], size: Any) -> int:
    return math.ceil(max((size.getlength(text) for text in texts), default=0) / _FINE)


def _map(pen: _Pen, image: Image, share: Share, left: int, top: int) -> None:
    """Draw a square for each factor and unit, the darker the more the unit knows."""
    from distoolkit.views.backend import INK, QUIET
    from distoolkit.views.colours import SEQUENTIAL, ramp

    colours = ramp(SEQUENTIAL, 101)
    width = min(CELL, MAP_WIDTH // max(len(share.units), 1))
    pen.text(left, 10, "what each unit knows of each factor", "lm", QUIET)
    for i, factor in enumerate(share.factors):
        y = top + CELL * i
        pen.text(left - 8, y + CELL / 2, factor, "rm", INK)
        for j, value in enumerate(share.values[i]):
            x = left + width * j
            pen.box(x, y, x + width - 1, y + CELL - 1, colours[round(100 * min(max(float(value), 0), 1))])
    for j, unit in enumerate(share.units):
        label = _upright(unit, pen.font)
        place = (
            _FINE * (left + width * j + width // 2) - label.width // 2,
            _FINE * (top + CELL * len(share.factors) + 4),
        )
        image.paste(label, place)


def _upright(text: str, size: Any) -> Image:
    """Write a text from the bottom up."""
    from PIL import Image, ImageDraw

    from distoolkit.views.backend import INK

    label = Image.new("RGB", (math.ceil(size.getlength(text)) + 1, 17 * _FINE), "white")
    ImageDraw.Draw(label).text((label.width, label.height // 2), text, fill=INK, font=size, anchor="rm")
    return label.rotate(90, expand=True)


def _axis(pen: _Pen, left: int, top: int, height: int) -> None:
    from distoolkit.views.backend import QUIET, RULE

    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + share * AXIS_WIDTH
        pen.box(x, top, x + 1, top + height, RULE)
        pen.text(x, top + height + 12, f"{share:g}", "mm", QUIET)
    pen.text(left, 10, "dot: this code", "lm", QUIET)
    pen.text(left + AXIS_WIDTH, 10, "bar: the perfect code", "rm", QUIET)


def _dot(pen: _Pen, dot: Dot, left: int, y: int) -> None:
    """Draw one line: name, bar of the perfect code, dot, number."""
    from distoolkit.views.backend import INK, QUIET
    from distoolkit.views.colours import OKABE_ITO

    colour = OKABE_ITO[0] if dot.fresh else QUIET
    pen.text(left - 12, y, dot.name, "rm", INK)
    ends = [left + min(max(v, 0.0), 1.0) * AXIS_WIDTH for v in (dot.perfect, dot.value) if math.isfinite(v)]
    if len(ends) == 2 and max(ends) - min(ends) >= 1:  # how far apart they are
        pen.box(min(ends), y - 1, max(ends), y + 1, OKABE_ITO[3] if dot.fresh else QUIET)
    if math.isfinite(dot.perfect):
        pen.box(ends[0] - 1.5, y - 8, ends[0] + 1.5, y + 8, INK)
    if math.isfinite(dot.value):
        pen.circle(ends[-1], y, 5.5, colour, hollow=not dot.fresh)
    number = f"{dot.value:.2f}" if math.isfinite(dot.value) else "none"
    pen.text(left + AXIS_WIDTH + 14, y, number if dot.fresh else "…", "lm", INK)
