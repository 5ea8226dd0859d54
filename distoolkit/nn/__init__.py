"""Networks and loss terms that several methods share. A method may use them; none has to.

Everything is loaded on first use, so that the settings in `distoolkit.nn.diffusion` cost no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# none of these functions is called like a module of this package, which would take its place
_HOME = {
    "ACTIVATIONS": "convolution",
    "Decoder": "convolution",
    "Encoder": "convolution",
    "GaussianVAE": "vae",
    "LIKELIHOODS": "losses",
    "bernoulli_loss": "losses",
    "gaussian": "normal",
    "gaussian_loss": "losses",
    "kl_standard_normal": "normal",
    "reconstruction_loss": "losses",
    "reparameterise": "normal",
}

__all__ = [
    "ACTIVATIONS",
    "LIKELIHOODS",
    "Decoder",
    "Encoder",
    "GaussianVAE",
    "bernoulli_loss",
    "gaussian",
    "gaussian_loss",
    "kl_standard_normal",
    "reconstruction_loss",
    "reparameterise",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"distoolkit.nn.{_HOME[name]}"), name)
    raise AttributeError(f"module 'distoolkit.nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from distoolkit.nn.convolution import ACTIVATIONS, Decoder, Encoder
    from distoolkit.nn.losses import LIKELIHOODS, bernoulli_loss, gaussian_loss, reconstruction_loss
    from distoolkit.nn.normal import gaussian, kl_standard_normal, reparameterise
    from distoolkit.nn.vae import GaussianVAE
