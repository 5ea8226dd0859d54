"""What makes an autoencoder's code locally isometric to its images.

The paper's abstract says that deep autoencoders were encouraged towards local isometry; its loss was not at hand.
These are the losses of related work, named after it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import jvp, vjp

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # torch loads its forward-mode rules by what it deprecates
    with forward_ad.dual_level():
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))  # type: ignore[no-untyped-call]

Map = Callable[[Tensor], Tensor]
MARGIN = 0.2  # how far beyond two codes their mixtures reach


def mixtures(code: Tensor) -> Tensor:
    """Mix each code with another one of the batch, a little beyond both ends (Lee et al., ICLR 2022)."""
    share = torch.empty(len(code), 1, device=code.device, dtype=code.dtype).uniform_(-MARGIN, 1 + MARGIN)
    other = code[torch.randperm(len(code), device=code.device)]
    return share * code + (1 - share) * other


def directions(code: Tensor) -> Tensor:
    """Draw a direction for each code, uniformly on the unit sphere."""
    drawn = torch.randn_like(code)
    unit: Tensor = drawn / drawn.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return unit


def decoder_isometry(decode: Map, code: Tensor, direction: Tensor) -> Tensor:
    """Mean of (|J u| - 1)^2, J being the decoder's Jacobian (Gropp, Atzmon, Lipman 2020, first term).

    Parameters
    ----------
    decode
        (batch, d) -> (batch, ...).
    code, direction
        (batch, d); directions have length 1.
    """
    moved: Tensor = jvp(decode, (code,), (direction,))[1]
    length: Tensor = moved.flatten(1).norm(dim=1)
    return (length - 1).square().mean()


def encoder_isometry(encode: Map, image: Tensor, direction: Tensor) -> Tensor:
    """Mean of (|u' J| - 1)^2, J being the encoder's Jacobian: it is to be the decoder's pseudo-inverse.

    The second term of Gropp, Atzmon and Lipman (2020).
    """
    pull: Any = vjp(encode, image)[1]
    (pulled,) = pull(direction)
    length: Tensor = pulled.flatten(1).norm(dim=1)
    return (length - 1).square().mean()


def scaled_isometry(decode: Map, code: Tensor, direction: Tensor) -> Tensor:
    """Relative distortion: d E|J'J v|^2 / (E|J v|^2)^2 - 1, which is 0 if and only if J'J = c^2 I on the batch.

    Lee et al. (ICLR 2022) minimise the same ratio without the factor d and the -1.

    Parameters
    ----------
    decode, code
        As in `decoder_isometry`.
    direction
        (batch, d) drawn from a standard normal distribution.
    """
    moved: Tensor = jvp(decode, (code,), (direction,))[1]
    pull: Any = vjp(decode, code)[1]
    (round_trip,) = pull(moved)
    stretched = moved.flatten(1).square().sum(1).mean()
    ratio: Tensor = round_trip.square().sum(1).mean() / stretched.square()
    return code.shape[1] * ratio - 1


def pair_isometry(code: Tensor, other: Tensor, distance: Tensor) -> Tensor:
    """Mean of (|z - z'| / |x - x'| - 1)^2 over pairs of near images: no Jacobian is needed.

    Parameters
    ----------
    code, other
        (batch, d) codes of each pair.
    distance
        (batch,) distance of their images.
    """
    length = (code - other).square().sum(1).add(1e-12).sqrt()
    return (length / distance.clamp_min(1e-6) - 1).square().mean()
