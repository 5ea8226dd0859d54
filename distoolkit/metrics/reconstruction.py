"""Reconstruction error."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics.result import card_of, mean_interval, result
from distoolkit.metrics.table import table_of


def reconstruction(latents: xr.Dataset, *, seed: int = 0) -> xr.Dataset:
    """Report the mean squared pixel error of the decoded codes, and its peak signal-to-noise ratio.

    Says how much of the image the code keeps, and nothing about disentanglement: read the other scores beside it.
    Errors are comparable only between runs on the same images at the same size.

    Parameters
    ----------
    latents
        Codes with ``reconstruction_mse`` (sample,), images in [0, 1].
    seed
        Not used: every sample counts.

    Returns
    -------
    ``reconstruction_mse`` (lower is better) and ``reconstruction_psnr`` in decibels,
    -10 log10 of the mean squared error over all images, and at most 100 (an error of 1e-10).
    """
    table = table_of(latents)
    errors = latents["reconstruction_mse"].values.astype(np.float64)
    mse = float(errors.mean())
    low, high = mean_interval(errors)
    interval = max(low, 0.0), high
    card = card_of(
        table,
        variant="mean over pixels, channels and images; the ratio is taken after the mean",
        seed=seed,
        samples={"points": len(errors)},
        settings={},
        estimator="mean",
        interval="95 %, from the spread between images",
    )
    return result(
        {"reconstruction_mse": mse, "reconstruction_psnr": psnr(mse)},
        card,
        intervals={"reconstruction_mse": interval, "reconstruction_psnr": (psnr(interval[1]), psnr(interval[0]))},
        lower_is_better=("reconstruction_mse",),
    )


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in decibels of a mean squared error of images in [0, 1], at most 100."""
    return float(-10 * np.log10(max(mse, 1e-10)))
