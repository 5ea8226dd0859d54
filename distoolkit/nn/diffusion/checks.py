"""What models that draw by a walk refuse: noise, images, units and codes that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import torch

from distoolkit.contract import DataError


def check_start(noise: torch.Tensor, count: int, shape: tuple[int, ...]) -> None:
    """Refuse an x_T that is not (count, *shape), nor (1, *shape) for all.

    A U-Net takes maps of many sides, so that a wrong one would give a picture of another size in silence.

    Raises
    ------
    DataError
        With what was given and what is allowed.
    """
    allowed = {(count, *shape), (1, *shape)}
    if tuple(noise.shape) not in allowed:
        raise DataError(
            f"noise of shape {tuple(noise.shape)} cannot be walked from: give {' or '.join(map(str, sorted(allowed)))}"
        )


def check_images(image: torch.Tensor, shape: tuple[int, ...]) -> None:
    """Refuse images that are not (batch, *shape).

    Raises
    ------
    DataError
        With what was given and what the model was built for.
    """
    if image.dim() != 1 + len(shape) or image.shape[1:] != shape:
        raise DataError(
            f"images of shape {tuple(image.shape)} do not fit: this model was built for (batch, "
            f"{', '.join(map(str, shape))}), pixels in [0, 1]"
        )


def check_pairs(count: int, name: str, images: int) -> None:
    """Refuse another number of codes or sources (``name``) than of images.

    Raises
    ------
    DataError
        With the two numbers.
    """
    if count != images:
        raise DataError(f"{count} {name} and {images} images do not go together: give one for each image")


def check_units(units: Sequence[int], count: int) -> list[int]:
    """Return the numbers of units, if each is one of ``count`` and is given once.

    Raises
    ------
    DataError
        Names or fractions instead of numbers, units that do not exist, or one that is given twice.
    """
    try:
        chosen = [index(c) for c in units]
    except TypeError:
        chosen = [-1]
    if len(set(chosen)) != len(chosen) or not all(0 <= c < count for c in chosen):
        raise DataError(
            f"units = {units!r} are not allowed: give a list that has each unit at most once, by a whole number in "
            f"0 to {count - 1}"
        )
    return chosen


def check_finite(name: str, x: torch.Tensor) -> None:
    """Refuse NaN and infinity in what a walk is made from, before the walk can be blamed for them.

    Raises
    ------
    DataError
        With how many of the samples are spoilt.
    """
    if bad := spoilt(x):
        raise DataError(
            f"the {name} given holds NaN or infinity in {bad} of {len(x)} samples: nothing can be drawn from it; look "
            "at where it comes from"
        )


def spoilt(x: torch.Tensor) -> int:
    """Count the samples that hold NaN or infinity: none in tensors without data (the ``meta`` device)."""
    if x.device.type == "meta":
        return 0
    return int((~torch.isfinite(x)).flatten(1).any(1).sum())
