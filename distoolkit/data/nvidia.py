"""Falcor3D and Isaac3D: rendered rooms, in their versions of 128 pixels."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image
from tqdm.auto import tqdm

from distoolkit import schema
from distoolkit.contract import DataError, DataFile
from distoolkit.data import files, sources
from distoolkit.data.archives import unpack
from distoolkit.data.download import cache_folder
from distoolkit.data.grid import Factor, Grid, labelled, option_hash
from distoolkit.data.lazy import Mapped, lazily, resized

LICENCE = "CC BY 4.0"
FALCOR = (
    Factor("lighting_intensity", 5),
    *(Factor(f"lighting_{axis}_dir", 6) for axis in "xyz"),
    *(Factor(f"camera_{axis}_pos", 6) for axis in "xyz"),
)
ISAAC = (
    Factor("object_shape", 3, "categorical"),
    Factor("object_scale", 4),
    Factor("camera_height", 4),
    Factor("robot_x", 8),
    Factor("robot_y", 5),
    Factor("lighting_intensity", 4),
    Factor("lighting_y_dir", 6),
    Factor("object_color", 4, "categorical"),
    Factor("wall_color", 4, "categorical"),
)
Size = Literal[64, 128, 32]


def load_falcor3d(
    path: str | os.PathLike[str] | None = None,
    size: Size = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load Falcor3D: 233,280 colour images of a living room under changing light and camera.

    Parameters
    ----------
    path
        The archive of the 128-pixel version (tar or zip) or the folder that it was unpacked to, with
        ``train-rec.labels`` and ``images/NNNNNN.png``. Programs cannot download it (Google Drive).
    size
        128 as they are, else resized by PIL's bicubic filter.
    sample, seed
        This many distinct images, drawn at random, instead of all.

    Raises
    ------
    DataError
        The files are missing, damaged, or do not belong together.
    """
    return _load("falcor3d", sources.FALCOR3D, "train-rec.labels", FALCOR, path, size, sample, seed, progress)


def load_isaac3d(
    path: str | os.PathLike[str] | None = None,
    size: Size = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load Isaac3D: 737,280 colour images of a robot arm in a kitchen.

    Parameters
    ----------
    path
        The archive of the 128-pixel version (tar or zip) or the folder that it was unpacked to, with ``labels.npy``
        and ``images/NNNNNN.png``. Programs cannot download it (Google Drive).
    size, sample, seed
        As in Falcor3D.

    Raises
    ------
    DataError
        The files are missing, damaged, or do not belong together.
    """
    return _load("isaac3d", sources.ISAAC3D, "labels.npy", ISAAC, path, size, sample, seed, progress)


def _load(
    name: str, file: DataFile, table: str, factors: Grid, path: str | os.PathLike[str] | None, size: Size,
    sample: int | None, seed: int, progress: bool,
) -> xr.Dataset:  # fmt: skip
    root = _folder(name, file, path, progress)
    labels = next(iter(sorted(root.rglob(table))), None)
    if labels is None:
        raise DataError(f"{root} holds no {table}: give the archive of {file.name}, or the folder it was unpacked to")
    values = levels(files.npy(labels), factors, labels)
    pictures = sorted((labels.parent / "images").glob("*.png"), key=lambda p: (len(p.stem), p.stem))
    if len(pictures) != len(values):
        raise DataError(f"{labels.parent} holds {len(pictures)} pictures in images/ and {len(values)} labels")
    ends = [schema.fingerprint(np.frombuffer(p.read_bytes(), np.uint8)) for p in (pictures[0], pictures[-1])]
    content = option_hash(files.file_hash(labels), ends=ends)
    shape = (len(values), size, size, 3)
    stored = files.converted(f"{name}-{size}", content, shape, functools.partial(_fill, pictures, progress))
    pixels, index = lazily(Mapped(stored), shape), np.arange(len(values))
    return files.sampled(labelled(pixels, values, factors, name, content, index=index, size=size), sample, seed)


def levels(table: npt.NDArray[np.float64], factors: Grid, path: Path) -> npt.NDArray[np.int64]:
    """Number the values of each factor in rising order. The formula in the set's own description does not fit them.

    Raises
    ------
    DataError
        Another number of columns, or more values of a factor than it has.
    """
    if table.ndim != 2 or table.shape[1] != len(factors) or table.dtype.kind != "f":
        raise DataError(f"{path} holds {table.dtype} {table.shape}, expected floats (n, {len(factors)})")
    # rounded, since one value may be written in two ways
    columns = [np.unique(np.round(column, 5), return_inverse=True) for column in table.T]
    found = [len(distinct) for distinct, _ in columns]
    if any(n > f.size for n, f in zip(found, factors, strict=True)):
        raise DataError(f"{path} has {found} values of its factors, expected at most {[f.size for f in factors]}")
    return np.stack([inverse for _, inverse in columns], axis=1).astype(np.int64)


def _folder(name: str, file: DataFile, path: str | os.PathLike[str] | None, progress: bool) -> Path:
    """Return the unpacked folder; unpack the archive into the cache folder if need be."""
    place = Path(path).expanduser() if path is not None else cache_folder() / file.name
    if place.is_dir():
        return place
    if not place.is_file():
        place = files.located(path, file, LICENCE)  # words the error
    folder = cache_folder() / "unpacked" / f"{name}-{files.file_hash(place)}"
    return folder if folder.is_dir() else unpack(place, folder, progress=progress)


def _fill(pictures: list[Path], progress: bool, target: npt.NDArray[np.uint8]) -> None:
    for k, path in enumerate(tqdm(pictures, "reading pictures", disable=not progress)):
        try:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}): get it again") from error
        if pixels.shape != (128, 128, 3):
            raise DataError(f"{path} has shape {pixels.shape}, expected (128, 128, 3)")
        target[k] = resized(pixels, target.shape[1], Image.Resampling.BICUBIC)
