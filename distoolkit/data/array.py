"""Images in a ``.npy`` or ``.npz`` file. Nothing is ever unpickled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data import files
from distoolkit.data.lazy import Mapped, lazily


def load(
    path: str | os.PathLike[str],
    key: str | None = None,
    factors: str | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Load images from an array file.

    Parameters
    ----------
    path
        ``.npy``: uint8 (sample, y, x, channel) or (sample, y, x) stays on the disk and is read when it is looked at.
        ``.npz``: read into memory. Floats in [0, 1] are turned into uint8.
    key
        Which array of an ``.npz`` holds the images; not needed when only one has three or four dimensions.
    factors
        Which array of an ``.npz`` holds the factors (sample, factor), as whole numbers from 0.
    sample, seed
        This many distinct images, drawn at random, instead of all.

    Raises
    ------
    DataError
        No such file or key, a file that is damaged or pickled, an array that is no images.
    """
    path = files.existing(path)
    labels = None
    if path.suffix == ".npz":
        key = key or _only_images(path)
        arrays = files.npz(path, (key,) if factors is None else (key, factors))
        pixels, labels = arrays[key], None if factors is None else arrays[factors]
    elif key is not None or factors is not None:
        raise DataError(f"{path} is no .npz file: it holds one array, so there is no key to give")
    else:
        pixels = _on_disk(path)
    images = schema.as_images(pixels, labels, name="array", data_hash=files.file_hash(path))
    return files.sampled(images, sample, seed, key=key, factors=factors)


def _only_images(path: Path) -> str:
    shapes = files.npz_shapes(path)
    likely = [key for key, shape in shapes.items() if len(shape) in (3, 4)]
    if not shapes:
        raise DataError(f"{path} holds no plain array: pickled objects are not read. Save it again as uint8 or float")
    if len(likely) != 1:
        raise DataError(f"{path} holds {shapes}: say which array holds the images with key=")
    return likely[0]


def _on_disk(path: Path) -> Any:
    """Return a lazy array where the file holds uint8 images, the array itself otherwise."""
    array: npt.NDArray[Any] = files.npy(path)
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        return array
    return lazily(Mapped(path), array.shape if array.ndim == 4 else (*array.shape, 1))
