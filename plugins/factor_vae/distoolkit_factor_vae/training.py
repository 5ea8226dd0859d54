"""Algorithm 2 of the paper: each step updates the VAE, then the discriminator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distoolkit.contract import Report
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit_factor_vae.losses import accuracy, discriminator_loss, permute_dims, total_correlation
from distoolkit_factor_vae.model import Discriminator

if TYPE_CHECKING:
    from distoolkit_factor_vae import Config


def train(model: GaussianVAE, loop: Any, config: Config) -> Iterator[Report]:
    """Yield one report a step; each step takes two batches, the halves of one."""
    discriminator = loop.module(
        "discriminator", Discriminator(config.latents, config.discriminator_width, config.discriminator_layers)
    )
    adam = loop.optimizer("vae", torch.optim.Adam(model.parameters(), lr=config.lr))
    adam_d = loop.optimizer(
        "discriminator",
        torch.optim.Adam(discriminator.parameters(), lr=config.lr_discriminator, betas=(0.5, 0.9)),
    )
    for batch in loop.stage("train", config.steps, batch_size=2 * config.batch_size):
        first, second = batch["image"].chunk(2)

        terms = vae_terms(model, discriminator, first, config)
        loss = terms.reconstruction + terms.kl + config.gamma * terms.total_correlation
        loop.minimise(loss, adam)

        joint, product = judge(model, discriminator, terms.code, second)
        loss_d = discriminator_loss(joint, product)
        loop.minimise(loss_d, adam_d)

        yield {
            "loss": loss,
            "reconstruction": terms.reconstruction,
            "kl": terms.kl,
            "total_correlation": terms.total_correlation,
            "discriminator_loss": loss_d,
            "discriminator_accuracy": accuracy(joint, product),
        }


@dataclass(frozen=True)
class Terms:
    """The parts of the VAE's loss, each a mean over the batch in nats, and the codes that were drawn."""

    reconstruction: torch.Tensor
    kl: torch.Tensor
    total_correlation: torch.Tensor
    code: torch.Tensor


def vae_terms(model: GaussianVAE, discriminator: nn.Module, image: torch.Tensor, config: Config) -> Terms:
    """Compute the parts of the VAE's loss. Gradients reach the VAE, through the discriminator but not into it."""
    mean, logvar = model.moments(image)
    code = reparameterise(mean, logvar)
    with frozen(discriminator):
        logits = discriminator(code)
    return Terms(
        reconstruction_loss(model.logits(code), image, config.likelihood).mean(),
        kl_standard_normal(mean, logvar).sum(1).mean(),
        total_correlation(logits),
        code,
    )


def judge(
    model: GaussianVAE, discriminator: nn.Module, code: torch.Tensor, image: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the discriminator's logits of the codes drawn before and of shuffled codes of other images.

    Gradients reach the discriminator only.
    """
    with torch.no_grad():
        shuffled = permute_dims(reparameterise(*model.moments(image)))
    return discriminator(code.detach()), discriminator(shuffled)


@contextlib.contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Keep gradients out of a module's parameters; what passes through it keeps them."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in module.parameters():
            parameter.requires_grad_(True)
