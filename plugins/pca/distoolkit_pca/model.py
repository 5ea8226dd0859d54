"""PCA as a module: the components are buffers, so moving, saving and loading are those of any network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec, Unit

if TYPE_CHECKING:
    from distoolkit_pca import Config


class PCA(nn.Module):
    """Project images on their principal components, and draw images from the projections.

    Attributes
    ----------
    mean
        (pixel,) mean image, flattened.
    components
        (latent, pixel) orthonormal rows, the largest variance first.
    variance
        (latent,) variance of the training images along each component.
    total_variance
        Variance of the training images, summed over all pixels.
    """

    mean: torch.Tensor
    components: torch.Tensor
    variance: torch.Tensor
    total_variance: torch.Tensor

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        pixels = spec.channels * spec.height * spec.width
        most = min(pixels, max(spec.count - 1, 1))
        if config.latents > most:
            raise ConfigError(
                f"latents = {config.latents} is not allowed: {spec.count} images of {spec} have at most {most} "
                "principal components; give fewer latents or more images"
            )
        self.shape = (spec.channels, spec.height, spec.width)
        self.whiten = config.whiten
        self.layout = tuple(Unit(f"pc{k + 1}") for k in range(config.latents))
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("components", torch.zeros(config.latents, pixels))
        self.register_buffer("variance", torch.ones(config.latents))
        self.register_buffer("total_variance", torch.zeros(()))

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the projections: (batch, latent)."""
        code = (image.flatten(1) - self.mean) @ self.components.T
        return code / self.scale if self.whiten else code

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return mean + projections on the components, clipped to [0, 1]: (batch, channel, y, x)."""
        code = code * self.scale if self.whiten else code
        return (self.mean + code @ self.components).clamp(0, 1).reshape(-1, *self.shape)

    @property
    def scale(self) -> torch.Tensor:
        """Standard deviation along each component; a constant direction is not blown up."""
        return self.variance.sqrt().clamp_min(1e-6)
