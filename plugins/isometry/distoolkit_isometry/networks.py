"""The autoencoder: convolutional like the toolkit's VAEs, or fully connected for small images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import ImageSpec
from distoolkit.nn import Decoder, Encoder
from distoolkit.nn.convolution import ACTIVATIONS
from distoolkit_isometry.turn import Turn

if TYPE_CHECKING:
    from distoolkit_isometry import AutoencoderConfig

SMOOTH = ("silu", "elu")  # with a ReLU the Jacobian is constant in pieces and has no derivative to learn from


class Autoencoder(nn.Module):
    """Encoder, decoder, and the turn that makes the code independent."""

    def __init__(self, config: AutoencoderConfig, spec: ImageSpec) -> None:
        super().__init__()
        self.encoder: nn.Module
        self.decoder: nn.Module
        if config.network == "conv":
            self.encoder = Encoder(spec, config.latents, width=config.width, activation=config.activation)
            self.decoder = Decoder(spec, config.latents, width=config.width, activation=config.activation)
        else:
            shape, hidden = (spec.channels, spec.height, spec.width), 3 * config.width
            nonlinear = ACTIVATIONS[config.activation]
            self.encoder = nn.Sequential(nn.Flatten(), *_connected(math.prod(shape), hidden, config.latents, nonlinear))
            decoder = _connected(config.latents, hidden, math.prod(shape), nonlinear)
            self.decoder = nn.Sequential(*decoder, nn.Unflatten(1, shape))
        self.turn = Turn(config.latents)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the turned code: (batch, latent)."""
        turned: torch.Tensor = self.turn(self.encoder(image))
        return turned

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return the drawn images, clipped to [0, 1]: (batch, channel, y, x)."""
        drawn: torch.Tensor = self.decoder(self.turn.back(code))
        return drawn.clamp(0, 1)


def _connected(inputs: int, hidden: int, outputs: int, nonlinear: type[nn.Module]) -> list[nn.Module]:
    return [
        nn.Linear(inputs, hidden),
        nonlinear(),
        nn.Linear(hidden, hidden),
        nonlinear(),
        nn.Linear(hidden, outputs),
    ]
