"""CelebA: 202,599 aligned faces with forty binary attributes."""

from __future__ import annotations

import functools
import io
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image
from tqdm.auto import tqdm

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data import files, sources
from distoolkit.data.archives import name_fault
from distoolkit.data.download import cache_folder
from distoolkit.data.grid import Factor, choose, labelled, option_hash
from distoolkit.data.lazy import Mapped, lazily

LICENCE = "non-commercial research only, as is said"
Crop = Literal["square", "tad", "stretch"]
LARGEST = 2**22  # bytes of one JPEG; the published ones have about 10 kB


def load(
    path: str | os.PathLike[str] | None = None,
    size: int = 64,
    crop: Crop = "square",
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load CelebA. The forty attributes are given as binary factors; they are no independent factors.

    Decoding all faces takes minutes; they are kept in the cache folder (2.5 GB at 64 pixels). With ``sample`` only
    those are decoded, into memory.

    Parameters
    ----------
    path
        A folder with ``list_attr_celeba.txt`` and either ``img_align_celeba.zip`` or the folder
        ``img_align_celeba``. Without it they are looked for in the cache folder; the licence asks that you get them
        yourself.
    size
        Height and width in pixels; resized by PIL's bicubic filter.
    crop
        The faces are 178 wide and 218 high. ``square`` cuts the middle 178x178. ``tad`` is the middle two thirds of
        that (as when the short side is brought to 96 and the middle 64x64 is cut). ``stretch`` squeezes the whole.
    sample, seed
        This many distinct images, drawn at random, instead of all.

    Raises
    ------
    DataError
        Files are missing, damaged, or do not belong together.
    """
    table = files.located(path, sources.CELEBA_ATTRIBUTES, LICENCE, progress=progress)
    names, attributes, values = read_attributes(table)
    factors = [Factor(a, 2, "categorical", ("no", "yes")) for a in attributes]
    images_at = _images_at(path, progress)
    content = option_hash(files.file_hash(table), images=_identity(images_at), size=size, crop=crop)
    index = choose(len(names), sample, seed)
    decode = functools.partial(_decode, size=size, crop=crop)
    if sample is None:
        fill = functools.partial(_fill, images_at, names, decode, progress)
        stored = files.converted(f"celeba-{crop}-{size}", content, (len(names), size, size, 3), fill)
        pixels: Any = lazily(Mapped(stored), (len(names), size, size, 3))
    else:
        pixels = np.empty((len(index), size, size, 3), dtype=np.uint8)
        _fill(images_at, [names[k] for k in index], decode, progress, pixels)
    return labelled(
        pixels, values[index], factors, "celeba", content, index=index, size=size, crop=crop, sample=sample, seed=seed
    )


def read_attributes(path: Path) -> tuple[list[str], list[str], npt.NDArray[np.int64]]:
    """Read file names, attribute names and values (0 or 1; the file has -1 and 1).

    The first line is the number of images, the second the names; then one line for each image.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        count, attributes = int(lines[0]), lines[1].split()
        rows = [line.split() for line in lines[2:] if line.strip()]
        values = np.array([row[1:] for row in rows], dtype=np.int64)
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} is no attribute table of CelebA ({error}): get it again") from error
    if len(rows) != count or values.shape != (count, len(attributes)) or not np.isin(values, (-1, 1)).all():
        raise DataError(f"{path} announces {count} images and {len(attributes)} attributes but holds {values.shape}")
    names = [row[0] for row in rows]
    bad = next((n for n in names if name_fault(n) or "/" in n), None)
    if bad is not None:
        raise DataError(f"{path} names a file {bad!r}, which is no plain file name")
    return names, attributes, (values + 1) // 2


def _images_at(path: str | os.PathLike[str] | None, progress: bool) -> Path:
    unpacked = (cache_folder() if path is None else Path(path).expanduser()) / "img_align_celeba"
    if unpacked.is_dir():
        return unpacked
    return files.located(path, sources.CELEBA_IMAGES, LICENCE, progress=progress)


def _identity(place: Path) -> str:
    """Return what tells one set of faces from another: the hash of the zip, or the sizes of the files."""
    if place.is_file():
        return files.file_hash(place)
    with os.scandir(place) as entries:
        return schema.fingerprint(np.array(sorted((e.name, str(e.stat().st_size)) for e in entries)))


def _fill(
    place: Path,
    names: list[str],
    decode: Callable[[bytes], npt.NDArray[np.uint8]],
    progress: bool,
    target: npt.NDArray[np.uint8],
) -> None:
    def work(name: str) -> npt.NDArray[np.uint8]:
        try:
            return decode(read(name))
        except (OSError, KeyError, SyntaxError, ValueError, zipfile.BadZipFile, Image.DecompressionBombError) as error:
            raise DataError(f"{place}: {name} cannot be read ({error})") from error

    archive = _zip(place)
    try:
        read = functools.partial(_read, place, archive)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            pictures = pool.map(work, names)
            for k, picture in enumerate(tqdm(pictures, "decoding CelebA", len(names), disable=not progress)):
                target[k] = picture
    finally:
        if archive:
            archive.close()


def _zip(place: Path) -> zipfile.ZipFile | None:
    try:
        return zipfile.ZipFile(place) if place.is_file() else None
    except zipfile.BadZipFile as error:
        raise DataError(f"{place} is no zip archive or was cut short ({error}): get it again") from error


def _read(place: Path, archive: zipfile.ZipFile | None, name: str) -> bytes:
    with archive.open(f"img_align_celeba/{name}") if archive else (place / name).open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes, which no face is")
    return data


def _decode(data: bytes, size: int, crop: Crop) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        side = min(width, height) * (2 / 3 if crop == "tad" else 1)
        box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
        whole = None if crop == "stretch" else box
        small = picture.convert("RGB").resize((size, size), Image.Resampling.BICUBIC, box=whole)
    return np.asarray(small, dtype=np.uint8)
