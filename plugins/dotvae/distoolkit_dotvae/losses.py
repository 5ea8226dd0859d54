"""The losses of the two steps, all to be minimised, as means over the batch in nats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from distoolkit.nn import kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit_dotvae.model import DotVAE

LOGVAR = (-6.0, 2.0)
"""Range to which log-variances are clamped where a code is recovered: without it R1 falls without bound."""


@dataclass(frozen=True)
class Wake:
    """The parts of the wake step's loss, and the codes that were drawn."""

    reconstruction: torch.Tensor
    kl: torch.Tensor
    kl_nuisance: torch.Tensor
    z1: torch.Tensor
    z2: torch.Tensor

    def loss(self, beta: float) -> torch.Tensor:
        """Reconstruction + KL of the open dimensions + beta times the KL of z2 (the paper's step 1, signs turned)."""
        return self.reconstruction + self.kl + beta * self.kl_nuisance


def wake(model: DotVAE, image: torch.Tensor, likelihood: str = "bernoulli") -> Wake:
    """Compute step 1 on a batch. With every dimension closed and beta = 1 it is the pre-training's loss."""
    q = model.moments(image)
    z1, z2 = reparameterise(q.mean1, q.logvar1), reparameterise(q.mean2, q.logvar2)
    return Wake(
        reconstruction_loss(model.logits(z1, z2), image, likelihood).mean(),
        (model.gamma * kl_standard_normal(q.mean1, q.logvar1)).sum(1).mean(),
        kl_standard_normal(q.mean2, q.logvar2).sum(1).mean(),
        z1,
        z2,
    )


def intervene(z1: torch.Tensor, opened: torch.Tensor) -> torch.Tensor:
    """Set one open dimension of every code to a draw from its prior N(0, 1).

    Values are set, not swapped between images. No gradient passes: the result is the target of the recovery.

    Parameters
    ----------
    z1
        (batch, latents) codes.
    opened
        (count,) positions of the open dimensions.
    """
    chosen = opened[torch.randint(len(opened), (len(z1), 1), device=z1.device)]
    return z1.detach().scatter(1, chosen, torch.randn_like(z1[:, :1]))


def recovery(code: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor, form: str = "gaussian") -> torch.Tensor:
    """Cost of every entry of a code under what was read back of it: (batch, latent) in all arguments and out.

    ``"gaussian"`` is the negative log-density of N(mean, exp(logvar)) without its constant, the log-variance
    clamped to `LOGVAR`; ``"mse"`` is half the squared error.
    """
    error = (code.float() - mean.float()).square()
    if form == "mse":
        return 0.5 * error
    logvar = logvar.float().clamp(*LOGVAR)
    return 0.5 * (error * torch.exp(-logvar) + logvar)


@dataclass(frozen=True)
class Dream:
    """The parts of the intervention step's loss, and the decoded interventions (batch, channel, y, x)."""

    recovery: torch.Tensor
    nuisance_recovery: torch.Tensor
    adversarial: torch.Tensor
    image: torch.Tensor


def dream(
    model: DotVAE,
    z1: torch.Tensor,
    z2: torch.Tensor,
    opened: torch.Tensor,
    discriminator: nn.Module | None = None,
    form: str = "gaussian",
) -> Dream:
    """Decode an intervened code, encode the picture again, and compare (the paper's step 2).

    Gradients of both recoveries reach encoder and decoder, that of the adversarial part reaches the decoder; none
    reaches the first encoding or the discriminator.

    Parameters
    ----------
    z1, z2
        Codes drawn for a batch of images.
    opened
        Positions of the open dimensions.
    discriminator
        None leaves the adversarial part out.
    form
        See `recovery`.
    """
    z1, z2 = intervene(z1, opened), z2.detach()
    image = torch.sigmoid(model.logits(z1, z2))
    q = model.moments(image)
    if discriminator is None:
        adversarial = image.new_zeros(())
    else:
        with frozen(discriminator):
            adversarial = F.softplus(-discriminator(image).float()).mean()
    return Dream(
        (model.gamma * recovery(z1, q.mean1, q.logvar1, form)).sum(1).mean(),
        recovery(z2, q.mean2, q.logvar2, form).sum(1).mean(),
        adversarial,
        image,
    )


def discriminator_loss(discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of telling images from decoded interventions; 2 log 2 is guessing.

    Gradients reach the discriminator only.
    """
    logits = discriminator(torch.cat([real, fake.detach().to(real.dtype)])).float()
    return F.softplus(-logits[: len(real)]).mean() + F.softplus(logits[len(real) :]).mean()


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
