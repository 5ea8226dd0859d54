"""The beta-VAE's loss on pairs whose shared latents were averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Batch, Report
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit_ada_gvae.pairing import Pairing
from distoolkit_ada_gvae.sharing import average

if TYPE_CHECKING:
    from distoolkit_ada_gvae import Config


def train(model: GaussianVAE, loop: Any, config: Config) -> Iterator[Report]:
    """Yield one report a step: means over the images of all pairs in nats, and how many latents a pair shares."""
    pairing = Pairing(loop.factors, config.changes, loop.device)
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))

    def loss(batch: Batch) -> Report:
        partner = loop.gather(pairing.partners(batch["index"]))
        return terms(model, torch.cat([batch["image"], partner["image"]]), config)

    yield from loop.descend(loss, adam, "train", config.steps)


def terms(model: GaussianVAE, image: torch.Tensor, config: Config) -> Report:
    """Compute the loss and its parts.

    Parameters
    ----------
    image
        (2 pairs, channel, y, x): the first images of all pairs, then the second ones in the same order.
    """
    mean, logvar = (part.float() for part in model.moments(image))
    report: dict[str, torch.Tensor] = {}
    if config.average:
        (mean1, mean2), (logvar1, logvar2) = mean.chunk(2), logvar.chunk(2)
        one, other, share = average((mean1, logvar1), (mean2, logvar2))
        mean, logvar = (torch.cat(pair) for pair in zip(one, other, strict=True))
        report["shared"] = share.sum(1).float().mean()
    logits = model.logits(reparameterise(mean, logvar).to(image.dtype))
    reconstruction = reconstruction_loss(logits, image, config.likelihood).mean()
    kl = kl_standard_normal(mean, logvar).sum(1).mean()
    return {"loss": reconstruction + config.beta * kl, "reconstruction": reconstruction, "kl": kl, **report}
