"""The model is the usual convolutional VAE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distoolkit.contract import ImageSpec
from distoolkit.nn import GaussianVAE

if TYPE_CHECKING:
    from distoolkit_ada_gvae import Config


def build(config: Config, spec: ImageSpec) -> GaussianVAE:
    """Build the VAE that the config describes."""
    return GaussianVAE(spec, config.latents, width=config.width, activation=config.activation)
