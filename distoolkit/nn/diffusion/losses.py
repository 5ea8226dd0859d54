"""Distances of a predicted noise from the true one."""

from __future__ import annotations

import torch

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.choices import NOISE_ERRORS
from distoolkit.nn.diffusion.schedule import Schedule


def noise_error(
    noise: torch.Tensor, predicted: torch.Tensor, t: torch.Tensor, schedule: Schedule, kind: str = "l1"
) -> torch.Tensor:
    """Return the distance of the predicted noise from the true one, a number for each sample.

    Parameters
    ----------
    noise, predicted
        (batch, ...).
    kind
        ``"l1"``: mean absolute error; ``"l2"``: mean squared error; ``"snr"``: PDAE's, the squared
        error weighted by SNR^0.1 / (1 + SNR) with SNR_t = abar_t / (1 - abar_t).
    """
    error = (noise - predicted).float()
    if kind == "l1":
        return error.abs().flatten(1).mean(1)
    squared = error.square().flatten(1).mean(1)
    if kind == "l2":
        return squared
    if kind == "snr":
        kept = schedule.alpha_bars[t]
        snr = kept / (1 - kept)
        return snr**0.1 / (1 + snr) * squared
    raise ConfigError(f"error = {kind!r} is not allowed: give {' or '.join(map(repr, NOISE_ERRORS))}")
