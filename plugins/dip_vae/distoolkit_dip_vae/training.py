"""The VAE's loss and the penalty on a covariance: of the means (I), or of the codes (II)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Batch, Report
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit_dip_vae.covariance import covariance_of_codes, covariance_of_means, diagonal, off_diagonal

if TYPE_CHECKING:
    from distoolkit_dip_vae import ConfigI, ConfigII

Covariance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def dip_vae_i(model: GaussianVAE, loop: Any, config: ConfigI) -> Iterator[Report]:
    """Train with the penalty on the covariance of the posterior means."""
    return train(model, loop, config, lambda mean, logvar: covariance_of_means(mean))


def dip_vae_ii(model: GaussianVAE, loop: Any, config: ConfigII) -> Iterator[Report]:
    """Train with the penalty on the covariance of the codes, that of q(z)."""
    return train(model, loop, config, covariance_of_codes)


def train(model: GaussianVAE, loop: Any, config: ConfigI | ConfigII, covariance_of: Covariance) -> Iterator[Report]:
    """Yield one report a step: the loss and its parts, means over the batch in nats where they are."""
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))

    def loss(batch: Batch) -> Report:
        image = batch["image"]
        mean, logvar = model.moments(image)
        logits = model.logits(reparameterise(mean, logvar))
        reconstruction = reconstruction_loss(logits, image, config.likelihood).mean()
        kl = kl_standard_normal(mean, logvar).sum(1).mean()
        with loop.autocast(enabled=False):
            covariance = covariance_of(mean, logvar)
        between, own = off_diagonal(covariance), diagonal(covariance)
        return {
            "loss": reconstruction + kl + config.lambda_od * between + config.lambda_d * own,
            "reconstruction": reconstruction,
            "kl": kl,
            "off_diagonal": between,
            "diagonal": own,
        }

    yield from loop.descend(loss, adam, "train", config.steps)
