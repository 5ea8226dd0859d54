"""Which latents the images of a pair share, and the average of those (Locatello et al. 2020)."""

from __future__ import annotations

import math

import torch

Moments = tuple[torch.Tensor, torch.Tensor]


def kl_between(first: Moments, second: Moments) -> torch.Tensor:
    """KL divergence of each latent's first posterior from its second, in nats: (batch, latent).

    Parameters
    ----------
    first, second
        Mean and log-variance, (batch, latent) each.
    """
    (mean, logvar), (other, other_logvar) = first, second
    ratio = torch.exp(logvar - other_logvar)
    return 0.5 * (ratio + (mean - other).square() * torch.exp(-other_logvar) - 1 - logvar + other_logvar)


def shared(first: Moments, second: Moments) -> torch.Tensor:
    """Tell which latents a pair shares: (batch, latent) true or false.

    Those whose posteriors lie closer together than halfway between the closest and the farthest latent of the pair.
    The threshold adapts to the pair, so nobody has to say how many factors changed.
    """
    distance = kl_between(first, second)
    threshold = 0.5 * (distance.amax(1, keepdim=True) + distance.amin(1, keepdim=True))
    return distance < threshold


def average(first: Moments, second: Moments) -> tuple[Moments, Moments, torch.Tensor]:
    """Replace the latents that a pair shares by their average: arithmetic means of means and of variances (GVAE).

    Returns
    -------
    first, second
        Moments of both images, alike in the latents that are shared.
    share
        (batch, latent): which these are. No gradient passes through the choice.
    """
    share = shared(first, second)
    mean = 0.5 * (first[0] + second[0])
    logvar = torch.logaddexp(first[1], second[1]) - math.log(2)
    one, other = (
        (torch.where(share, mean, own_mean), torch.where(share, logvar, own_logvar))
        for own_mean, own_logvar in (first, second)
    )
    return one, other, share
