"""The 1,797 handwritten digits that ship with scikit-learn: the smallest real images, no file needed."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from PIL import Image

from distoolkit.data.grid import Factor, choose, labelled

DIGIT = (Factor("digit", 10, "categorical"),)


def load(size: Literal[8, 32, 64] = 32, sample: int | None = None, seed: int = 0) -> xr.Dataset:
    """Load scikit-learn's handwritten digits, grey, with the digit as the one factor.

    Parameters
    ----------
    size
        Height and width: 8 as they are, or enlarged bilinearly to 32 or 64.
    sample, seed
        This many distinct images, drawn at random, instead of all 1,797.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    index = choose(len(bunch.images), sample, seed)
    pixels = np.rint(bunch.images[index] * (255 / 16)).astype(np.uint8)
    if size != 8:
        bilinear = Image.Resampling.BILINEAR
        pixels = np.stack([np.asarray(Image.fromarray(p).resize((size, size), bilinear)) for p in pixels])
    content = "scikit-learn"  # the wheel's file has never changed
    return labelled(
        pixels[..., None], bunch.target[index, None], DIGIT, "digits", content,
        index=index, size=size, sample=sample, seed=seed,
    )  # fmt: skip
