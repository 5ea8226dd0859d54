"""The noise schedule beta_t and everything that follows from it.

Notation: alpha_t = 1 - beta_t, abar_t = alpha_0 * ... * alpha_t, abar_{-1} = 1, t = 0 .. T-1; the forward process is
x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps (Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.choices import SCHEDULES, SHIFTS


def make_betas(kind: str, steps: int, start: float = 0.0015, end: float = 0.0155) -> torch.Tensor:
    """Return beta_t for t = 0 .. steps-1 in float64.

    Parameters
    ----------
    kind
        ``"ldm"``: the square of a straight line between the roots of ``start`` and ``end``, which the latent diffusion
        code calls "linear"; ``"linear"``: a straight line (Ho et al. 2020); ``"cosine"``: Nichol and Dhariwal (2021,
        equation 17), which takes neither end.
    steps
        T, at least 2.
    """
    if kind == "ldm":
        return torch.linspace(math.sqrt(start), math.sqrt(end), steps, dtype=torch.float64, device="cpu").square()
    if kind == "linear":
        return torch.linspace(start, end, steps, dtype=torch.float64, device="cpu")
    if kind == "cosine":
        time = torch.linspace(0, 1, steps + 1, dtype=torch.float64, device="cpu")
        kept = torch.cos((time + 0.008) / 1.008 * math.pi / 2).square()
        return (1 - kept[1:] / kept[:-1]).clamp(max=0.999)
    raise ConfigError(f"schedule = {kind!r} is not allowed: give {' or '.join(map(repr, SCHEDULES))}")


LEAST_KEPT = 1e-4
"""Of a picture at the time where a walk from noise begins. The first step divides by the root of it: a cosine schedule
ends at 2e-9, where an error of the noise prediction would come out 20,000 times as large."""

SLOW = 0.1
"""Up to this beta a time can be visited however little is kept there. Linear schedules end a little below `LEAST_KEPT`
too, with small betas; walks on them begin at T-1, as elsewhere. The cosine one ends in a few betas near 1."""


class Schedule(nn.Module):
    """Tables of the schedule by t, computed in float64 and kept in float32.

    Attributes
    ----------
    betas, alphas, alpha_bars
        (T,) as in the module's notation.
    k_train
        (T,) the shift coefficient that moves the mean of the reverse step, ``shift="posterior"``:
        -sqrt(alpha_t) (1 - abar_{t-1}) / sqrt(1 - abar_t).
    k_ddim
        (T,) the shift coefficient of the score, ``shift="score"``: -sqrt(1 - abar_t).
    walked
        How many times, from 0 on, a walk can visit: up to the last where abar_t is `LEAST_KEPT` or more, or beta_t is
        `SLOW` or less. That is T but for schedules which, like the cosine one, end in a few long steps.

    Raises
    ------
    ConfigError
        Betas that are not one-dimensional or not all inside (0, 1).
    """

    betas: torch.Tensor
    alphas: torch.Tensor
    alpha_bars: torch.Tensor
    k_train: torch.Tensor
    k_ddim: torch.Tensor

    def __init__(self, betas: torch.Tensor) -> None:
        super().__init__()
        betas = torch.as_tensor(betas, dtype=torch.float64, device="cpu")
        if betas.dim() != 1 or len(betas) < 2 or not bool(((betas > 0) & (betas < 1)).all()):
            span = f" from {float(betas.min()):g} to {float(betas.max()):g}" if betas.numel() else ""
            raise ConfigError(
                f"a schedule of shape {tuple(betas.shape)}{span} cannot be used: give beta_t as a vector of at least "
                "two numbers, each above 0 and below 1"
            )
        alphas = 1 - betas
        alpha_bars = alphas.cumprod(0)
        walkable = ((alpha_bars >= LEAST_KEPT) | (betas <= SLOW)).nonzero()
        self.walked = int(walkable[-1]) + 1 if len(walkable) else 1
        before = torch.cat([alpha_bars.new_ones(1), alpha_bars[:-1]])
        tables = {
            "betas": betas,
            "alphas": alphas,
            "alpha_bars": alpha_bars,
            "k_train": -alphas.sqrt() * (1 - before) / (1 - alpha_bars).sqrt(),
            "k_ddim": -(1 - alpha_bars).sqrt(),
        }
        for name, table in tables.items():  # not saved with the weights: the config says it all
            self.register_buffer(name, table.float(), persistent=False)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Schedule:
        """Move to a device, but stay in float32 when a model is converted: bfloat16 would round abar_0 to 1."""

        def moved(table: torch.Tensor) -> torch.Tensor:
            found = fn(table)
            return found if found.dtype == table.dtype else table.to(found.device)

        super()._apply(moved, recurse)  # type: ignore[no-untyped-call]
        return self

    def __len__(self) -> int:
        """Return T."""
        return len(self.betas)

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return x_t: ``clean`` and ``noise`` (batch, ...), ``t`` (batch,) whole numbers in 0 .. T-1."""
        kept = like(self.alpha_bars[t], clean)
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def clean_from(self, noisy: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the one-step estimate of x0 from x_t and a noise prediction: the inverse of `add_noise`."""
        kept = like(self.alpha_bars[t], noisy)
        return (noisy - (1 - kept).sqrt() * noise) / kept.sqrt()

    def clean_change(self, field: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return what a gradient field g adds to the estimate of x0: (1 - abar_t) / sqrt(abar_t) * g.

        ``field`` (batch, ...); the noise prediction shifted by k_ddim * g, put into `clean_from`.
        """
        kept = like(self.alpha_bars[t], field)
        return (1 - kept) / kept.sqrt() * field

    def shift(self, field: torch.Tensor, t: torch.Tensor, kind: str = "score") -> torch.Tensor:
        """Return what a gradient field g adds to the noise prediction: k_train * g or k_ddim * g, see `SHIFTS`."""
        if kind not in SHIFTS:
            raise ConfigError(f"shift = {kind!r} is not allowed: give {' or '.join(map(repr, SHIFTS))}")
        table = self.k_train if kind == "posterior" else self.k_ddim
        return like(table[t], field) * field


def like(values: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Reshape one number for each sample, so that it multiplies (batch, ...)."""
    return values.reshape(-1, *[1] * (target.dim() - 1))
