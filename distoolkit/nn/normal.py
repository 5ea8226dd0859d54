"""Diagonal Gaussians given by mean and log-variance: draw, compare with the prior, wrap as a distribution."""

from __future__ import annotations

import torch
from torch.distributions import Normal


def gaussian(mean: torch.Tensor, logvar: torch.Tensor) -> Normal:
    """Return N(mean, exp(logvar)) with batch shape (batch, latent).

    Without torch's own checks of the arguments: each of them makes the device wait for the host.
    """
    return Normal(mean, torch.exp(logvar / 2), validate_args=False)


def reparameterise(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Draw z = mean + exp(logvar / 2) * noise, one draw for each row; gradients reach both arguments.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), section 2.4.
    """
    return mean + torch.exp(logvar / 2) * torch.randn_like(mean)


def kl_standard_normal(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of N(mean, exp(logvar)) from N(0, 1), for each latent, in nats.

    Returns (batch, latent): sum over the last axis for the KL of an image, average over the first for the usual
    "KL of each latent". Source: Kingma and Welling (ICLR 2014), appendix B.
    """
    mean, logvar = mean.float(), logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1)
