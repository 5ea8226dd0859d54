"""A dSprites-like grid: one white shape on black, rendered here, no file needed.

The outlines were fitted to frames of the published animation of dSprites. Against those frames squares agree but
for edge ties, ellipses differ by half a pixel a frame on average, hearts by two (at most eight). Equality with the
published file for all 737,280 images has not been checked.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.data.grid import Factor, rendered
from distoolkit.data.lazy import halved

VERSION = 1
GRID = (
    Factor("shape", 3, "categorical", ("square", "ellipse", "heart")),
    Factor("scale", 6),
    Factor("orientation", 40, "circular"),
    Factor("posX", 32),
    Factor("posY", 32),
)
_WINDOW = 30  # pixels; the largest sprite is 27.2 wide at 45 degrees

Array = npt.NDArray[np.float64]


def load(size: Literal[64, 32] = 64, sample: int | None = None, seed: int = 0) -> xr.Dataset:
    """Load the dSprites-like grid: shape 3, scale 6, orientation 40, posX 32, posY 32; 737,280 binary images.

    Parameters
    ----------
    size
        Height and width in pixels. The 32-pixel images are the 2x2 means of the 64-pixel ones, with five grey
        levels: drawn in black and white at 32, neighbouring positions (half a pixel apart) would coincide.
    sample
        This many distinct images, drawn at random, instead of the whole grid.
    seed
        For ``sample``.

    Notes
    -----
    The 40 orientations run from 0 to 2 pi with both ends, as in dSprites: the first and the last are the same
    picture. A square repeats every quarter turn, an ellipse every half turn, so orientation cannot be read off
    their images.
    """
    draw = functools.partial(_render, size=size)
    return rendered(draw, GRID, (size, size, 1), name="sprites", version=VERSION, size=size, sample=sample, seed=seed)


def _render(factors: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    """Draw sprites (image, size, size, 1). A pixel is white if its centre lies inside the outline."""
    shape, step, turn, column, row = factors.T
    scale = (0.5 + 0.1 * step)[:, None, None]
    angle = (turn % 39 * (2 * np.pi / 39))[:, None, None]  # the last orientation is the first
    dx, columns = _pixels(16 + 32 * column / 31)
    dy, rows = _pixels(16 + 32 * row / 31)
    u = (np.cos(angle) * dx[:, None, :] - np.sin(angle) * dy[:, :, None]) / scale
    v = (np.sin(angle) * dx[:, None, :] + np.cos(angle) * dy[:, :, None]) / scale
    inside = np.empty(u.shape, dtype=bool)
    for kind, test in enumerate((in_square, in_ellipse, in_heart)):
        chosen = shape == kind
        inside[chosen] = test(u[chosen], v[chosen])
    image = np.zeros((len(factors), 64, 64, 1), dtype=np.uint8)
    image[np.arange(len(factors))[:, None, None], rows[:, :, None], columns[:, None, :], 0] = inside * np.uint8(255)
    return image if size == 64 else halved(image)


def _pixels(centre: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return the pixels of a window around each centre: offsets of their middles from it, and their numbers."""
    numbers = np.floor(centre).astype(np.int64)[:, None] - _WINDOW // 2 + np.arange(_WINDOW)
    return numbers + 0.5 - centre[:, None], numbers


def in_square(u: Array, v: Array) -> npt.NDArray[np.bool_]:
    """Tell whether points (in pixels, for scale 1) lie inside the square."""
    return (np.abs(u) < 9.6) & (np.abs(v) < 9.6)


def in_ellipse(u: Array, v: Array) -> npt.NDArray[np.bool_]:
    """Tell whether points (in pixels, for scale 1) lie inside the ellipse."""
    return np.asarray((u / 12.75) ** 2 + (v / 7.25) ** 2 < 1)


def in_heart(u: Array, v: Array) -> npt.NDArray[np.bool_]:
    """Tell whether points (in pixels, for scale 1, y downward) lie inside the heart.

    The outline is x = 9.6 sin^3 t, y = -0.66 (13 cos t - 5 cos 2t - 2 cos 3t - cos 4t) - 1.5. Each x is met at two
    t with the same sine and opposite cosines, so the inside is where y is nearer to the mean of the two than they are.
    """
    sine = np.cbrt(np.clip(u / 9.6, -1, 1))
    cosine = np.sqrt(1 - sine**2)
    even = -5 * (1 - 2 * sine**2) - (8 * cosine**4 - 8 * cosine**2 + 1)
    odd = 19 * cosine - 8 * cosine**3  # 13 cos t - 2 cos 3t
    return np.asarray((np.abs(u) < 9.6) & (np.abs((v + 1.5) / -0.66 - even) < odd))
