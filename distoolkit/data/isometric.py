"""Image manifolds that are isometric to their factors: moving a factor by one step changes the picture alike
everywhere. The test bed of methods that rest on isometry and on factors that are not Gaussian.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.contract import DataError
from distoolkit.data.continuous import drawn
from distoolkit.data.grid import option_hash

VERSION = 2
Array = npt.NDArray[np.float64]
Manifold = Literal["sprite_xys", "sprite_curved", "two_blobs", "disc"]
_ALIAS = 8  # points along each side of a pixel of the disc

# pixels along a side, names of the factors, lowest and highest value
_SPACES: dict[str, tuple[int, tuple[str, ...], tuple[float, ...], tuple[float, ...]]] = {
    "sprite_xys": (40, ("posX", "posY", "width"), (16, 16, 1.5), (24, 24, 4.5)),
    "sprite_curved": (24, ("diagonal", "antidiagonal"), (-5.5, -5.5), (5.5, 5.5)),
    "two_blobs": (48, ("leftX", "leftY", "rightX", "rightY"), (8, 20, 32, 20), (16, 28, 40, 28)),
    "disc": (32, ("posX", "posY"), (12, 12), (20, 20)),
}


def load(
    manifold: Manifold = "sprite_xys",
    distribution: Literal["uniform", "normal"] = "uniform",
    sample: int = 3000,
    seed: int = 0,
) -> xr.Dataset:
    """Draw an isometric manifold of grey images with independent factors.

    ``sprite_xys``
        A Gaussian blob of 40x40 pixels: place in [16, 24] and width in [1.5, 4.5] pixels. In the plane the metric is
        exactly diag(pi/2, pi/2, 2 pi).
    ``sprite_curved``
        A small blob (1.3 pixels, 24x24) that moves by several of its widths along axes turned by 45 degrees: far
        images have nothing in common, so no linear code will do.
    ``two_blobs``
        Two blobs (2.5 pixels, 48x48) that never meet: four factors.
    ``disc``
        A disc with soft edges (radius 5 pixels, 32x32).

    The true values are in ``factor_values``; ``factors`` holds their bins. Pixels are rounded to 8 bits:
    distances between pictures one pixel apart change by 0.1 %, a tenth of a pixel apart by 2 %.

    Parameters
    ----------
    distribution
        ``uniform`` over the range; ``normal`` about its middle with an eighth of it as standard deviation, cut at four
        of them: the negative control, since Gaussian factors cannot be told from their rotations. (Cut at two, they
        could: what is left is far enough from a Gaussian.)
    sample
        How many images to draw.
    seed
        Fixes them.
    """
    if sample < 1:
        raise DataError(f"sample = {sample}: give 1 or more")
    side, names, low, high = _SPACES[manifold]
    rng = np.random.default_rng(seed)
    if distribution == "uniform":
        unit = rng.random((sample, len(names)))
    else:
        unit = rng.normal(0.5, 0.125, (sample, len(names)))
        while (outside := (unit < 0) | (unit > 1)).any():
            unit[outside] = rng.normal(0.5, 0.125, outside.sum())
    values = np.array(low) + unit * (np.array(high) - np.array(low))
    content = option_hash("isometric", version=VERSION, manifold=manifold, distribution=distribution, sample=sample,
                          seed=seed)  # fmt: skip
    draw = _DRAWS[manifold]
    return drawn(draw, values, unit, names, (side, side, 1), "isometric", content)


def _blob(x: Array, y: Array, width: Array | float, side: int) -> Array:
    """Return exp(-|pixel - (x, y)|^2 / (2 width^2)) for every image and pixel."""
    at = np.arange(side) + 0.5
    across = np.exp(-((at - x[:, None]) ** 2) / (2 * np.reshape(width, (-1, 1)) ** 2))
    down = np.exp(-((at - y[:, None]) ** 2) / (2 * np.reshape(width, (-1, 1)) ** 2))
    return np.asarray(down[:, :, None] * across[:, None, :])


def _bytes(image: Array) -> npt.NDArray[np.uint8]:
    return np.rint(255 * image).astype(np.uint8)[..., None]


def _sprite_xys(values: Array) -> npt.NDArray[np.uint8]:
    x, y, width = values.T
    return _bytes(_blob(x, y, width, 40))


def _sprite_curved(values: Array) -> npt.NDArray[np.uint8]:
    a, b = values.T / np.sqrt(2)
    return _bytes(_blob(12 + a - b, 12 + a + b, 1.3, 24))


def _two_blobs(values: Array) -> npt.NDArray[np.uint8]:
    left_x, left_y, right_x, right_y = values.T
    return _bytes(np.minimum(_blob(left_x, left_y, 2.5, 48) + _blob(right_x, right_y, 2.5, 48), 1))


def _disc(values: Array) -> npt.NDArray[np.uint8]:
    at = (np.arange(32 * _ALIAS) + 0.5) / _ALIAS
    x, y = values.T[:, :, None, None]
    inside = (at[None, None, :] - x) ** 2 + (at[None, :, None] - y) ** 2 < 25
    return _bytes(inside.reshape(len(values), 32, _ALIAS, 32, _ALIAS).mean(axis=(2, 4)))


_DRAWS = {"sprite_xys": _sprite_xys, "sprite_curved": _sprite_curved, "two_blobs": _two_blobs, "disc": _disc}
