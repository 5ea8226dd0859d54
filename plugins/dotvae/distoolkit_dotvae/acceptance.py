"""The test of one dimension, on images of the training set."""

from __future__ import annotations

from typing import Any

import torch

from distoolkit.nn import kl_standard_normal
from distoolkit.training.randomness import number_of
from distoolkit_dotvae.model import DotVAE
from distoolkit_dotvae.openings import Figures

IMAGES = 2048
"""On how many images a dimension is tested; all, where there are fewer."""
_CHUNK = 256


@torch.no_grad()
def measure(model: DotVAE, loop: Any, dimension: int, number: int) -> Figures:
    """Measure a dimension by interventions on it alone.

    Each image's code (posterior means) gets a draw from N(0, 1) in the dimension, is decoded and encoded again.

    Parameters
    ----------
    model
        With the dimension open.
    loop
        Gives the images.
    dimension
        Position in z1.
    number
        Of the trial. With the run's seed it decides which images are taken and the draws, so that several devices
        come to one verdict and the run's own noise is left alone.
    """
    generator = torch.Generator().manual_seed(number_of(loop.seed, "trial", number))
    index = torch.randperm(loop.spec.count, generator=generator)[:IMAGES]
    value = torch.randn(len(index), generator=generator)
    parts = [
        _look(model, loop.gather(places)["image"], dimension, draw.to(loop.device))
        for places, draw in zip(torch.split(index, _CHUNK), torch.split(value, _CHUNK), strict=True)
    ]
    return figures(*(torch.cat(column) for column in zip(*parts, strict=True)))


def figures(kl: torch.Tensor, value: torch.Tensor, back: torch.Tensor, change: torch.Tensor) -> Figures:
    """Put together what was seen on each image: all (image,).

    Parameters
    ----------
    kl
        KL of the dimension's posterior, in nats.
    value, back
        What the dimension was set to, and the posterior mean that was read back.
    change
        Mean absolute change of the image's pixels.
    """
    found = torch.stack(
        [
            kl.mean(),
            1 - (value - back).square().mean() / value.var(correction=0),
            _correlation(value, back),
            change.mean(),
        ]
    )
    return Figures(*found.tolist())


def _look(
    model: DotVAE, image: torch.Tensor, dimension: int, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    q = model.moments(image)
    kl = kl_standard_normal(q.mean1[:, dimension], q.logvar1[:, dimension])
    before = torch.sigmoid(model.logits(q.mean1, q.mean2))
    changed = q.mean1.clone()
    changed[:, dimension] = value.to(changed.dtype)
    after = torch.sigmoid(model.logits(changed, q.mean2))
    back = model.moments(after).mean1[:, dimension].float()
    return kl, value, back, (after - before).float().abs().flatten(1).mean(1)


def _correlation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation; 0 where one of them does not vary."""
    a, b = a - a.mean(), b - b.mean()
    spread = a.norm() * b.norm()
    return torch.where(spread > 0, (a * b).sum() / spread.clamp_min(1e-30), torch.zeros_like(spread))
