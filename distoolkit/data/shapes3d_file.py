"""The published 3D Shapes file."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.contract import DataError
from distoolkit.data import files, grid, sources
from distoolkit.data.dsprites import hdf5_rows
from distoolkit.data.lazy import Mapped, lazily
from distoolkit.data.shapes3d import GRID

LICENCE = "Apache-2.0"


def load(
    path: str | os.PathLike[str] | None = None,
    size: Literal[64, 32] = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load the published 3D Shapes: 480,000 colour images.

    The file is rewritten once as a plain array in the cache folder (5.9 GB at 64 pixels, 1.5 GB at 32), because its
    compressed blocks make reading at random slow.

    Parameters
    ----------
    path
        ``3dshapes.h5`` or the folder that it lies in; without it the file is downloaded (268 MB).
    size
        64, or 32 by the mean of each 2x2 block.
    sample, seed
        This many distinct images, drawn at random, instead of the whole grid.

    Raises
    ------
    DataError
        The file cannot be had, is damaged, or is laid out otherwise; the disk is too full.
    """
    source = files.located(path, sources.SHAPES3D, LICENCE, progress=progress)
    content = files.file_hash(source)
    factors = _factors(source)
    blocks = hdf5_rows(source, "images", 1000)
    shape = (len(factors), size, size, 3)
    stored = files.converted(
        f"shapes3d-{size}", content, shape, functools.partial(files.rewrite, blocks, "3D Shapes", progress)
    )
    index = np.arange(len(factors))
    pixels = lazily(Mapped(stored), shape)
    images = grid.labelled(pixels, factors, GRID, "shapes3d_file", content, index=index, size=size)
    return files.sampled(images, sample, seed)


def _factors(path: Path) -> npt.NDArray[np.int64]:
    """Turn the published values into indices: hues in tenths, scale, shape, degrees."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            labels, shape, dtype = np.asarray(file["labels"]), file["images"].shape, file["images"].dtype
    except (OSError, KeyError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as 3D Shapes ({error}): get it again") from error
    if labels.shape != (shape[0], 6) or shape[1:] != (64, 64, 3) or dtype != np.uint8:
        raise DataError(
            f"{path} holds images {dtype} {shape} and labels {labels.shape}; expected (n, 64, 64, 3), (n, 6)"
        )
    low = np.array([0, 0, 0, 0.75, 0, -30])
    step = np.array([0.1, 0.1, 0.1, 0.5 / 7, 1, 60 / 14])
    exact = (labels - low) / step
    factors = np.rint(exact).astype(np.int64)
    if np.abs(exact - factors).max() > 0.05 or (factors < 0).any() or (factors >= [f.size for f in GRID]).any():
        raise DataError(f"{path} has labels that are not those of 3D Shapes, such as {labels[0].tolist()}")
    return np.asarray(factors)
