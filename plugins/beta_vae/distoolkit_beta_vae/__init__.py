"""Three VAEs that differ in how they weigh the KL term: `vae`, `beta_vae` and `annealed_vae`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class VAEConfig:
    """Settings that the three share."""

    latents: int = knob(10, (1, 256, 1), "size of the code")
    steps: int = knob(5000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (2, 4096, 1), "images in a step")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of Adam")
    likelihood: str = knob("bernoulli", ("bernoulli", "gaussian"), "of the pixels; gaussian is half the squared error")
    width: int = knob(16, (4, 256, 4), "channels of the first convolutions; the field's usual network has 32")
    activation: str = knob("elu", ("relu", "elu", "leaky_relu", "silu"), "non-linearity; relu is the usual one")


@dataclass(frozen=True)
class BetaVAEConfig(VAEConfig):
    """Settings of the beta-VAE."""

    beta: float = knob(4.0, (0.0, 1000.0, 0.5), "weight of the KL term; 1 is the plain VAE")


@dataclass(frozen=True)
class AnnealedVAEConfig(VAEConfig):
    """Settings of the annealed VAE."""

    gamma: float = knob(100.0, (0.0, 10_000.0, 10.0), "weight of the distance between the KL term and its target")
    capacity: float = knob(25.0, (0.0, 500.0, 0.5), "target of the KL term at the end, in nats")
    capacity_steps: int = knob(4000, (1, 1_000_000, 100), "steps over which the target rises from 0")


_KINGMA = Paper(
    title="Auto-Encoding Variational Bayes",
    authors="D. P. Kingma, M. Welling",
    venue="ICLR",
    year=2014,
    url="https://arxiv.org/abs/1312.6114",
)
_HIGGINS = Paper(
    title="beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
    authors="I. Higgins, L. Matthey, A. Pal, C. Burgess, X. Glorot, M. Botvinick, S. Mohamed, A. Lerchner",
    venue="ICLR",
    year=2017,
    url="https://openreview.net/forum?id=Sy2fzU9gl",
)
_BURGESS = Paper(
    title="Understanding disentangling in beta-VAE",
    authors="C. P. Burgess, I. Higgins, A. Pal, L. Matthey, N. Watters, G. Desjardins, A. Lerchner",
    venue="NIPS workshop on Learning Disentangled Representations",
    year=2017,
    url="https://arxiv.org/abs/1804.03599",
)
_OURS = "learning rate, batch size and length of training were chosen for two CPU cores and are not the paper's"
_NETWORK = "the networks are those common in later comparisons, with half their channels and ELU, not the paper's"


def _method(name: str, summary: str, paper: Paper, quick: VAEConfig, deviations: tuple[str, ...]) -> Method[Any]:
    return Method(
        name=name,
        summary=summary,
        paper=paper,
        config=type(quick),
        quick=quick,
        model="distoolkit.nn.vae:build",
        trainer=f"distoolkit_beta_vae.training:{name}",
        card=None if name == "annealed_vae" else "distoolkit_beta_vae.card:rows",
        widgets={
            "kl per latent": "distoolkit_beta_vae.pictures:kl_per_latent",
            "loss terms": "distoolkit_beta_vae.pictures:loss_terms",
        },
        fidelity=Fidelity(source="paper", deviations=deviations),
    )


METHODS = (
    _method(
        "vae",
        "Variational autoencoder: reconstruction and the KL divergence from a standard normal prior, equally weighed",
        _KINGMA,
        VAEConfig(latents=6, steps=150, batch_size=32, width=8),
        (_OURS, "convolutional networks instead of the paper's single hidden layer"),
    ),
    _method(
        "beta_vae",
        "VAE whose KL term weighs beta: more pressure towards independent latents, blurrier images",
        _HIGGINS,
        BetaVAEConfig(latents=6, steps=150, batch_size=32, width=8),
        (_OURS, _NETWORK),
    ),
    _method(
        "annealed_vae",
        "VAE whose KL term is held at a target that rises during training, so that latents open one after another",
        _BURGESS,
        AnnealedVAEConfig(latents=6, steps=150, batch_size=32, width=8, capacity_steps=100),
        (
            _OURS,
            _NETWORK,
            "gamma = 100 and capacity = 25 by default: the paper used gamma = 1000 and a target per data set",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Any]]:
    """Give distoolkit the three methods."""
    return list(METHODS)
