"""Data sets that are a full grid of factors: one picture for each combination.

Row-major, as in all published sets of this kind: the last factor varies fastest.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data.lazy import lazily

Draw = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Factor:
    """One factor of a grid.

    Attributes
    ----------
    kind
        ``categorical``, ``ordered`` or ``circular``.
    labels
        Names of the values of a categorical factor, in order; may be empty.
    """

    name: str
    size: int
    kind: str = "ordered"
    labels: tuple[str, ...] = ()


Grid = Sequence[Factor]


def count(grid: Grid) -> int:
    """Return the number of combinations."""
    return math.prod(f.size for f in grid)


def factors_of(grid: Grid, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the factors (image, factor) of the pictures with these numbers in the grid."""
    return np.stack(np.unravel_index(index, [f.size for f in grid]), axis=-1)


def choose(total: int, sample: int | None, seed: int) -> npt.NDArray[np.int64]:
    """Choose which of ``total`` pictures to use: all of them, or ``sample`` distinct ones in random order.

    Raises
    ------
    DataError
        ``sample`` is below 1 or above ``total``.
    """
    if sample is None:
        return np.arange(total)
    if not 1 <= sample <= total:
        raise DataError(f"sample = {sample} is not possible: there are {total} images; give 1 to {total}, or None")
    return np.random.default_rng(seed).choice(total, sample, replace=False)


def rendered(
    draw: Draw, grid: Grid, shape: tuple[int, int, int], *, name: str, version: int, **options: Any
) -> xr.Dataset:
    """Make the lazy images Dataset of a rendered grid.

    Parameters
    ----------
    draw
        Maps factors (image, factor) to pictures (image, y, x, channel) uint8.
    shape
        (y, x, channel).
    version
        Of the renderer: part of the data's hash, to be raised whenever one pixel changes.
    options
        What the reader asked for. ``sample`` and ``seed`` choose the pictures; all of it goes into the hash.
    """
    index = choose(count(grid), options.get("sample"), options.get("seed", 0))
    factors = factors_of(grid, index)
    pixels = lazily(functools.partial(_draw, draw, factors), (len(index), *shape))
    return labelled(pixels, factors, grid, name, f"rendered-{version}", index=index, **options)


def labelled(
    pixels: Any, factors: npt.NDArray[np.int64], grid: Grid, name: str, content: str, *, index: Any, **options: Any
) -> xr.Dataset:
    """Give pictures of a grid their factors and provenance; ``content`` stands for the pixels in the hash."""
    images = schema.as_images(
        pixels,
        factors,
        [f.name for f in grid],
        factor_sizes=[f.size for f in grid],
        factor_kinds=[f.kind for f in grid],
        name=name,
        data_hash=option_hash(f"{name} {content}", **options),
    )
    images = images.assign_coords(sample=index)
    labels = {f.name: f.labels for f in grid if f.labels}
    return schema.stamp(images, "images", factor_labels=labels or None)


def option_hash(content: str, **options: Any) -> str:
    """Hash what a data set was made from together with the options that it was loaded with."""
    return hashlib.blake2b(json.dumps([content, options], sort_keys=True).encode(), digest_size=16).hexdigest()


def _draw(draw: Draw, factors: npt.NDArray[np.int64], samples: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return draw(factors[samples])
