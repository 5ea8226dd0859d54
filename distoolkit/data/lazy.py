"""Images that are made or read only when somebody looks at them.

An array of a hundred thousand pictures is wrapped through xarray's documented doors for lazy arrays
(`xarray.backends.BackendArray` and `LazilyIndexedArray`): ``images.isel(sample=...)`` costs nothing until the
values are asked for, and then only those pictures are drawn or read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image
from tqdm.auto import tqdm
from xarray.backends import BackendArray
from xarray.core import indexing

from distoolkit import schema
from distoolkit.storage import replacing

Read = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]
CHUNK = 64
"""Pictures drawn in one go: bounds the memory of the work beside the result, and stays in the cache."""


class LazyImages(BackendArray):
    """A numpy-like uint8 array (sample, y, x, channel) whose pictures come from a function.

    Parameters
    ----------
    read
        Maps positions along ``sample`` (int64, in any order, repeats allowed) to their pictures. To pickle the
        array, for a process pool, the function has to be one that pickles.
    shape
        (sample, y, x, channel).
    """

    def __init__(self, read: Read, shape: tuple[int, ...]) -> None:
        self.read = read
        self.shape = shape
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._select)

    def _select(self, key: tuple[Any, ...]) -> npt.NDArray[np.uint8]:
        """Read with one integer, slice or integer array for each axis (outer indexing)."""
        samples, *window = key
        chosen = np.arange(self.shape[0])[samples]
        pictures = self._pictures(np.atleast_1d(chosen))
        for axis, part in enumerate(window, start=1):
            if not (isinstance(part, slice) and part == slice(None)):
                keep = np.atleast_1d(np.arange(self.shape[axis])[part])
                pictures = np.take(pictures, keep, axis=axis)
        dropped = tuple(axis for axis, part in enumerate(key) if isinstance(part, int | np.integer))
        return pictures.squeeze(dropped)

    def _pictures(self, samples: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        if len(samples) <= CHUNK:
            return self.read(samples)
        pictures = np.empty((len(samples), *self.shape[1:]), dtype=np.uint8)
        for start in range(0, len(samples), CHUNK):
            pictures[start : start + CHUNK] = self.read(samples[start : start + CHUNK])
        return pictures


class Mapped:
    """Reads pictures out of a ``.npy`` file that stays on the disk. Pickles as its path, not as its content."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.array = np.load(self.path, mmap_mode="r", allow_pickle=False)

    def __call__(self, samples: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the pictures at these positions; (sample, y, x) gets its channel axis."""
        pictures = np.asarray(self.array[samples])
        return pictures[..., None] if pictures.ndim == 3 else pictures

    def __reduce__(self) -> tuple[Any, ...]:
        return Mapped, (self.path,)


def lazily(read: Read, shape: tuple[int, ...]) -> indexing.LazilyIndexedArray:
    """Wrap a function that reads pictures as an array that `distoolkit.as_images` takes and keeps lazy."""
    return indexing.LazilyIndexedArray(LazyImages(read, shape))


def materialise(
    images: xr.Dataset, path: str | os.PathLike[str], *, progress: bool = True, chunk: int = 1024
) -> xr.Dataset:
    """Write all pictures of a data set into one ``.npy`` file and read them from there from now on.

    Worth it where a picture is dear to make (decoded JPEG, a slow disk) and the set is larger than the memory:
    the file is memory-mapped, so only the pages in use are held.

    Parameters
    ----------
    images
        An images Dataset, lazy or not.
    path
        The file to write, uint8 (sample, y, x, channel). An older one is replaced when the new one is whole.
    progress
        Show a progress bar.
    chunk
        Pictures held at a time.

    Returns
    -------
    Dataset
        The same Dataset with ``image`` read lazily from ``path``.
    """
    schema.check(images, "images")
    image = images["image"].variable
    count = image.shape[0]
    with replacing(path) as temporary:
        bar = tqdm(total=count, desc=f"writing {Path(path).name}", unit="image", disable=not progress)
        with bar, temporary.open("wb") as file:  # written, not mapped: a page fault for each 4 kB costs more
            header = {"descr": "|u1", "fortran_order": False, "shape": image.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, count, chunk):
                part = image[start : start + chunk].values
                file.write(np.ascontiguousarray(part).data)
                bar.update(len(part))
    lazy = xr.Variable(image.dims, lazily(Mapped(path), image.shape))
    return images.assign(image=lazy)


def interleaved(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Turn (image, channel, y, x) into contiguous (image, y, x, channel).

    Channel by channel, which takes a third of the time of copying a transposed view.
    """
    image = np.empty((len(planes), *planes.shape[2:], planes.shape[1]), dtype=np.uint8)
    for channel in range(planes.shape[1]):
        image[..., channel] = planes[:, channel]
    return image


def resized(picture: npt.NDArray[np.uint8], size: int, sampling: Image.Resampling) -> npt.NDArray[np.uint8]:
    """Resize one square picture, (y, x) or (y, x, 3), with one of PIL's filters."""
    if picture.shape[0] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), sampling), dtype=np.uint8)


def halved(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pictures of half the height and width: the rounded mean of each 2x2 block."""
    total = image.astype(np.uint16)
    total = total[:, 0::2] + total[:, 1::2]
    total = total[:, :, 0::2] + total[:, :, 1::2]
    return ((total + 2) // 4).astype(np.uint8)
