"""The model: two tables, a generator, and two encoders for images that are not in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec, Unit
from distoolkit_csdismo.constraints import CONSTRAINTS
from distoolkit_csdismo.generator import SLOPE, Generator

if TYPE_CHECKING:
    from distoolkit_csdismo import Config

_START = 0.05


class ContentStyle(nn.Module):
    """Content and style of every training image, and the networks that draw and read them.

    Attributes
    ----------
    content_table, style_table
        (image, content) and (image, style): free vectors, one row for each training image. The constraint acts on
        content when `contents` is asked.
    content_encoder, style_encoder
        (batch, channel, y, x) to constrained content and to style; trained in the second stage.
    weights_sha256
        (32,) SHA-256 of the VGG weights that training used; zeros without them.
    table_error
        Mean squared error of training images drawn from the tables at the end of the first stage; -1 before.
    """

    weights_sha256: torch.Tensor
    table_error: torch.Tensor

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        content = config.latents - config.style
        if content < 1:
            raise ConfigError(
                f"style = {config.style} leaves no content in a code of latents = {config.latents} entries: give less "
                "style, or more latents"
            )
        if content < 2 and config.constraint == "instance":
            raise ConfigError(
                "constraint = 'instance' gives each content vector mean 0 over its own entries, and one entry would "
                "always be 0: give more latents, less style, or another constraint"
            )
        if spec.count < 2:
            raise ConfigError(
                f"the tables have a row for each training image, and there are {spec.count}: give 2 or more"
            )
        self.layout = (Unit("content", content), Unit("style", config.style))
        self.constraint = CONSTRAINTS[config.constraint]
        self.content_table = nn.Parameter(torch.empty(spec.count, content).uniform_(-_START, _START))
        self.style_table = nn.Parameter(torch.empty(spec.count, config.style).uniform_(-_START, _START))
        self.generator = Generator(
            spec, content, config.style, width=config.width, form=config.form, norm=config.stage_norm
        )
        self.content_encoder = encoder(spec, content)
        self.style_encoder = encoder(spec, config.style)
        self.register_buffer("weights_sha256", torch.zeros(32, dtype=torch.uint8))
        self.register_buffer("table_error", torch.tensor(-1.0))

    def contents(self) -> torch.Tensor:
        """Return the constrained contents of all training images (image, content), with gradient."""
        return self.constraint.apply(self.content_table)

    def table(self) -> torch.Tensor:
        """Return the codes of all training images as the first stage found them: (image, latent)."""
        return torch.cat([self.contents(), self.style_table], dim=1)

    def split(self, code: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return content and style of flat codes."""
        return code[:, : self.layout[0].size], code[:, self.layout[0].size :]

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return flat codes (batch, content + style) of images in [0, 1], by the encoders, for any image."""
        return torch.cat([self.content_encoder(image), self.style_encoder(image)], dim=1)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Draw images (batch, channel, y, x) in [0, 1] from flat codes."""
        drawn: torch.Tensor = self.generator(*self.split(code))
        return drawn


def encoder(spec: ImageSpec, size: int) -> nn.Sequential:
    """Return a convolutional encoder: halved until a side has four pixels, then two linear layers."""
    layers: list[nn.Module] = [nn.Conv2d(spec.channels, 32, 3, padding=1), nn.LeakyReLU(SLOPE)]
    channels, height, width = 32, spec.height, spec.width
    while min(height, width) >= 8:
        layers += [nn.Conv2d(channels, 64, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        channels, height, width = 64, height // 2, width // 2
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(channels * height * width, 128), nn.LeakyReLU(SLOPE), nn.Linear(128, size)
    )


def build(config: Config, spec: ImageSpec) -> ContentStyle:
    """Build the model that the settings ask for."""
    return ContentStyle(config, spec)
