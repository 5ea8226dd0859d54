"""The KL term taken apart, each part estimated from one batch (Chen et al. 2018, section 3 and appendix C).

With the aggregate posterior q(z) = mean of q(z|x) over the N images of the data set,

    mean of KL(q(z|x) || p(z))  =  I(x; z)  +  KL(q(z) || prod_d q(z_d))  +  sum_d KL(q(z_d) || p(z_d))

mutual information, total correlation and dimension-wise KL. q(z) is a mixture of N Gaussians, of which a batch shows
only M; the two estimators differ in how they weigh those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

ESTIMATORS = ("weighted", "stratified")


@dataclass(frozen=True)
class Decomposition:
    """The three parts of the KL term, means over a batch in nats. Their sum estimates the KL term without bias."""

    mutual_information: torch.Tensor
    total_correlation: torch.Tensor
    dimension_wise_kl: torch.Tensor


def decompose(
    code: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor, count: int, estimator: str = "weighted"
) -> Decomposition:
    """Estimate the parts of the KL term (equation 2) from one draw for each image of a batch.

    Parameters
    ----------
    code
        (batch, latent), row i drawn from the posterior of image i.
    mean, logvar
        (batch, latent) moments of the posteriors.
    count
        N, the number of images in the data set.
    estimator
        ``"weighted"`` or ``"stratified"``; see `log_weights`.
    """
    code = code.float()
    log_q = log_density(code[:, None], mean.float(), logvar.float())  # (draw, image, latent)
    weights = log_weights(len(code), count, estimator, code.device)
    conditional = log_q.diagonal(dim1=0, dim2=1).sum(0)
    joint = torch.logsumexp(weights + log_q.sum(2), dim=1)
    product = torch.logsumexp(weights[:, :, None] + log_q, dim=1).sum(1)
    prior = log_density(code, torch.zeros_like(code), torch.zeros_like(code)).sum(1)
    return Decomposition(
        (conditional - joint).mean(),
        (joint - product).mean(),
        (product - prior).mean(),
    )


def log_weights(batch: int, count: int, estimator: str, device: torch.device | str = "cpu") -> torch.Tensor:
    """Log-weights (draw i, image j) with which the densities q(z_i|x_j) of a batch add up to an estimate of q(z_i).

    ``"weighted"`` (minibatch weighted sampling): every image weighs 1 / (N M). It is a lower bound of q(z) in
    expectation, by the factor 1 / N where the batch is the whole data set: the mutual information is then log N too
    large, the total correlation (latents - 1) log N too large, and the dimension-wise KL as much too small. These are
    constants that no gradient sees. Source: appendix C.1 (number not checked).

    ``"stratified"`` (minibatch stratified sampling): the image that z_i was drawn from weighs 1 / N, as in q(z), and
    the M - 1 others share the rest. Unbiased for q(z), and exact where the batch is the whole data set.
    Source: appendix C.2 (number not checked), with its weights averaged over the order of the batch.

    Raises
    ------
    ValueError
        A batch of fewer than 2 images, or larger than the data set; an unknown estimator.
    """
    if not 2 <= batch <= count:
        raise ValueError(f"a batch of {batch} from {count} images: give from 2 images to all of them")
    if estimator == "weighted":
        return torch.full((batch, batch), -math.log(count * batch), device=device)
    if estimator == "stratified":
        others = math.log((count - 1) / (count * (batch - 1)))
        return torch.full((batch, batch), others, device=device).fill_diagonal_(-math.log(count))
    raise ValueError(f"estimator = {estimator!r} is not allowed: give {' or '.join(map(repr, ESTIMATORS))}")


def log_density(z: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Log-density of N(mean, exp(logvar)) at z, entry by entry; the arguments broadcast."""
    return -0.5 * ((z - mean).square() * torch.exp(-logvar) + logvar + math.log(2 * math.pi))
