"""Sprites with something added that is no factor: a colour, noise, a picture behind them.

The colour, noisy and scream variants of dSprites come from Locatello et al. (ICML 2019). There the additions are
drawn anew each time an image is looked at; here each image has its own, fixed by ``seed``, so that the same image
looks the same in training, in evaluation and in a table.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data import dsprites, sprites
from distoolkit.data.grid import option_hash
from distoolkit.data.lazy import halved, interleaved, lazily

VERSION = 1
Size = Literal[64, 32]
Pixels = npt.NDArray[np.uint8]
Draws = list[np.random.Generator]
Add = Callable[[npt.NDArray[np.bool_], Draws], Pixels]


def load_colour(
    path: str | os.PathLike[str] | None = None, size: Size = 64, sample: int | None = None, seed: int = 0
) -> xr.Dataset:
    """Load sprites in one random colour each: every channel uniform in [0.5, 1] (128 to 255).

    Parameters
    ----------
    path
        A published dSprites file; without it the sprites are rendered here (see the data set ``sprites``).
    size
        64, or 32 by the mean of each 2x2 block.
    sample, seed
        This many distinct images, drawn at random; the seed also fixes the colours.
    """
    return _load("colour_sprites", _colour, path, size, sample, seed)


def load_noisy(
    path: str | os.PathLike[str] | None = None, size: Size = 64, sample: int | None = None, seed: int = 0
) -> xr.Dataset:
    """Load sprites under noise: uniform over all brightnesses for each pixel and channel, added and cut at white.

    Parameters
    ----------
    path, size, sample, seed
        As for ``colour_sprites``; the seed also fixes the noise.
    """
    return _load("noisy_sprites", _noise, path, size, sample, seed)


def load_picture(
    path: str | os.PathLike[str] | None = None,
    picture: str | os.PathLike[str] | None = None,
    size: Size = 64,
    sample: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Load sprites in front of a random part of a picture, in which they are seen as its negative.

    The published variant takes The Scream by Munch. The background is the mean of a 64x64 part of the picture and
    one random colour.

    Parameters
    ----------
    path
        A published dSprites file; without it the sprites are rendered here.
    picture
        A picture file, shrunk to at most 350x274 pixels first. Without one it is ``china.jpg``, a photograph that
        ships with scikit-learn.
    size, sample, seed
        As for ``colour_sprites``; the seed also fixes the parts and colours.

    Raises
    ------
    DataError
        The picture cannot be read or is smaller than 64x64 pixels.
    """
    scene = _scene(picture)
    add = functools.partial(_background, scene)
    images = _load("picture_sprites", add, path, size, sample, seed, scene=schema.fingerprint(scene))
    return images.assign_attrs(background=Path(picture).name if picture else "china.jpg of scikit-learn")


def _load(
    name: str, add: Add, path: str | os.PathLike[str] | None, size: Size, sample: int | None, seed: int, scene: str = ""
) -> xr.Dataset:
    base = sprites.load(64, sample, seed) if path is None else dsprites.load(path, 64, sample, seed)
    image = base["image"].variable
    numbers = base["sample"].values
    shape = (len(numbers), size, size, 3)
    pixels = lazily(functools.partial(_paint, image, numbers, add, seed, size), shape)
    base = base.assign(image=(image.dims, pixels))
    digest = option_hash(base.attrs["data_hash"], name=name, version=VERSION, seed=seed, size=size, scene=scene)
    return schema.stamp(base, "images", data=name, data_hash=digest)


def _paint(
    image: xr.Variable, numbers: npt.NDArray[np.int64], add: Add, seed: int, size: int, samples: npt.NDArray[np.int64]
) -> Pixels:
    # a generator for each image: its addition does not depend on which others are read with it
    keys = (np.array([seed, number], dtype=np.uint64) for number in numbers[samples])
    painted = add(image[samples].values > 127, [np.random.Generator(np.random.Philox(key=key)) for key in keys])
    return painted if size == 64 else halved(painted)


def _colour(inside: npt.NDArray[np.bool_], draws: Draws) -> Pixels:
    colours = np.frombuffer(b"".join(rng.bytes(3) for rng in draws), np.uint8).reshape(-1, 3, 1, 1) | 128
    return interleaved(inside.transpose(0, 3, 1, 2) * colours)  # planes: the inner loop is long


def _noise(inside: npt.NDArray[np.bool_], draws: Draws) -> Pixels:
    noise = np.frombuffer(b"".join(rng.bytes(64 * 64 * 3) for rng in draws), np.uint8).reshape(-1, 64, 64, 3)
    return np.where(inside, np.uint8(255), noise)


def _background(scene: Pixels, inside: npt.NDArray[np.bool_], draws: Draws) -> Pixels:
    behind = np.empty((len(inside), 64, 64, 3), dtype=np.uint8)
    for target, rng in zip(behind, draws, strict=True):
        top, left = (rng.integers(0, length - 64, endpoint=True) for length in scene.shape[:2])
        colour = rng.integers(0, 256, 3, dtype=np.uint16)
        target[:] = (scene[top : top + 64, left : left + 64] + colour) // 2
    return np.where(inside, 255 - behind, behind)


def _scene(picture: str | os.PathLike[str] | None) -> Pixels:
    """Return the picture behind, (y, x, 3)."""
    if picture is None:
        from sklearn.datasets import load_sample_image

        shown = Image.fromarray(load_sample_image("china.jpg"))
    else:
        try:
            with Image.open(Path(picture).expanduser()) as opened:
                shown = opened.convert("RGB")
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(f"the picture {picture} cannot be read ({error})") from error
    shown.thumbnail((350, 274), Image.Resampling.LANCZOS)
    if min(shown.size) < 64:
        raise DataError(f"the picture has {shown.size[0]}x{shown.size[1]} pixels when shrunk; it needs 64x64 or more")
    return np.asarray(shown, dtype=np.uint8)
