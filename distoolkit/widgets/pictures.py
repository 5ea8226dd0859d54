"""PNG bytes for ``ipywidgets.Image``: enlarged without blurring, lightly compressed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.uint8]


def png(image: Pixels, enlarge: int = 1) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    image
        (y, x, channel) uint8, with one or three channels.
    enlarge
        Each pixel becomes a square of so many.
    """
    return encoded(as_image(image.repeat(enlarge, axis=0).repeat(enlarge, axis=1)))


def encoded(picture: Image) -> bytes:
    """Encode a PIL image."""
    out = io.BytesIO()
    # level 1: a tenth of the time of the default for a few more bytes, and the picture goes to this machine anyway
    picture.save(out, "png", compress_level=1)
    return out.getvalue()


def as_image(pixels: Pixels) -> Image:
    """Turn (y, x, channel) into a PIL image."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def row(images: Pixels, gap: int = 2) -> Pixels:
    """Put pictures (n, y, x, channel) side by side, with white between them."""
    n, height, width, channels = images.shape
    out = np.full((height, n, width + gap, channels), 255, dtype=np.uint8)
    out[:, :, :width] = images.transpose(1, 0, 2, 3)
    return out.reshape(height, n * (width + gap), channels)[:, : n * (width + gap) - gap]


def factor_for(shape: tuple[int, ...], pixels: int) -> int:
    """How often a picture of ``shape`` (y, x, ...) can be enlarged to stay within ``pixels``; at least once."""
    return max(1, pixels // max(shape[:2]))


def labelled_rows(rows: Sequence[tuple[str, Pixels]], size: int = 64) -> Image:
    """Draw pictures (n, y, x, channel) in rows, each with its name in front of it.

    Parameters
    ----------
    rows
        Name and pictures of each row, all of one shape.
    size
        Small pictures are enlarged to about so many pixels.
    """
    from PIL import Image, ImageDraw

    enlarge = max(1, size // max(rows[0][1].shape[1:3]))
    bands = [as_image(row(p).repeat(enlarge, axis=0).repeat(enlarge, axis=1)) for _, p in rows]
    width, height = bands[0].size
    margin = 10 + max(round(ImageDraw.Draw(bands[0]).textlength(name)) for name, _ in rows)
    out = Image.new("RGB", (margin + width, len(rows) * (height + 4) - 4), "white")
    pen = ImageDraw.Draw(out)
    for position, ((name, _), band) in enumerate(zip(rows, bands, strict=True)):
        top = position * (height + 4)
        out.paste(band, (margin, top))
        pen.text((margin - 6, top + height // 2), name, fill="black", anchor="rm")
    return out
