"""Reconstruction through the quantised code, and the two losses that bring code and codebook together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Batch, Report
from distoolkit.nn import bernoulli_loss
from distoolkit_qlae.model import straight_through

if TYPE_CHECKING:
    from distoolkit_qlae import Config
    from distoolkit_qlae.model import QLAE


def train(model: QLAE, loop: Any, config: Config) -> Iterator[Report]:
    """Yield one report a step.

    Reconstruction is the binary cross-entropy, a mean over pixels and not a sum as in the VAEs: the weights of the
    other losses and of the decay mean what they mean in the paper only against a mean.
    """
    adam = loop.optimizer("adam", torch.optim.AdamW(decayed(model, config.weight_decay), lr=config.lr))

    def loss(batch: Batch) -> Report:
        image = batch["image"]
        code = model.continuous(image)
        if not config.quantise:
            reconstruction = pixel_loss(model.decoder(code), image)
            return {"loss": reconstruction, "reconstruction": reconstruction}
        quantised = model.nearest(code)
        reconstruction = pixel_loss(model.decoder(straight_through(code, quantised)), image)
        quantisation, commitment = distances(code, quantised)
        return {
            "loss": reconstruction + config.lambda_quantise * quantisation + config.lambda_commit * commitment,
            "reconstruction": reconstruction,
            "quantisation": quantisation,
            "commitment": commitment,
        }

    yield from loop.descend(loss, adam, "train", config.steps)


def pixel_loss(logits: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, the mean over images, channels and pixels."""
    return bernoulli_loss(logits, image).mean() / image[0].numel()


def distances(code: torch.Tensor, quantised: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean squared distance twice: the first moves the codebook alone, the second the encoder alone.

    The quantisation and the commitment loss of van den Oord et al., "Neural Discrete Representation Learning"
    (NeurIPS 2017), which the paper takes over.
    """
    code, quantised = code.float(), quantised.float()
    return (code.detach() - quantised).square().mean(), (code - quantised.detach()).square().mean()


def decayed(model: QLAE, weight_decay: float) -> list[dict[str, Any]]:
    """Group the parameters for the optimiser: weights decay, biases and codebook do not."""
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    others = [p for name, p in model.named_parameters() if not name.endswith("weight")]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
