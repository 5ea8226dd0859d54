"""SmallNORB: fifty toys photographed from all sides."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image
from tqdm.auto import tqdm

from distoolkit.contract import DataError
from distoolkit.data import files, sources
from distoolkit.data.grid import Factor, labelled, option_hash
from distoolkit.data.idx import decompressed
from distoolkit.data.lazy import Mapped, lazily, resized

LICENCE = "free for research, as is said; see https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
GRID = (
    Factor("category", 5, "categorical", ("animal", "human", "airplane", "truck", "car")),
    Factor("instance", 10, "categorical"),
    Factor("elevation", 9),
    Factor("azimuth", 18, "circular"),
    Factor("lighting", 6, "categorical"),
)
# the first word of a file says what its numbers are, whatever it is called
DTYPES: dict[int, np.dtype[Any]] = {
    0x1E3D4C55: np.dtype("u1"),
    0x1E3D4C54: np.dtype("<i4"),
    0x1E3D4C51: np.dtype("<f4"),
    0x1E3D4C53: np.dtype("<f8"),
    0x1E3D4C56: np.dtype("<i2"),
}


def load(
    path: str | os.PathLike[str] | None = None,
    split: Literal["both", "train", "test"] = "both",
    size: Literal[96, 64, 32] = 64,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load SmallNORB: 48,600 grey images (24,300 in each half), the left picture of each stereo pair.

    Factors: category 5, instance 10, elevation 9, azimuth 18 (a full turn), lighting 6. ``both`` halves together are
    a full grid; the training half has instances 4, 6, 7, 8, 9 and the test half the others. Images are in the order
    of their factors, the last fastest. The usual protocol leaves ``instance`` out of the scores.

    Parameters
    ----------
    path
        A folder with the ``.mat`` files, gzipped or not; without it they are downloaded.
    size
        96 as they are, else resized by PIL's LANCZOS filter.
    sample, seed
        This many distinct images, drawn at random, instead of all.

    Raises
    ------
    DataError
        A file cannot be had, is damaged, or is laid out otherwise.
    """
    halves = ("train", "test") if split == "both" else (split,)
    found = {(h, p): _file(path, h, p, progress) for h in halves for p in ("dat", "cat", "info")}
    factors = np.concatenate([_factors(found[h, "cat"], found[h, "info"]) for h in halves])
    order = np.lexsort(factors.T[::-1])
    content = option_hash("smallnorb", files=[files.file_hash(p) for p in found.values()])
    shape = (len(factors), size, size)
    fill = functools.partial(_fill, [found[h, "dat"] for h in halves], order, progress)
    stored = files.converted(f"smallnorb-{size}", content, shape, fill)
    images = labelled(
        lazily(Mapped(stored), (*shape, 1)), factors[order], GRID, "smallnorb", content,
        index=np.arange(len(factors)), split=split, size=size,
    )  # fmt: skip
    return files.sampled(images, sample, seed)


def _file(path: str | os.PathLike[str] | None, half: str, part: str, progress: bool) -> Path:
    file = sources.SMALLNORB[half, part]
    if path is not None:
        plain = Path(path).expanduser() / file.name.removesuffix(".gz")
        if plain.is_file():
            return plain
    return files.located(path, file, LICENCE, progress=progress)


def _factors(cat: Path, info: Path) -> npt.NDArray[np.int64]:
    """Return category, instance, elevation, azimuth (halved: it is stored as 0, 2, ..., 34) and lighting."""
    category, rest = read_matrix(cat), read_matrix(info)
    if category.ndim != 1 or rest.shape != (len(category), 4):
        raise DataError(f"{cat} and {info} have shapes {category.shape} and {rest.shape}; expected (n,) and (n, 4)")
    factors = np.column_stack([category, rest]).astype(np.int64)
    factors[:, 3] //= 2
    if (factors < 0).any() or (factors >= [f.size for f in GRID]).any():
        raise DataError(f"{info} has values outside the factors of SmallNORB: up to {factors.max(axis=0).tolist()}")
    return factors


def _fill(paths: list[Path], order: npt.NDArray[np.int64], progress: bool, target: npt.NDArray[np.uint8]) -> None:
    place = np.argsort(order)  # where each image of the files goes
    size, start = target.shape[1], 0
    with tqdm(total=len(target), desc="rewriting SmallNORB", unit="image", disable=not progress) as bar:
        for path in paths:
            pairs = read_matrix(path)
            if pairs.ndim != 4 or pairs.shape[1:] != (2, 96, 96) or pairs.dtype != np.uint8:
                raise DataError(f"{path} holds {pairs.dtype} {pairs.shape}; expected uint8 (n, 2, 96, 96)")
            for picture in pairs[:, 0]:
                target[place[start]] = resized(picture, size, Image.Resampling.LANCZOS)
                start += 1
                bar.update()


def read_matrix(path: Path) -> npt.NDArray[Any]:
    """Read one file of NORB's binary matrix format: magic, number of axes, at least three lengths, the data.

    Raises
    ------
    DataError
        An unknown magic number, or fewer or more bytes than the lengths say.
    """
    data = decompressed(path)
    magic, axes = np.frombuffer(data[:8].ljust(8, b"\0"), "<i4").tolist()
    if magic not in DTYPES or not 0 < axes < 8:
        raise DataError(f"{path} is no matrix of NORB: it begins with {data[:4].hex()}")
    start = 8 + 4 * max(3, axes)
    shape = tuple(np.frombuffer(data[8 : 8 + 4 * axes].ljust(4 * axes, b"\0"), "<i4").tolist())
    expected = int(np.prod(shape, dtype=np.int64)) * DTYPES[magic].itemsize
    if min(shape) < 0 or len(data) - start != expected:
        raise DataError(f"{path} holds {len(data) - start} bytes for shape {shape}, expected {expected}: get it again")
    return np.frombuffer(data, DTYPES[magic], offset=start).reshape(shape)
