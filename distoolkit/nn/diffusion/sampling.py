"""Samplers: from noise to a picture and, for DDIM, back again.

A sampler knows no network. It takes the noise prediction as a function ``(x_t, t) -> eps`` with ``t`` (batch,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import torch

from distoolkit.contract import ConfigError, DistoolkitError
from distoolkit.nn.diffusion.checks import check_finite, spoilt
from distoolkit.nn.diffusion.schedule import Schedule

Predictor: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def sampling_times(schedule: Schedule, steps: int) -> list[int]:
    """Return ``steps`` times, evenly spaced and rising, from 0 to the last that a walk can begin at.

    That is T-1, unless the schedule ends in long steps at which nearly nothing of the picture is kept, as the cosine
    one does: an error of the noise prediction would grow there beyond all pictures. See `Schedule.walked`.

    Raises
    ------
    ConfigError
        Fewer than one step, or more than there are times.
    """
    total = schedule.walked
    if not 1 <= steps <= total:
        raise ConfigError(
            f"sampling_steps = {steps} is not allowed: give 1 to {total}, the times that a walk can visit"
        )
    if steps == 1:
        return [total - 1]
    return [round(k * (total - 1) / (steps - 1)) for k in range(steps)]


@torch.no_grad()
def ddim(
    predict: Predictor,
    schedule: Schedule,
    start: torch.Tensor,
    steps: int = 50,
    *,
    eta: float = 0.0,
    clip: bool = False,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> torch.Tensor:
    """Walk from noise to x_0 (Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021, equation 12).

    Parameters
    ----------
    start
        (batch, ...) the noise, called x_T everywhere.
    steps
        How many of the T times are visited, see `sampling_times`.
    eta
        0: no noise is added, so that the result follows from ``start`` alone; 1: as much as DDPM adds.
    clip
        Keep each estimate of x_0 within [-1, 1], for pictures: it keeps the walk of a weak model from running away, and
        from retracing an inversion.
    generator
        Source of the added noise, so that two walks can share it.
    progress
        Show a bar.

    Raises
    ------
    DistoolkitError
        The result is NaN or infinite.
    """
    walk = ddim_walk(predict, schedule, start, steps, eta=eta, clip=clip, generator=generator, progress=progress)
    *_, (x, _) = walk
    return x


@torch.no_grad()
def ddim_walk(
    predict: Predictor,
    schedule: Schedule,
    start: torch.Tensor,
    steps: int = 50,
    *,
    eta: float = 0.0,
    clip: bool = False,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield, after each step of `ddim`, where the walk stands and the present estimate of x_0."""
    check_finite("x_T", start)
    times = sampling_times(schedule, steps)
    kept = schedule.alpha_bars[times]
    kept_after = torch.cat([kept.new_ones(1), kept[:-1]])
    x = start
    for k in _bar(reversed(range(steps)), steps, "sampling", progress):
        t = torch.full((len(x),), times[k], device=x.device)
        noise = predict(x, t)
        clean = schedule.clean_from(x, noise, t)
        a, a_after = kept[k], kept_after[k]
        if clip:
            clean = clean.clamp(-1, 1)
            noise = (x - a.sqrt() * clean) / (1 - a).sqrt()  # what the bounded estimate implies
        sigma = eta * ((1 - a_after) / (1 - a) * (1 - a / a_after)).sqrt()
        x = a_after.sqrt() * clean + (1 - a_after - sigma.square()).clamp(min=0).sqrt() * noise
        if eta > 0:
            x = x + sigma * torch.randn(x.shape, device=x.device, dtype=x.dtype, generator=generator)
        if k == 0:
            refuse_nan(x)
        yield x, clean


@torch.no_grad()
def ddim_invert(
    predict: Predictor,
    schedule: Schedule,
    clean: torch.Tensor,
    steps: int = 50,
    *,
    corrections: int = 1,
    progress: bool = False,
) -> torch.Tensor:
    """Find the x_T from which `ddim` with ``eta=0`` walks to ``clean``.

    Each step solves x_before = f(x_after) for the noisier x_after: first with the noise predicted at x_before (the
    usual inversion), then ``corrections`` times with the noise predicted at the last guess, a fixed-point iteration.

    Parameters
    ----------
    clean
        (batch, ...) x_0.
    corrections
        Each one costs another prediction a step; 0 is the usual inversion.
    """
    check_finite("x_0", clean)
    times = sampling_times(schedule, steps)
    kept = schedule.alpha_bars[times]
    kept_before = torch.cat([kept.new_ones(1), kept[:-1]])
    x = clean
    for k in _bar(range(steps), steps, "inverting", progress):
        t = torch.full((len(x),), times[k], device=x.device)
        a, b = kept[k], kept_before[k]
        guess = x
        for _ in range(1 + corrections):
            noise = predict(guess, t)
            guess = a.sqrt() * (x - (1 - b).sqrt() * noise) / b.sqrt() + (1 - a).sqrt() * noise
        x = guess
    refuse_nan(x)
    return x


@torch.no_grad()
def ddpm(
    predict: Predictor,
    schedule: Schedule,
    start: torch.Tensor,
    *,
    clip: bool = False,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> torch.Tensor:
    """Walk from x_T to x_0 with the noise of the true posterior (Ho et al. 2020, algorithm 2).

    All times that a walk can visit are, which are all T but under a cosine schedule: see `Schedule.walked`.

    Raises
    ------
    DistoolkitError
        The result is NaN or infinite.
    """
    check_finite("x_T", start)
    x = start
    before = torch.cat([schedule.alpha_bars.new_ones(1), schedule.alpha_bars[:-1]])
    for k in _bar(reversed(range(schedule.walked)), schedule.walked, "sampling", progress):
        t = torch.full((len(x),), k, device=x.device)
        clean = schedule.clean_from(x, predict(x, t), t)
        if clip:
            clean = clean.clamp(-1, 1)
        beta, alpha, kept = schedule.betas[k], schedule.alphas[k], schedule.alpha_bars[k]
        x = (before[k].sqrt() * beta * clean + alpha.sqrt() * (1 - before[k]) * x) / (1 - kept)
        if k > 0:
            spread = (beta * (1 - before[k]) / (1 - kept)).sqrt()
            x = x + spread * torch.randn(x.shape, device=x.device, dtype=x.dtype, generator=generator)
    refuse_nan(x)
    return x


def refuse_nan(x: torch.Tensor) -> None:
    """Raise if a sample holds NaN or infinity. Tensors without data (the ``meta`` device) pass.

    Raises
    ------
    DistoolkitError
        With how many of the samples are spoilt.
    """
    if not (bad := spoilt(x)):
        return
    raise DistoolkitError(
        f"sampling gave NaN or infinity in {bad} of {len(x)} samples, though x_T or x_0 was finite. Check that the "
        "code is too; if it is, the weights hold NaN or the networks diverged in training: look at run.history, and "
        "train again with a smaller lr"
    )


def _bar(steps: Iterable[int], total: int, what: str, progress: bool) -> Iterable[int]:
    if not progress:
        return steps
    from tqdm.auto import tqdm

    bar: Iterable[int] = tqdm(steps, total=total, desc=what, leave=False)
    return bar
