"""MNIST and Fashion-MNIST in their IDX files, gzipped or plain."""

from __future__ import annotations

import functools
import gzip
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image

from distoolkit import schema
from distoolkit.contract import DataError, DataFile
from distoolkit.data import files, sources
from distoolkit.data.grid import Factor, labelled, option_hash
from distoolkit.data.lazy import resized

DIGIT = Factor("digit", 10, "categorical")
CLOTHES = Factor(
    "clothing", 10, "categorical",
    ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
)  # fmt: skip
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
Size = Literal[28, 32, 64]
Split = Literal["train", "test", "both"]


def load_mnist(
    path: str | os.PathLike[str] | None = None,
    split: Split = "train",
    size: Size = 32,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load MNIST: 60,000 and 10,000 grey handwritten digits; the digit is the one factor.

    Parameters
    ----------
    path
        A folder with the four IDX files, gzipped or not; without it they are downloaded.
    split
        ``train``, ``test``, or ``both`` one after the other.
    size
        28 as they are, 32 with a black border of two pixels, or 64: bordered, then enlarged bilinearly.
    sample, seed
        This many distinct images, drawn at random, instead of all.
    """
    read = functools.partial(_read, path, sources.MNIST, "CC BY-SA 3.0, as is said", progress)
    return _load("mnist", DIGIT, read, split, size, sample, seed)


def load_fashion_mnist(
    path: str | os.PathLike[str] | None = None,
    split: Split = "train",
    size: Size = 32,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load Fashion-MNIST: 60,000 and 10,000 grey pictures of clothes; the kind is the one factor.

    Parameters
    ----------
    path
        A folder with the four IDX files, gzipped or not. Without it, those of the Debian package
        ``dataset-fashion-mnist`` are used if it is installed, else they are downloaded.
    split, size, sample, seed
        As in MNIST.
    """
    if path is None and DEBIAN.is_dir():
        path = DEBIAN
    read = functools.partial(_read, path, sources.FASHION_MNIST, "MIT", progress)
    return _load("fashion_mnist", CLOTHES, read, split, size, sample, seed)


def _load(
    name: str, factor: Factor, read: functools.partial[npt.NDArray[np.uint8]], split: Split, size: Size,
    sample: int | None, seed: int,
) -> xr.Dataset:  # fmt: skip
    splits = ("train", "test") if split == "both" else (split,)
    pixels = np.concatenate([read(s, "images") for s in splits])
    labels = np.concatenate([read(s, "labels") for s in splits])
    if pixels.ndim != 3 or pixels.shape[1:] != (28, 28) or labels.shape != (len(pixels),) or (labels > 9).any():
        raise DataError(
            f"the {name} files hold images {pixels.shape} and labels {labels.shape}: they do not belong together"
        )
    content = option_hash(schema.fingerprint(pixels), labels=schema.fingerprint(labels), size=size)
    images = labelled(
        _resized(pixels, size)[..., None], labels[:, None].astype(np.int64), (factor,), name, content,
        index=np.arange(len(pixels)),
    )  # fmt: skip
    return files.sampled(images, sample, seed)


def _resized(pixels: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    if size == 28:
        return pixels
    framed = np.pad(pixels, ((0, 0), (2, 2), (2, 2)))
    if size == 32:
        return framed
    large = np.empty((len(framed), size, size), dtype=np.uint8)
    for target, picture in zip(large, framed, strict=True):
        target[:] = resized(picture, size, Image.Resampling.BILINEAR)
    return large


def _read(
    path: str | os.PathLike[str] | None,
    known: Mapping[tuple[str, str], DataFile],
    licence: str,
    progress: bool,
    split: str,
    part: str,
) -> npt.NDArray[np.uint8]:
    file = known[split, part]
    if path is not None:
        plain = Path(path).expanduser() / file.name.removesuffix(".gz")
        if plain.is_file():
            return read_idx(plain)
    return read_idx(files.located(path, file, licence, progress=progress))


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read one IDX file of bytes: two zeros, the type 8, the number of axes, their lengths (big-endian), the data.

    Raises
    ------
    DataError
        Another magic number, or fewer or more bytes than the lengths say.
    """
    data = decompressed(path)
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise DataError(f"{path} is no IDX file of bytes: it begins with {data[:4].hex()}, expected 000008..")
    axes = data[3]
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", data[4:start]) if len(data) >= start else (0,)
    expected = int(np.prod(shape, dtype=np.int64))
    if len(data) - start != expected:
        raise DataError(f"{path} holds {len(data) - start} bytes for shape {shape}, expected {expected}: get it again")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def decompressed(path: Path) -> bytes:
    """Read a file into memory, unpacking gzip where it begins like it."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}): it is damaged or cut short, get it again") from error
