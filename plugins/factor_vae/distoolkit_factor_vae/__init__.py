"""FactorVAE: a VAE and a discriminator that keeps its latents independent (Kim and Mnih, ICML 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class Config:
    """Settings of FactorVAE."""

    latents: int = knob(10, (2, 256, 1), "size of the code")
    steps: int = knob(5000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (2, 4096, 1), "images in each of a step's two batches")
    gamma: float = knob(10.0, (0.0, 1000.0, 1.0), "weight of the total correlation")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of the VAE's Adam")
    lr_discriminator: float = knob(1e-4, (1e-6, 1e-1, 1e-5), "learning rate of the discriminator's Adam")
    discriminator_width: int = knob(1000, (8, 4096, 8), "units in each hidden layer of the discriminator")
    discriminator_layers: int = knob(6, (1, 12, 1), "hidden layers of the discriminator")
    likelihood: str = knob("bernoulli", ("bernoulli", "gaussian"), "of the pixels; gaussian is half the squared error")
    width: int = knob(16, (4, 256, 4), "channels of the first convolutions; the field's usual network has 32")
    activation: str = knob(
        "elu", ("relu", "elu", "leaky_relu", "silu"), "non-linearity of the VAE; relu is the usual one"
    )


METHOD = Method(
    name="factor_vae",
    summary="VAE with a penalty on the total correlation of its latents, which a discriminator estimates",
    paper=Paper(
        title="Disentangling by Factorising",
        authors="H. Kim, A. Mnih",
        venue="ICML",
        year=2018,
        url="https://arxiv.org/abs/1802.05983",
    ),
    config=Config,
    quick=Config(latents=6, steps=150, batch_size=32, width=8, discriminator_width=64, discriminator_layers=3),
    model="distoolkit.nn.vae:build",
    trainer="distoolkit_factor_vae.training:train",
    card="distoolkit_factor_vae.card:rows",
    widgets={"discriminator": "distoolkit_factor_vae.pictures:discriminator"},
    fidelity=Fidelity(
        source="paper",
        deviations=(
            "the VAE's learning rate and the length of training were chosen for two CPU cores and are not the paper's",
            "the discriminator's leaky ReLU has slope 0.2, as in the implementations that the field uses",
            "the two batches of a step are the halves of one, so that they share no image",
            "the networks are those of later comparisons, with half their channels and ELU, scaled to the images",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Config]]:
    """Give distoolkit the method."""
    return [METHOD]
