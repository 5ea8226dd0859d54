"""The convolutional Gaussian VAE that the VAE family trains, each method with a loss of its own."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn
from torch.distributions import Normal

from distoolkit.contract import ImageSpec
from distoolkit.nn.convolution import Decoder, Encoder
from distoolkit.nn.normal import gaussian


class Sizes(Protocol):
    """What the settings of a method with this model say."""

    @property
    def latents(self) -> int:
        """Size of the code."""

    @property
    def width(self) -> int:
        """Channels of the first convolutions."""

    @property
    def activation(self) -> str:
        """One of `distoolkit.nn.ACTIVATIONS`."""


def build(config: Sizes, spec: ImageSpec) -> GaussianVAE:
    """Build the VAE that the settings describe: ``model="distoolkit.nn.vae:build"`` in a method's record."""
    return GaussianVAE(spec, config.latents, width=config.width, activation=config.activation)


class GaussianVAE(nn.Module):
    """Encoder to a diagonal Gaussian, decoder to pixel logits.

    A method uses it by building one; nothing inherits from it. Parameters as in `Encoder`.
    """

    def __init__(self, spec: ImageSpec, latents: int, *, width: int = 32, activation: str = "relu") -> None:
        super().__init__()
        self.encoder = Encoder(spec, 2 * latents, width=width, activation=activation)
        self.decoder = Decoder(spec, latents, width=width, activation=activation)

    def moments(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of q(z|x), each (batch, latent)."""
        mean, logvar = self.encoder(image).chunk(2, dim=1)
        return mean, logvar

    def logits(self, code: torch.Tensor) -> torch.Tensor:
        """Return the logits of the pixels (batch, channel, y, x)."""
        logits: torch.Tensor = self.decoder(code)
        return logits

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the mean of q(z|x): (batch, latent)."""
        return self.moments(image)[0]

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return the drawn images in [0, 1]: (batch, channel, y, x)."""
        return torch.sigmoid(self.logits(code))

    def posterior(self, image: torch.Tensor) -> Normal:
        """Return q(z|x) with batch shape (batch, latent)."""
        return gaussian(*self.moments(image))
