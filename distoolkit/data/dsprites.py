"""The published dSprites file, npz or hdf5. The metadata in the npz is pickled and is not touched."""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm.auto import tqdm

from distoolkit.contract import DataError
from distoolkit.data import files, grid, sources
from distoolkit.data.lazy import Mapped, halved, lazily
from distoolkit.data.sprites import GRID

LICENCE = "Apache-2.0; rendered with the LÖVE engine (zlib licence)"
_ROWS = 23040  # images in one chunk of the hdf5 file: a slab of this height reads each chunk once


def load(
    path: str | os.PathLike[str] | None = None,
    size: Literal[64, 32] = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load the published dSprites: 737,280 binary images of squares, ellipses and hearts.

    The pictures are kept as bits in the cache folder (378 MB) and read from there; as bytes they would take 3 GB.

    Parameters
    ----------
    path
        The ``.npz`` or ``.hdf5`` file, or a folder with the latter; without it the hdf5 file is downloaded.
    size
        64, or 32 by the mean of each 2x2 block (five grey levels).
    sample, seed
        This many distinct images, drawn at random, instead of the whole grid.

    Raises
    ------
    DataError
        The file cannot be had, is damaged, or is laid out otherwise.
    """
    source = files.located(path, sources.DSPRITES_HDF5, LICENCE, progress=progress)
    content = files.file_hash(source)
    classes, blocks = _npz(source) if source.suffix == ".npz" else _hdf5(source)
    bits = functools.partial(_pack, blocks, progress)
    stored = files.converted("dsprites", content, (len(classes), 64 * 64 // 8), bits)
    read = functools.partial(_unpack, Mapped(stored), size=size)
    # the first of the six published factors is colour, which has one value
    images = grid.labelled(
        lazily(read, (len(classes), size, size, 1)), classes[:, 1:], GRID, "dsprites", content,
        index=np.arange(len(classes)), size=size,
    )  # fmt: skip
    return files.sampled(images, sample, seed)


def _npz(path: Path) -> tuple[npt.NDArray[np.int64], Iterator[npt.NDArray[np.uint8]]]:
    classes = files.npz(path, ("latents_classes",))["latents_classes"]
    return _classes(path, classes), files.npz_rows(path, "imgs", (len(classes), 64, 64))


def _hdf5(path: Path) -> tuple[npt.NDArray[np.int64], Iterator[npt.NDArray[np.uint8]]]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            classes = np.asarray(file["latents/classes"])
            if file["imgs"].shape != (len(classes), 64, 64) or file["imgs"].dtype != np.uint8:
                raise DataError(
                    f"{path}: imgs is {file['imgs'].dtype} {file['imgs'].shape}, expected uint8 (n, 64, 64)"
                )
    except (OSError, KeyError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as dSprites ({error}): get it again") from error
    return _classes(path, classes), hdf5_rows(path, "imgs", _ROWS)


def hdf5_rows(path: Path, key: str, rows: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Read a uint8 array of an HDF5 file block by block along its first axis."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            array: Any = file[key]
            for start in range(0, len(array), rows):
                yield np.asarray(array[start : start + rows])
    except (OSError, KeyError, RuntimeError, zlib.error) as error:
        raise DataError(f"{path} cannot be read to its end ({error}): get it again") from error


def _classes(path: Path, classes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    sizes = [1, *(f.size for f in GRID)]
    if classes.ndim != 2 or classes.shape[1] != 6 or classes.dtype.kind not in "iu" or (classes >= sizes).any():
        raise DataError(
            f"{path}: the classes are {classes.dtype} {classes.shape}, expected integers (n, 6) below {sizes}"
        )
    return classes.astype(np.int64)


def _pack(blocks: Iterator[npt.NDArray[np.uint8]], progress: bool, bits: npt.NDArray[np.uint8]) -> None:
    start = 0
    with tqdm(total=len(bits), desc="packing dSprites", unit="image", disable=not progress) as bar:
        for block in blocks:
            # the published file holds 0 and 1, rewritten copies 0 and 255; packbits takes any non-zero for a one
            bits[start : start + len(block)] = np.packbits(block.reshape(len(block), -1), axis=1)
            start += len(block)
            bar.update(len(block))


def _unpack(bits: Mapped, samples: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    image = np.unpackbits(bits(samples), axis=1).reshape(-1, 64, 64, 1) * np.uint8(255)
    return image if size == 64 else halved(image)
