"""Sprites with soft edges whose factors are real numbers drawn from a distribution, not steps of a grid.

The true values are in ``factor_values(sample, factor)``; ``factors`` holds each value's bin, since most scores need
whole numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data import sprites
from distoolkit.data.grid import option_hash
from distoolkit.data.lazy import lazily

VERSION = 1
BINS = 20
Array = npt.NDArray[np.float64]
Draw = Callable[[Array], npt.NDArray[np.uint8]]
_RAYS = 4  # points along each side of a pixel
_SHAPES = ("square", "ellipse", "heart")
_NAMES = ("scale", "orientation", "posX", "posY")
_LOW = np.array([0.5, 0.0, 0.0, 0.0])
_HIGH = np.array([1.0, np.pi / 2, 1.0, 1.0])


def load(
    shape: Literal["square", "ellipse", "heart"] = "heart",
    distribution: Literal["uniform", "laplace", "normal"] = "uniform",
    size: Literal[64, 32] = 64,
    sample: int = 10_000,
    seed: int = 0,
) -> xr.Dataset:
    """Draw sprites of one shape with independent real factors: scale, orientation, posX, posY.

    The ranges are those of the grid (scale 0.5 to 1, positions 0 to 1) except for orientation, which stays within a
    quarter turn so that every picture has one value. Edges are anti-aliased: 4x4 points for each pixel.

    Parameters
    ----------
    distribution
        ``uniform`` over the range; ``laplace`` or ``normal`` about its middle with a standard deviation of a sixth
        of it, drawn again where they fall outside. ``normal`` is the negative control of methods that need factors
        that are not Gaussian.
    size
        Height and width in pixels.
    sample
        How many images to draw.
    seed
        Fixes them.
    """
    if sample < 1:
        raise DataError(f"sample = {sample}: give 1 or more")
    unit = _draw_unit(distribution, (sample, 4), np.random.default_rng(seed))
    values = _LOW + unit * (_HIGH - _LOW)
    draw = functools.partial(_render, kind=_SHAPES.index(shape), size=size)
    content = option_hash("continuous_sprites", version=VERSION, shape=shape, distribution=distribution, size=size,
                          sample=sample, seed=seed)  # fmt: skip
    return drawn(draw, values, unit, _NAMES, (size, size, 1), "continuous_sprites", content)


def drawn(
    draw: Draw,
    values: Array,
    unit: Array,
    names: tuple[str, ...],
    shape: tuple[int, int, int],
    name: str,
    content: str,
) -> xr.Dataset:
    """Make the lazy images Dataset of drawn factors.

    Parameters
    ----------
    draw
        Maps values (image, factor) to pictures (image, y, x, channel) uint8.
    values, unit
        (image, factor): the factors, and the same scaled to [0, 1] over their range, which gives the bins.
    """
    pixels = lazily(functools.partial(_draw, draw, values), (len(values), *shape))
    bins = np.minimum((unit * BINS).astype(np.int64), BINS - 1)
    images = schema.as_images(pixels, bins, names, factor_sizes=[BINS] * len(names), name=name, data_hash=content)
    images["factor_values"] = ("sample", "factor"), values.astype(np.float32)
    return images


def _draw(draw: Draw, values: Array, samples: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return draw(values[samples])


def _draw_unit(distribution: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draw numbers in [0, 1]."""
    if distribution == "uniform":
        return rng.random(shape)
    spread = 1 / 6 if distribution == "normal" else 1 / 6 / np.sqrt(2)  # a Laplace scale is its deviation / sqrt 2
    sampler: Any = rng.normal if distribution == "normal" else rng.laplace
    unit = np.full(shape, np.nan)
    while (outside := ~((unit >= 0) & (unit <= 1))).any():
        unit[outside] = sampler(0.5, spread, outside.sum())
    return unit


def _render(values: Array, kind: int, size: int) -> npt.NDArray[np.uint8]:
    scale, angle = (v[:, None, None].astype(np.float32) for v in values.T[:2])
    dx, columns = _window(16 + 32 * values[:, 2], size)
    dy, rows = _window(16 + 32 * values[:, 3], size)
    u = (np.cos(angle) * dx[:, None, :] - np.sin(angle) * dy[:, :, None]) / scale
    v = (np.sin(angle) * dx[:, None, :] + np.cos(angle) * dy[:, :, None]) / scale
    inside = (sprites.in_square, sprites.in_ellipse, sprites.in_heart)[kind](u, v)
    width = columns.shape[1]
    cover = inside.reshape(len(values), width, _RAYS, width, _RAYS).mean(axis=(2, 4))
    image = np.zeros((len(values), size, size, 1), dtype=np.uint8)
    image[np.arange(len(values))[:, None, None], rows[:, :, None], columns[:, None, :], 0] = np.rint(255 * cover)
    return image


def _window(centre: Array, size: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the points near each centre, as offsets from it, and the pixels that they lie in.

    A window of 32 (of 64) pixels holds the largest sprite wherever its centre is.
    """
    pixel = 64 // size
    first = np.floor(centre / 2).astype(np.int64) * 2 - 16
    points = first[:, None] + (np.arange(32 * _RAYS // pixel) + 0.5) * (pixel / _RAYS)
    numbers = first[:, None] // pixel + np.arange(32 // pixel)
    return (points - centre[:, None]).astype(np.float32), numbers
