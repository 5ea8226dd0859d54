"""The total correlation and its estimate by the density-ratio trick (Kim and Mnih 2018, section 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from distoolkit_factor_vae.model import JOINT, PRODUCT


def total_correlation(logits: torch.Tensor) -> torch.Tensor:
    """Estimate KL(q(z) || product of q(z_j)) in nats from the discriminator's logits (batch, 2) of codes of q(z).

    The mean of log D(z) / (1 - D(z)), where D is the probability of `JOINT` (equation 3); with two logits that
    ratio is their difference.
    """
    return (logits[:, JOINT] - logits[:, PRODUCT]).mean()


def discriminator_loss(joint: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the discriminator, in nats; log 2 is guessing.

    Parameters
    ----------
    joint, product
        (batch, 2) logits of codes of q(z), and of codes with shuffled latents.
    """
    return 0.5 * (_cross_entropy(joint, JOINT) + _cross_entropy(product, PRODUCT))


def accuracy(joint: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
    """Share of codes that the discriminator names rightly; 0.5 is guessing."""
    hits = (joint[:, JOINT] > joint[:, PRODUCT]).float().mean() + (
        product[:, PRODUCT] > product[:, JOINT]
    ).float().mean()
    return 0.5 * hits


def permute_dims(code: torch.Tensor) -> torch.Tensor:
    """Shuffle each latent over the batch, independently of the others: a draw from the product of the marginals.

    Algorithm 1 of the paper. (batch, latent) in and out; no gradient is meant to pass.
    """
    order = torch.rand_like(code).argsort(dim=0)  # a random permutation of the batch for every latent
    return code.gather(0, order)


def _cross_entropy(logits: torch.Tensor, label: int) -> torch.Tensor:
    return -F.log_softmax(logits.float(), dim=1)[:, label].mean()
