"""What all data sets in files share: finding them, hashing them, opening array files without unpickling."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm.auto import tqdm

from distoolkit.contract import DataError, DataFile
from distoolkit.data.download import cache_folder, obtain
from distoolkit.data.grid import choose, option_hash
from distoolkit.data.lazy import halved
from distoolkit.storage import replacing

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
            block_size = WHOLE // 256
            for start in np.linspace(0, size - block_size, 256, dtype=np.int64):
                file.seek(int(start))
                digest.update(file.read(block_size))
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
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
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
                    shape, _, dtype = _npy_header(file)
                if not dtype.hasobject:
                    shapes[name.removesuffix(".npy")] = shape
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise DataError(f"{path} cannot be read as an .npz archive ({error}); copy or download it again") from error
    return shapes


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def npz_rows(path: Path, key: str, shape: tuple[int, ...], rows: int = 4096) -> Iterator[npt.NDArray[np.uint8]]:
    """Read a uint8 array of an ``.npz`` file block by block along its first axis, never whole in memory."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            found, fortran, dtype = _npy_header(file)
            if dtype != np.uint8 or fortran or found[1:] != shape[1:]:
                raise DataError(f"{path}: {key} is {dtype} {found}; expected uint8 {shape} in C order")
            for start in range(0, found[0], rows):
                block = min(rows, found[0] - start)
                data = file.read(block * math.prod(found[1:]))
                yield np.frombuffer(data, dtype=np.uint8).reshape(block, *found[1:])
    except KeyError as error:
        raise DataError(f"{path} has no array {key}; it has {', '.join(npz_shapes(path))}") from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read to its end ({error}); copy or download it again") from error


def located(path: str | os.PathLike[str] | None, file: DataFile, licence: str, *, progress: bool = True) -> Path:
    """Return where a published file lies: ``path``, or the file of that name in the folder ``path``, or the cache."""
    if path is None:
        return obtain(file, licence, progress=progress)
    path = Path(path).expanduser()
    return existing(path / file.name if path.is_dir() else path)


def converted(name: str, content: str, shape: tuple[int, ...], fill: Callable[[npt.NDArray[np.uint8]], None]) -> Path:
    """Return a uint8 ``.npy`` file of this shape in the cache folder; the first time, make it with ``fill``.

    Published files are packed for the way, not for reading images at random. They are rewritten once, and from then
    on memory-mapped.

    Raises
    ------
    DataError
        There is not enough room in the cache folder.
    """
    target = cache_folder() / "converted" / f"{name}-{content}.npy"
    if target.is_file():
        return target
    need = math.prod(shape)
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < need:
        raise DataError(
            f"{name} needs {need / 1e9:.1f} GB in {target.parent}, which has {free / 1e9:.1f} GB free: free some "
            "space, or set DISTOOLKIT_DATA to a folder on another disk"
        )
    with replacing(target) as temporary:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        fill(array)
        array.flush()
        del array
    return target


def rewrite(blocks: Iterable[npt.NDArray[np.uint8]], what: str, progress: bool, target: npt.NDArray[np.uint8]) -> None:
    """Fill an array with blocks of pictures, one after another, at their size or at half of it."""
    start = 0
    with tqdm(total=len(target), desc=f"rewriting {what}", unit="image", disable=not progress) as bar:
        for block in blocks:
            block = block if block.shape[1] == target.shape[1] else halved(block)
            target[start : start + len(block)] = block
            start += len(block)
            bar.update(len(block))


def sampled(images: xr.Dataset, sample: int | None, seed: int, **options: Any) -> xr.Dataset:
    """Keep ``sample`` random distinct images; the options go into the hash."""
    if sample is not None:
        images = images.isel(sample=choose(images.sizes["sample"], sample, seed))
    digest = option_hash(str(images.attrs["data_hash"]), sample=sample, seed=seed, **options)
    return images.assign_attrs(data_hash=digest)
