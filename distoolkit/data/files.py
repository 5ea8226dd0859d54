"""What all data sets in files share: finding them, hashing them, opening array files without unpickling."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.contract import DataError
from distoolkit.data.grid import choose, option_hash

WHOLE = 256 * 2**20
"""Bytes: files up to this size are hashed whole, larger ones by this much of them, evenly spread."""


def existing(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there.

    Raises
    ------
    DataError
        Nothing there, or a folder.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"there is no file {path}" + (": it is a folder" if path.is_dir() else ""))
    return path


def file_hash(path: Path) -> str:
    """Hash a file for the provenance: its size and its content, or 256 blocks of it where it is large."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        if size <= WHOLE:
            while block := file.read(2**20):
                digest.update(block)
        else:
            for start in np.linspace(0, size - 2**20, 256, dtype=np.int64):
                file.seek(int(start))
                digest.update(file.read(2**20))
    return digest.hexdigest()


def npy(path: Path, *, mapped: bool = True) -> npt.NDArray[Any]:
    """Open a ``.npy`` file, memory-mapped. A pickled one is refused: opening it could run any program."""
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path} cannot be read as a .npy array ({error}). Pickled arrays are refused, because opening one may "
            "run any program; a file that was cut short has to be copied or downloaded again"
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is no .npy file but an archive; give it the ending .npz")
    return array


def npz(path: Path, keys: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    """Read some arrays of an ``.npz`` file; the others, pickled or not, are not touched."""
    try:
        # opened here, because numpy leaves the file open when it turns out to be no archive
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            absent = [k for k in keys if k not in archive.files]
            if absent:
                raise DataError(f"{path} has no array {', '.join(absent)}; it has {', '.join(archive.files) or 'none'}")
            return {key: archive[key] for key in keys}
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} cannot be read as an .npz archive ({error}). It may be cut short: copy or download it again. "
            "Pickled arrays in it are refused"
        ) from error


def npz_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shape of every plain array of an ``.npz`` file from its header; pickled ones are left out."""
    shapes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    version = np.lib.format.read_magic(file)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read(file)
                if not dtype.hasobject:
                    shapes[name.removesuffix(".npy")] = shape
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise DataError(f"{path} cannot be read as an .npz archive ({error}); copy or download it again") from error
    return shapes


def sampled(images: xr.Dataset, sample: int | None, seed: int, **options: Any) -> xr.Dataset:
    """Keep ``sample`` random distinct images; the options go into the hash."""
    if sample is not None:
        images = images.isel(sample=choose(images.sizes["sample"], sample, seed))
    digest = option_hash(str(images.attrs["data_hash"]), sample=sample, seed=seed, **options)
    return images.assign_attrs(data_hash=digest)
