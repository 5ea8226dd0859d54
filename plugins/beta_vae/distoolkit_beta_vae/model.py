"""The three methods train one model: the usual convolutional VAE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distoolkit.contract import ImageSpec
from distoolkit.nn import GaussianVAE

if TYPE_CHECKING:
    from distoolkit_beta_vae import VAEConfig


def build(config: VAEConfig, spec: ImageSpec) -> GaussianVAE:
    """Build the VAE that the config describes."""
    return GaussianVAE(spec, config.latents, width=config.width, activation=config.activation)
