"""Handwritten digits in colour: what is written is one thing, the two colours are another."""

from __future__ import annotations

import colorsys
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image

from distoolkit.data.grid import Factor, choose, labelled

VERSION = 1
COLOURS = 6
FACTORS = (
    Factor("digit", 10, "categorical"),
    Factor("foreground", COLOURS, "circular"),
    Factor("background", COLOURS, "circular"),
)


def load(size: Literal[16, 32] = 16, sample: int | None = None, seed: int = 0) -> xr.Dataset:
    """Draw scikit-learn's digits in colour; the coordinate ``sample`` is the number of the handwritten form.

    Parameters
    ----------
    size
        Height and width in pixels.
    sample
        So many of the 1,797 forms, drawn at random, instead of all.
    seed
        Of the colours, and of the choice of forms.
    """
    from sklearn.datasets import load_digits

    target = load_digits().target
    index = choose(len(target), sample, seed)
    colours = np.random.default_rng([seed, VERSION]).integers(COLOURS, size=(len(target), 2))[index]
    factors = np.column_stack([target[index], colours])
    return labelled(
        draw(index, colours[:, 0], colours[:, 1], size), factors, FACTORS, "coloured_digits", f"rendered-{VERSION}",
        index=index, size=size, sample=sample, seed=seed,
    )  # fmt: skip


def draw(
    form: npt.NDArray[np.int64], foreground: npt.NDArray[np.int64], background: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.uint8]:
    """Draw handwritten forms (n,) in the colours given (n,): (n, y, x, channel) uint8."""
    from sklearn.datasets import load_digits

    grey = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)[form]
    ink = np.stack([np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BILINEAR)) for p in grey])
    return paint(ink / 255, foreground, background)


def paint(
    ink: npt.NDArray[np.float64], foreground: npt.NDArray[np.int64], background: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Give ink (n, y, x) in [0, 1] and what is behind it the colours given (n,): (n, y, x, channel) uint8.

    The background is darker than the ink and fades from top to bottom.
    """
    fade = np.linspace(1, 0.6, ink.shape[1])[None, :, None, None]
    front = _palette(1.0)[foreground][:, None, None]
    back = _palette(0.5)[background][:, None, None] * fade
    shares = ink[..., None]
    return np.rint(255 * (shares * front + (1 - shares) * back)).astype(np.uint8)


def _palette(value: float) -> npt.NDArray[np.float64]:
    return np.array([colorsys.hsv_to_rgb(k / COLOURS, 1, value) for k in range(COLOURS)])
