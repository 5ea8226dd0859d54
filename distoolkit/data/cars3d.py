"""Cars3D: 183 car models seen from 96 directions."""

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

from distoolkit.contract import DataError
from distoolkit.data import files, grid, sources
from distoolkit.data.archives import unpack
from distoolkit.data.download import cache_folder
from distoolkit.data.grid import Factor, option_hash
from distoolkit.data.lazy import Mapped, lazily, resized

LICENCE = "none stated"


def load(
    path: str | os.PathLike[str] | None = None,
    size: Literal[64, 128, 32] = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load Cars3D: 17,568 colour images; elevation 4, azimuth 24, object 183.

    Objects are numbered by the sorted names of their files. disentanglement_lib numbers them in the order in which
    the disk lists them, so the two agree on elevation and azimuth only.

    Parameters
    ----------
    path
        ``nips2015-analogy-data.tar.gz``, or a folder with the ``car_*_mesh.mat`` files; without it the archive is
        downloaded (about 300 MB).
    size
        128 as they are, else resized by PIL's LANCZOS filter; other code uses other filters, and pixels differ.
    sample, seed
        This many distinct images, drawn at random, instead of all.

    Raises
    ------
    DataError
        The files cannot be had, are damaged, or are laid out otherwise.
    """
    folder, content = _folder(path, progress)
    cars = sorted(folder.rglob("car_*_mesh.mat"), key=lambda p: p.name)
    if not cars:
        raise DataError(f"{folder} holds no car_*_mesh.mat: give the archive, or the folder that it was unpacked to")
    content = content or option_hash("cars3d", files=[(p.name, files.file_hash(p)) for p in cars])
    factors = (Factor("elevation", 4), Factor("azimuth", 24, "circular"), Factor("object", len(cars), "categorical"))
    shape = (grid.count(factors), size, size, 3)
    stored = files.converted(f"cars3d-{size}", content, shape, functools.partial(_fill, cars, progress))
    index = np.arange(shape[0])
    images = grid.labelled(
        lazily(Mapped(stored), shape),
        grid.factors_of(factors, index),
        factors,
        "cars3d",
        content,
        index=index,
        size=size,
    )
    return files.sampled(images, sample, seed)


def _folder(path: str | os.PathLike[str] | None, progress: bool) -> tuple[Path, str]:
    """Return the folder with the cars, and the hash of the archive if it came from one."""
    if path is not None and Path(path).expanduser().is_dir():
        return Path(path).expanduser(), ""
    archive = files.located(path, sources.CARS3D, LICENCE, progress=progress)
    content = files.file_hash(archive)
    folder = cache_folder() / "unpacked" / f"cars3d-{content}"
    if not folder.is_dir():
        unpack(archive, folder, progress=progress)
    return folder, content


def _fill(cars: list[Path], progress: bool, target: npt.NDArray[np.uint8]) -> None:
    size = target.shape[1]
    by_factor = target.reshape(4, 24, len(cars), size, size, 3)
    for number, path in enumerate(tqdm(cars, "reading Cars3D", unit="car", disable=not progress)):
        views = _views(path)
        for azimuth, elevation in np.ndindex(24, 4):
            picture = np.ascontiguousarray(views[..., azimuth, elevation])
            by_factor[elevation, azimuth, number] = resized(picture, size, Image.Resampling.LANCZOS)


def _views(path: Path) -> npt.NDArray[np.uint8]:
    """Return all pictures of one car: (y, x, channel, azimuth, elevation)."""
    from scipy.io import loadmat

    try:
        views: npt.NDArray[np.uint8] = loadmat(path, variable_names=["im"])["im"]
    except Exception as error:  # scipy's reader raises nearly anything on damaged bytes
        raise DataError(f"{path} cannot be read as a car of Cars3D ({type(error).__name__}: {error})") from error
    if views.shape != (128, 128, 3, 24, 4) or views.dtype != np.uint8:
        raise DataError(f"{path}: im is {views.dtype} {views.shape}; expected uint8 (128, 128, 3, 24, 4)")
    return views
