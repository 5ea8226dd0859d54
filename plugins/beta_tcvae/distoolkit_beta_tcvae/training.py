"""Reconstruction and the three parts of the KL term, one of which weighs beta."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Batch, Report
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit_beta_tcvae.decomposition import decompose

if TYPE_CHECKING:
    from distoolkit_beta_tcvae import Config


def train(model: GaussianVAE, loop: Any, config: Config) -> Iterator[Report]:
    """Train on equation 4 of the paper with alpha = gamma = 1; yield one report a step, means over the batch in nats.

    ``kl`` is the exact KL term of the batch, of which the three parts are an estimate; it is not in the loss.
    """
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))

    def loss(batch: Batch) -> Report:
        image = batch["image"]
        mean, logvar = model.moments(image)
        code = reparameterise(mean, logvar)
        reconstruction = reconstruction_loss(model.logits(code), image, config.likelihood).mean()
        parts = decompose(code, mean, logvar, loop.spec.count, config.estimator)
        weighed = parts.mutual_information + config.beta * parts.total_correlation + parts.dimension_wise_kl
        return {
            "loss": reconstruction + weighed,
            "reconstruction": reconstruction,
            "kl": kl_standard_normal(mean, logvar).sum(1).mean().detach(),
            "mutual_information": parts.mutual_information,
            "total_correlation": parts.total_correlation,
            "dimension_wise_kl": parts.dimension_wise_kl,
        }

    yield from loop.descend(loss, adam, "train", config.steps)
