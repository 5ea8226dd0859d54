"""Rows and columns of small images with labels: the one layout behind traversals, swaps and contact sheets."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from distoolkit.views.backend import INK, QUIET

_GAP_COLOUR = (208, 215, 222)
_FONT_SIZE, _PAD = 13, 8


@dataclass(frozen=True)
class Mosaic:
    """A board of images.

    Attributes
    ----------
    pixels
        (row, column, y, x, 3) uint8.
    rows, columns
        Their labels; a column label may be empty.
    row_title, column_title
        What the rows and the columns are.
    title
        What the picture shows, in words; also its text for those who cannot see it.
    """

    pixels: npt.NDArray[np.uint8]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_title: str = ""
    column_title: str = ""
    title: str = ""

    @property
    def zoom(self) -> int:
        """Whole factor by which the images are enlarged so that a small one can be seen."""
        return max(1, -(-48 // int(self.pixels.shape[2])))

    def composed(self, zoom: int = 1, gap: int = 1) -> npt.NDArray[np.uint8]:
        """Put all images into one (y, x, 3), enlarged by a whole factor, with thin grey lines between them."""
        pixels = self.pixels.repeat(zoom, axis=2).repeat(zoom, axis=3)
        rows, columns, height, width, channels = pixels.shape
        board = np.empty((rows, columns, height + gap, width + gap, channels), dtype=np.uint8)
        board[:] = _GAP_COLOUR
        board[:, :, :height, :width] = pixels
        flat = board.transpose(0, 2, 1, 3, 4).reshape(rows * (height + gap), columns * (width + gap), channels)
        return flat[: flat.shape[0] - gap, : flat.shape[1] - gap] if gap else flat

    def image(self) -> Image.Image:
        """Return the board with its labels, ready to be written."""
        board = Image.fromarray(self.composed(self.zoom, gap=2))
        left, top, title = self._margins()
        width = max(left + board.width, left + int(font().getlength(title[0])) if title else 0) + _PAD
        canvas = Image.new("RGB", (width, top + board.height + self._bottom()), "white")
        canvas.paste(board, (left, top))
        pen = ImageDraw.Draw(canvas)
        for x, y, text, anchor, colour in self._texts(board.width, board.height):
            pen.text((x, y), text, fill=colour, font=font(), anchor=anchor)
        return canvas

    def svg(self) -> str:
        """Return the board as an SVG: the images at their own size, the labels as text."""
        board = self.composed()
        zoom, (left, top, _) = self.zoom, self._margins()
        width, height = board.shape[1] * zoom, board.shape[0] * zoom
        texts = "".join(
            f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{_SVG_ANCHOR[anchor[0]]}" '
            f'dominant-baseline="{_SVG_BASELINE[anchor[1]]}">{escape(text)}</text>'
            for x, y, text, anchor, colour in self._texts(width, height)
        )
        full = left + width + _PAD, top + height + self._bottom()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full[0]} {full[1]}" width="{full[0]}" '
            f'height="{full[1]}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="{_FONT_SIZE}" role="img">'
            f"<title>{escape(self.title)}</title>"
            f'<image x="{left}" y="{top}" width="{width}" height="{height}" style="image-rendering:pixelated" '
            f'href="{data_uri(png(board))}"/>{texts}</svg>'
        )

    def _margins(self) -> tuple[int, int, list[str]]:
        widest = max((int(font().getlength(label)) for label in self.rows), default=0)
        left = widest + 2 * _PAD if widest else _PAD
        return left, (_FONT_SIZE + 2 * _PAD if self.title else _PAD), [self.title] if self.title else []

    def _bottom(self) -> int:
        lines = bool(any(self.columns)) + bool(self.column_title)
        return _PAD + lines * (_FONT_SIZE + 5)

    def _texts(self, width: int, height: int) -> list[tuple[float, float, str, str, str]]:
        """Place every label: x, y, text, anchor (Pillow's two letters), colour."""
        left, top, title = self._margins()
        cell_y, cell_x = height / len(self.rows), width / len(self.columns)
        texts: list[tuple[float, float, str, str, str]] = [(left, _PAD, text, "lt", INK) for text in title]
        texts += [(left - _PAD, top + (i + 0.5) * cell_y, t, "rm", INK) for i, t in enumerate(self.rows) if t]
        below = top + height + 5
        texts += [(left + (j + 0.5) * cell_x, below, t, "mt", INK) for j, t in self.shown_columns(cell_x)]
        if self.column_title:
            below += (_FONT_SIZE + 5) if any(self.columns) else 0
            texts.append((left + width / 2, below, self.column_title, "mt", QUIET))
        return texts

    def shown_columns(self, cell: float) -> list[tuple[int, str]]:
        """Choose the column labels that fit beside each other in cells of this width: all, or every n-th."""
        widest = max((font().getlength(label) for label in self.columns), default=0)
        every = max(1, -(-int(widest + 6) // max(1, int(cell))))
        return [(j, label) for j, label in enumerate(self.columns) if label and j % every == 0]


_SVG_ANCHOR = {"l": "start", "m": "middle", "r": "end"}
_SVG_BASELINE = {"t": "hanging", "m": "central"}


@cache
def font(size: int = _FONT_SIZE) -> Any:
    """Return the font of all drawn labels: the one that Matplotlib ships, so that it is there on any machine."""
    from matplotlib import get_data_path

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode (y, x, 3) pixels as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def data_uri(content: bytes, mime: str = "image/png") -> str:
    """Write bytes as an address that holds them."""
    return f"data:{mime};base64,{b64encode(content).decode('ascii')}"


def rgb(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Repeat a grey channel three times; the channel is the last axis."""
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
