"""DIP-VAE I and II: VAEs whose latents are kept uncorrelated over the data set (Kumar et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class Config:
    """Settings that both share."""

    latents: int = knob(10, (1, 256, 1), "size of the code")
    steps: int = knob(5000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (2, 4096, 1), "images in a step; the covariance is estimated from them")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of Adam")
    likelihood: str = knob("bernoulli", ("bernoulli", "gaussian"), "of the pixels; gaussian is half the squared error")
    width: int = knob(16, (4, 256, 4), "channels of the first convolutions; the field's usual network has 32")
    activation: str = knob("elu", ("relu", "elu", "leaky_relu", "silu"), "non-linearity; relu is the usual one")


@dataclass(frozen=True)
class ConfigI(Config):
    """Settings of DIP-VAE-I."""

    lambda_od: float = knob(10.0, (0.0, 10_000.0, 1.0), "weight of the squared covariances between means")
    lambda_d: float = knob(
        100.0, (0.0, 10_000.0, 1.0), "weight of the squared distances of the means' variances from 1"
    )


@dataclass(frozen=True)
class ConfigII(Config):
    """Settings of DIP-VAE-II."""

    lambda_od: float = knob(10.0, (0.0, 10_000.0, 1.0), "weight of the squared covariances between latents")
    lambda_d: float = knob(
        10.0, (0.0, 10_000.0, 1.0), "weight of the squared distances of the latents' variances from 1"
    )


_PAPER = Paper(
    title="Variational Inference of Disentangled Latent Concepts from Unlabeled Observations",
    authors="A. Kumar, P. Sattigeri, A. Balakrishnan",
    venue="ICLR",
    year=2018,
    url="https://arxiv.org/abs/1711.00848",
)
_DEVIATIONS = (
    "written from knowledge of the paper, without its text at hand: equation numbers are not checked",
    "the covariance is that of the batch, divided by its size minus one",
    "learning rate, batch size and length of training were chosen for two CPU cores and are not the paper's",
    "the networks are those of later comparisons, with half their channels and ELU, scaled to the images",
)


def _method(name: str, summary: str, quick: Config) -> Method[Any]:
    return Method(
        name=name,
        summary=summary,
        paper=_PAPER,
        config=type(quick),
        quick=quick,
        model="distoolkit.nn.vae:build",
        trainer=f"distoolkit_dip_vae.training:{name}",
        card="distoolkit_dip_vae.card:rows",
        widgets={
            "covariance": "distoolkit_dip_vae.pictures:covariance",
            "loss terms": "distoolkit_dip_vae.pictures:loss_terms",
        },
        fidelity=Fidelity(source="paper", deviations=_DEVIATIONS),
    )


METHODS = (
    _method(
        "dip_vae_i",
        "VAE whose posterior means are kept uncorrelated over the data set, with unit variance",
        ConfigI(latents=6, steps=150, batch_size=32, width=8),
    ),
    _method(
        "dip_vae_ii",
        "VAE whose aggregate posterior is kept uncorrelated, with unit variance",
        ConfigII(latents=6, steps=150, batch_size=32, width=8),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Any]]:
    """Give distoolkit the two methods."""
    return list(METHODS)
