"""The two covariances and the penalty on them (Kumar et al. 2018)."""

from __future__ import annotations

import torch


def covariance_of_means(mean: torch.Tensor) -> torch.Tensor:
    """Covariance of the posterior means over the data set, estimated from a batch: (latent, latent).

    Divided by the size of the batch minus one, so that its expectation is the covariance of the data set.

    Parameters
    ----------
    mean
        (batch, latent).
    """
    centred = mean.float() - mean.float().mean(0)
    return centred.T @ centred / (len(mean) - 1)


def covariance_of_codes(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Covariance of the codes z of q(z), estimated from a batch: (latent, latent).

    The law of total covariance: the mean over images of the posterior's own covariance, which is diagonal, plus the
    covariance of the posterior means.

    Parameters
    ----------
    mean, logvar
        (batch, latent) moments of the posteriors.
    """
    return covariance_of_means(mean) + torch.diag(logvar.float().exp().mean(0))


def off_diagonal(covariance: torch.Tensor) -> torch.Tensor:
    """Sum of the squared covariances of different latents; each pair counts twice, as in the paper's sum."""
    squares = covariance.square()
    return squares.sum() - squares.diagonal().sum()


def diagonal(covariance: torch.Tensor) -> torch.Tensor:
    """Sum of the squared distances of the variances from 1."""
    return (covariance.diagonal() - 1).square().sum()
