"""One loss with three weighings of its KL term."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Batch, Report
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise

if TYPE_CHECKING:
    from distoolkit_beta_vae import AnnealedVAEConfig, BetaVAEConfig, VAEConfig

Weighing = Callable[[torch.Tensor], torch.Tensor]


def vae(model: GaussianVAE, loop: Any, config: VAEConfig) -> Iterator[Report]:
    """Train on reconstruction + KL (Kingma and Welling 2014, equation 10)."""
    return train(model, loop, config, lambda kl: kl)


def beta_vae(model: GaussianVAE, loop: Any, config: BetaVAEConfig) -> Iterator[Report]:
    """Train on reconstruction + beta KL (Higgins et al. 2017, equation 4)."""
    return train(model, loop, config, lambda kl: config.beta * kl)


def annealed_vae(model: GaussianVAE, loop: Any, config: AnnealedVAEConfig) -> Iterator[Report]:
    """Train on reconstruction + gamma |KL - C|, where C rises during training (Burgess et al. 2018, equation 8)."""

    def weigh(kl: torch.Tensor) -> torch.Tensor:
        target = capacity(loop.stage_step, config.capacity, config.capacity_steps)
        return config.gamma * (kl - target).abs()

    return train(model, loop, config, weigh)


def capacity(step: int, last: float, steps: int) -> float:
    """Return the target of the KL term at a step, in nats: from 0 in a straight line to ``last``, then constant."""
    return last * min(step / steps, 1.0)


def train(model: GaussianVAE, loop: Any, config: VAEConfig, weigh: Weighing) -> Iterator[Report]:
    """Yield one report a step: the loss and its parts, means over the batch in nats."""
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))

    def loss(batch: Batch) -> Report:
        image = batch["image"]
        mean, logvar = model.moments(image)
        logits = model.logits(reparameterise(mean, logvar))
        reconstruction = reconstruction_loss(logits, image, config.likelihood).mean()
        kl = kl_standard_normal(mean, logvar).sum(1).mean()
        return {"loss": reconstruction + weigh(kl), "reconstruction": reconstruction, "kl": kl}

    yield from loop.descend(loss, adam, "train", config.steps)
