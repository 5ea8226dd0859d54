"""Images small enough that a whole training run takes a second."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit import schema

_COLOURS = np.asarray([(255, 60, 60), (60, 255, 60), (80, 80, 255)], dtype=np.uint8)


def tiny_images(side: int = 16, channels: int = 3) -> xr.Dataset:
    """Make 96 images of a square on black: 3 colours (or greys), 2 sizes, 4 places along x, 4 along y.

    Parameters
    ----------
    side
        Height and width in pixels, at least 8.
    channels
        3, or 1 for grey.

    Returns
    -------
    xarray.Dataset
        An images Dataset with all combinations of its four factors; the same at every call.
    """
    factors = np.stack(np.meshgrid(range(3), range(2), range(4), range(4), indexing="ij"), axis=-1).reshape(-1, 4)
    image = np.zeros((len(factors), side, side, channels), dtype=np.uint8)
    cell = side // 4
    for picture, (colour, size, x, y) in zip(image, factors, strict=True):
        edge = cell - 1 + size
        picture[y * cell :, x * cell :][:edge, :edge] = _COLOURS[colour] if channels == 3 else 85 * (colour + 1)
    return schema.as_images(
        image,
        factors,
        ["colour", "size", "x", "y"],
        factor_kinds=["categorical" if channels == 3 else "ordered", "ordered", "ordered", "ordered"],
        name="tiny",
    )
