"""The spectral method as a module, so that saving, moving and drawing are those of any network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn import Decoder
from distoolkit_isometry.charts import Charts
from distoolkit_isometry.hessian import fewest_neighbours

if TYPE_CHECKING:
    from distoolkit_isometry import HessianICAConfig


class HessianICA(nn.Module):
    """Charts on images, and a network that draws if one was asked for."""

    def __init__(self, config: HessianICAConfig, spec: ImageSpec) -> None:
        super().__init__()
        check(config)
        self.shape = (spec.channels, spec.height, spec.width)
        count = max(min(spec.count, config.landmarks), 1)
        self.charts = Charts(math.prod(self.shape), config.latents, count, config.components)
        self.network = Decoder(spec, config.latents, width=config.width, activation="silu") if config.steps else None

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the code by the charts around the image: (batch, latent)."""
        return self.charts.encode(image.flatten(1))

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Draw codes, by the network if there is one, else by the charts: (batch, channel, y, x) in [0, 1]."""
        if self.network is not None:
            return self.draw(code)
        return self.charts.decode(code).clamp(0, 1).reshape(-1, *self.shape)

    def draw(self, code: torch.Tensor) -> torch.Tensor:
        """Draw codes by the network, which sees each entry with variance 1."""
        assert self.network is not None
        spread = self.charts.codes.std(0, correction=0).clamp_min(1e-6)
        return torch.sigmoid(self.network(code / spread))


def check(config: HessianICAConfig) -> None:
    """Refuse neighbourhoods that are too small for the second-order terms."""
    least = fewest_neighbours(config.latents)
    if config.neighbours and config.neighbours < least:
        raise ConfigError(
            f"neighbours = {config.neighbours} is not allowed with {config.latents} latents: the second-order terms "
            f"need at least {least}; 0 chooses a usual number"
        )
