"""MPI3D: a robot arm that holds an object, simulated or photographed."""

from __future__ import annotations

import functools
import os
from typing import Literal

import numpy as np
import xarray as xr

from distoolkit.contract import DataError
from distoolkit.data import files, grid, sources
from distoolkit.data.grid import Factor
from distoolkit.data.lazy import Mapped, lazily

LICENCE = "CC BY 4.0"
Variant = Literal["toy", "realistic", "real", "real_complex"]
_REST = (
    Factor("object_size", 2, labels=("small", "large")),
    Factor("camera_height", 3, labels=("top", "center", "bottom")),
    Factor("background_color", 3, "categorical", ("purple", "sea green", "salmon")),
    Factor("horizontal_axis", 40),
    Factor("vertical_axis", 40),
)
SIX = (
    Factor("object_color", 6, "categorical", ("white", "green", "red", "blue", "brown", "olive")),
    Factor("object_shape", 6, "categorical", ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")),
    *_REST,
)
COMPLEX = (
    Factor("object_color", 4, "categorical", ("yellow", "green", "olive", "red")),
    Factor("object_shape", 4, "categorical", ("coffee-cup", "tennis-ball", "croissant", "beer-cup")),
    *_REST,
)
# an early release left two colours and two shapes out; which ones its files do not say, so they have no names
FOUR = (Factor("object_color", 4, "categorical"), Factor("object_shape", 4, "categorical"), *_REST)


def load(
    variant: Variant = "toy",
    path: str | os.PathLike[str] | None = None,
    size: Literal[64, 32] = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load MPI3D: 1,036,800 images (460,800 of ``real_complex``) of an arm holding an object.

    The archive is rewritten once as a plain array in the cache folder (12.7 GB at 64 pixels, a quarter of that at
    32) and read from there.

    Parameters
    ----------
    variant
        ``toy`` and ``realistic`` are simulated, ``real`` is photographed, ``real_complex`` photographed with four
        everyday objects.
    path
        The ``.npz`` file or the folder that it lies in; without it the file is downloaded. How many colours and
        shapes there are is told by the number of images: some files in use have four of each instead of six.
    size
        64, or 32 by the mean of each 2x2 block.
    sample, seed
        This many distinct images, drawn at random, instead of the whole grid.

    Raises
    ------
    DataError
        The file cannot be had, is damaged, or has another number of images; the disk is too full.
    """
    source = files.located(path, sources.MPI3D[variant], LICENCE, progress=progress)
    content = files.file_hash(source)
    found = files.npz_shapes(source).get("images", ())
    factors = grid_of(variant, found)
    shape = (found[0], size, size, 3)
    blocks = files.npz_rows(source, "images", found)
    stored = files.converted(
        f"mpi3d-{variant}-{size}", content, shape, functools.partial(files.rewrite, blocks, "MPI3D", progress)
    )
    index = np.arange(found[0])
    values = grid.factors_of(factors, index)
    images = grid.labelled(
        lazily(Mapped(stored), shape), values, factors, "mpi3d", f"{variant} {content}", index=index, size=size
    )
    return files.sampled(images, sample, seed)


def grid_of(variant: Variant, shape: tuple[int, ...]) -> grid.Grid:
    """Tell the grid of a file by the number of its images."""
    choices = (COMPLEX,) if variant == "real_complex" else (SIX, FOUR)
    for factors in choices:
        if shape == (grid.count(factors), 64, 64, 3):
            return factors
    expected = " or ".join(f"({grid.count(f)}, 64, 64, 3)" for f in choices)
    raise DataError(f"the images of this MPI3D {variant} file have shape {shape or 'unknown'}, expected {expected}")
