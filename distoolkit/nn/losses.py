"""Reconstruction terms: negative log-likelihood of an image, summed over its pixels, in nats.

Sums, not means: the weight of a KL term (beta, gamma) means the same as in the papers only against a sum. All are
computed in float32, whatever the networks run in.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from distoolkit.contract import ConfigError

LIKELIHOODS = ("bernoulli", "gaussian")


def reconstruction_loss(logits: torch.Tensor, image: torch.Tensor, likelihood: str = "bernoulli") -> torch.Tensor:
    """Negative log-likelihood of each image under the decoder's logits; `LIKELIHOODS` names the choices.

    Parameters
    ----------
    logits
        (batch, channel, y, x): the decoder's output; its sigmoid is the drawn image for both likelihoods.
    image
        (batch, channel, y, x) in [0, 1].

    Returns
    -------
    torch.Tensor
        (batch,) nats.
    """
    if likelihood == "bernoulli":
        return bernoulli_loss(logits, image)
    if likelihood == "gaussian":
        return gaussian_loss(torch.sigmoid(logits.float()), image)
    raise ConfigError(f"likelihood = {likelihood!r} is not allowed: give {' or '.join(map(repr, LIKELIHOODS))}")


def bernoulli_loss(logits: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of each image with the sigmoid of the logits, summed over channels and pixels.

    For grey values between 0 and 1 its minimum is the entropy of the pixels, not 0.
    """
    return F.binary_cross_entropy_with_logits(logits.float(), image.float(), reduction="none").flatten(1).sum(1)


def gaussian_loss(mean: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Half the squared error of each image, summed over channels and pixels.

    The negative log-likelihood of a Gaussian of variance 1, without its constant.
    """
    return 0.5 * (mean.float() - image.float()).square().flatten(1).sum(1)
