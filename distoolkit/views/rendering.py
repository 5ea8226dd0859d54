"""Static pictures: what a notebook shows with no kernel, and what a report is made of."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import holoviews as hv
import xarray as xr
from PIL import Image

from distoolkit.contract import DataError
from distoolkit.views.backend import INK, QUIET, RULE, provenance, ready
from distoolkit.views.drawing import draw
from distoolkit.views.mosaic import Mosaic, font

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and recoloured
    "svg.hashsalt": "distoolkit",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Picture:
    """A picture that needs nothing to be seen: the last value of a notebook cell, or bytes for a file.

    Attributes
    ----------
    source
        A board of images, or a HoloViews object.
    text
        What it shows, for those who cannot see it.
    provenance
        Where its data come from.
    """

    source: Mosaic | Any = field(repr=False)
    text: str
    provenance: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def image(self) -> Image.Image:
        """The picture as a Pillow image."""
        if isinstance(self.source, Mosaic):
            return self.source.image()
        if isinstance(self.source, hv.Table):
            return _table_image(self.source)
        return Image.open(io.BytesIO(_matplotlib(self.source, "png"))).convert("RGB")

    @cached_property
    def png(self) -> bytes:
        """The picture as PNG bytes."""
        buffer = io.BytesIO()
        self.image.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    @cached_property
    def svg(self) -> str:
        """The picture as one ``<svg>`` element; text in it stays text."""
        if isinstance(self.source, Mosaic):
            return self.source.svg()
        if isinstance(self.source, hv.Table):
            raise DataError("a table has no SVG; export it as .png or .html")
        text = _matplotlib(self.source, "svg").decode("utf-8")
        text = text[text.index("<svg") :]
        # Matplotlib's own metadata hold the date, which would make every file differ
        return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)

    def markup(self, prefix: str) -> str:
        """Return the picture as an ``<svg>`` to stand inside a page, in whose text colour it is drawn.

        Parameters
        ----------
        prefix
            Put before every id, so that two pictures in one page do not mix theirs up.
        """
        text = self.svg
        if not isinstance(self.source, Mosaic):
            text = text.replace('style="fill: #ffffff"', 'style="fill: none"', 1)  # the paper, which comes first
            # a style sheet in it would be one for the whole page
            text = re.sub(r"<style.*?</style>", "", text, flags=re.S)
        for colour, variable in ((INK, "currentColor"), (QUIET, "var(--quiet)"), (RULE, "var(--rule)")):
            text = text.replace(colour, variable)
        text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
        label = html.escape(self.text, quote=True)
        return re.sub(r"^<svg", f'<svg role="img" aria-label="{label}"', text.replace(' role="img"', "", 1), count=1)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"image/png": self.png, "text/plain": f"<Picture: {self.text}>"}


def static(shown: Any) -> Picture:
    """Turn a view, or a Dataset in its usual view, into a picture that needs no kernel and no JavaScript.

    Parameters
    ----------
    shown
        Anything that a view returned, any other HoloViews object, or a Dataset.

    Raises
    ------
    DataError
        Something that HoloViews cannot draw.
    """
    ready()
    if isinstance(shown, Picture):
        return shown
    if isinstance(shown, xr.Dataset):
        shown = draw(shown)
    if isinstance(shown, hv.DynamicMap) and not shown.kdims:
        shown = shown[()]
    if isinstance(shown, hv.HoloMap):
        shown = shown.last
    if not isinstance(shown, hv.core.Dimensioned):
        raise DataError(f"{type(shown).__name__} has no static form; give a HoloViews object or a Dataset")
    return Picture(getattr(shown, "mosaic", shown), title_of(shown), recorded(shown))


def recorded(shown: Any) -> dict[str, Any]:
    """Read the provenance of a HoloViews object, or of what it was put together from."""
    if isinstance(shown, xr.Dataset):
        return provenance(shown)
    if isinstance(shown, Picture):
        return shown.provenance
    if found := getattr(shown, "provenance", None):
        return dict(found)
    if not isinstance(shown, hv.core.Dimensioned):
        return {}
    parts = shown.traverse(lambda part: getattr(part, "provenance", None))
    parts = [p for i, p in enumerate(parts) if p and p not in parts[:i]]
    return parts[0] if len(parts) == 1 else {"sources": parts} if parts else {}


def title_of(shown: Any) -> str:
    """Say what a HoloViews object shows: its title, or the titles of its parts."""
    own = _title(shown)
    if own:
        return own
    parts = [t for part in shown.traverse(lambda p: p, [hv.Overlay, hv.Element]) if (t := _title(part))]
    return "; ".join(dict.fromkeys(parts)) or type(shown).__name__


def _title(shown: Any) -> str:
    title = hv.Store.lookup_options("bokeh", shown, "plot").kwargs.get("title", "")
    return "" if "{" in title else str(title)


def _matplotlib(shown: Any, form: str) -> bytes:
    from matplotlib import pyplot

    renderer = hv.renderer("matplotlib").instance(fig=form, dpi=144, holomap="auto")
    # HoloViews switches interactive mode off and leaves it so: the reader's own plots would no longer show
    with pyplot.ioff(), pyplot.rc_context(_STYLE):
        content, _ = renderer(shown, fmt=form)
    return content if isinstance(content, bytes) else str(content).encode("utf-8")


def _table_image(table: hv.Table) -> Image.Image:
    """Draw a table as text in columns."""
    from PIL import ImageDraw

    head = [d.pprint_label for d in table.dimensions()]
    columns = [[h, *map(str, table.dimension_values(i))] for i, h in enumerate(head)]
    widths = [int(max(font().getlength(cell) for cell in column)) + 24 for column in columns]
    line = 26
    canvas = Image.new("RGB", (sum(widths) + 12, line * len(columns[0]) + 12), "white")
    pen = ImageDraw.Draw(canvas)
    x = 12
    for column, width in zip(columns, widths, strict=True):
        for i, cell in enumerate(column):
            pen.text((x, 6 + (i + 0.5) * line), cell, fill=QUIET if i == 0 else INK, font=font(), anchor="lm")
        x += width
    for i in range(1, len(columns[0])):
        pen.line((6, 6 + i * line, canvas.width - 6, 6 + i * line), fill=RULE)
    return canvas
