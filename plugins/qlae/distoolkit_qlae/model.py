"""The autoencoder and the codebook between its halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import ImageSpec
from distoolkit.nn import Decoder, Encoder

if TYPE_CHECKING:
    from distoolkit_qlae import Config


class QLAE(nn.Module):
    """Encode images to one of a few values for each latent, and draw images from them.

    Attributes
    ----------
    codebook
        (latent, value) parameter: the values that each latent can take; evenly spaced in [-0.5, 0.5] at first.
    """

    def __init__(
        self, spec: ImageSpec, latents: int, values: int, *, quantise: bool = True, width: int, activation: str
    ) -> None:
        super().__init__()
        self.encoder = Encoder(spec, latents, width=width, activation=activation)
        self.decoder = Decoder(spec, latents, width=width, activation=activation)
        self.codebook = nn.Parameter(torch.linspace(-0.5, 0.5, values).repeat(latents, 1))
        self.quantise = quantise

    def continuous(self, image: torch.Tensor) -> torch.Tensor:
        """Return what the encoder says, before it is quantised: (batch, latent)."""
        code: torch.Tensor = self.encoder(image)
        return code

    def index(self, code: torch.Tensor) -> torch.Tensor:
        """Return which value of its codebook is nearest to each entry: (batch, latent) whole numbers."""
        return (code.detach()[:, :, None] - self.codebook.detach()).abs().argmin(2)

    def nearest(self, code: torch.Tensor) -> torch.Tensor:
        """Return the nearest values (batch, latent); gradients reach the codebook, not the code."""
        return self.codebook.gather(1, self.index(code).T).T

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the quantised codes: (batch, latent)."""
        code = self.continuous(image)
        return self.nearest(code) if self.quantise else code

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return the images in [0, 1] of codes, each entry first taken to the nearest value: (batch, channel, y, x)."""
        return torch.sigmoid(self.decoder(self.nearest(code) if self.quantise else code))


def straight_through(code: torch.Tensor, quantised: torch.Tensor) -> torch.Tensor:
    """Return the quantised values, with the gradient of the code: as if quantising had been the identity."""
    return code + (quantised - code).detach()


def build(config: Config, spec: ImageSpec) -> QLAE:
    """Build the autoencoder that the config describes."""
    return QLAE(
        spec,
        config.latents,
        config.values,
        quantise=config.quantise,
        width=config.width,
        activation=config.activation,
    )
