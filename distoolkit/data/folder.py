"""A folder of the reader's own pictures."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data.grid import choose

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
Fit = Literal["crop", "stretch", "pad"]
Colour = Literal["auto", "rgb", "grey"]


def load(
    path: str | os.PathLike[str],
    size: int = 64,
    fit: Fit = "crop",
    colour: Colour = "auto",
    factor: str | None = None,
    skip_unreadable: bool = False,
    sample: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Load all pictures below a folder, in the order of their paths.

    Parameters
    ----------
    path
        The folder; its sub-folders are searched too. PNG, JPEG, BMP, GIF (first frame), TIFF and WebP.
    size
        Height and width of the images, in pixels.
    fit
        How a picture that is not square becomes so: ``crop`` cuts its middle, ``stretch`` distorts it, ``pad`` adds
        black bars.
    colour
        ``rgb`` or ``grey``; ``auto`` is grey only when every picture is.
    factor
        A name: the first sub-folder that a picture lies in becomes a categorical factor of that name.
    skip_unreadable
        Leave out pictures that cannot be read, instead of stopping; they are listed in ``attrs["skipped_json"]``.
    sample, seed
        This many distinct pictures, drawn at random, instead of all. Only those are read.
    progress
        Show a progress bar.

    Raises
    ------
    DataError
        No folder, no pictures in it, or pictures that cannot be read: they are named.
    """
    root = Path(path).expanduser()
    paths = _pictures(root)
    index = choose(len(paths), sample, seed)
    pixels, broken = _read_all([paths[k] for k in index], size, fit, colour, progress)
    if broken and (not skip_unreadable or len(broken) == len(index)):
        raise DataError(_unreadable(broken, len(index)))
    index = index[[paths[k] not in broken for k in index]]
    within = [paths[k].relative_to(root) for k in index]
    names, values = _folders(root, paths, within, factor)
    images = schema.as_images(
        pixels,
        values,
        [factor] if factor else None,
        factor_sizes=[len(names)] if factor else None,
        factor_kinds=["categorical"] if factor else None,
        name="folder",
        data_hash=schema.fingerprint(pixels),
    )
    images = images.assign_coords(sample=index, file=("sample", [p.as_posix() for p in within]))
    skipped = [p.relative_to(root).as_posix() for p in broken] or None
    labels = {factor: names} if factor else None
    return schema.stamp(images, "images", skipped=skipped, factor_labels=labels)


def _pictures(root: Path) -> list[Path]:
    """List the picture files below a folder in the order of their paths; hidden ones are left out."""
    if not root.is_dir():
        raise DataError(f"there is no folder {root}")
    found = [
        Path(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]
    if not found:
        raise DataError(
            f"{root} holds no pictures: looked for files that end in {', '.join(SUFFIXES)}, in sub-folders too"
        )
    return sorted(found, key=lambda p: p.relative_to(root).parts)


def _read_all(
    paths: list[Path], size: int, fit: Fit, colour: Colour, progress: bool
) -> tuple[npt.NDArray[np.uint8], dict[Path, str]]:
    """Decode pictures side by side; return those that could be read, and why the others could not."""
    pixels = np.empty((len(paths), size, size, 1 if colour == "grey" else 3), dtype=np.uint8)
    broken: dict[Path, str] = {}
    read, coloured = 0, False
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(functools.partial(_try, size=size, fit=fit, colour=colour), paths)
        for path, result in zip(
            paths, tqdm(results, "reading pictures", len(paths), disable=not progress), strict=True
        ):
            if isinstance(result, str):
                broken[path] = result
            else:
                pixels[read], has_colour = result
                read, coloured = read + 1, coloured or has_colour
    pixels = pixels[:read]
    return (pixels[..., :1].copy() if colour == "auto" and not coloured else pixels), broken


def _try(path: Path, size: int, fit: Fit, colour: Colour) -> tuple[npt.NDArray[np.uint8], bool] | str:
    try:
        with Image.open(path) as picture:
            return decode(picture, size, fit, "L" if colour == "grey" else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        return str(error) or type(error).__name__


def decode(picture: Image.Image, size: int, fit: Fit, mode: str) -> tuple[npt.NDArray[np.uint8], bool]:
    """Bring one opened picture to (size, size, channel) uint8; also tell whether it is stored in colour.

    The camera's rotation is undone, transparent pixels become black, 16-bit grey is scaled to 8 bits.
    """
    grey = picture.mode in ("1", "L", "LA") or picture.mode.startswith(("I", "F"))
    if picture.format == "JPEG":
        picture.draft(mode, (size, size))  # decodes at a smaller scale, never below this size
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    picture = picture.convert(mode)
    sampling = Image.Resampling.LANCZOS
    if fit == "stretch":
        picture = picture.resize((size, size), sampling)
    else:
        picture = (ImageOps.fit if fit == "crop" else ImageOps.pad)(picture, (size, size), sampling)
    return np.asarray(picture, dtype=np.uint8).reshape(size, size, -1), not grey


def _folders(
    root: Path, paths: list[Path], within: list[Path], factor: str | None
) -> tuple[list[str], npt.NDArray[np.int64] | None]:
    """Number the pictures by the first sub-folder that they lie in."""
    if factor is None:
        return [], None
    loose = [p.name for p in paths if p.parent == root]
    if loose:
        raise DataError(
            f"factor={factor!r} needs every picture in a sub-folder of {root}; {len(loose)} lie in it directly: "
            f"{', '.join(loose[:3])}"
        )
    names = sorted({p.relative_to(root).parts[0] for p in paths})
    return names, np.array([[names.index(p.parts[0])] for p in within])


def _unreadable(broken: dict[Path, str], total: int) -> str:
    first = "; ".join(f"{path}: {reason}" for path, reason in list(broken.items())[:5])
    more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
    hint = "give other pictures" if len(broken) == total else "repair or remove them, or give skip_unreadable=True"
    return f"{len(broken)} of {total} pictures cannot be read: {first}{more}. {hint[0].upper()}{hint[1:]}"
