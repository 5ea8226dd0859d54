"""Ada-GVAE: a VAE that learns from pairs of images which share most of their factors (Locatello et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class Config:
    """Settings of Ada-GVAE."""

    latents: int = knob(10, (1, 256, 1), "size of the code")
    steps: int = knob(5000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (1, 4096, 1), "pairs of images in a step")
    changes: int = knob(1, (1, 4, 1), "factors in which the images of a pair differ, at most")
    beta: float = knob(1.0, (0.0, 1000.0, 0.5), "weight of the KL term")
    average: bool = knob(True, help="off trains the beta-VAE on the same pairs, without using that they are pairs")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of Adam")
    likelihood: str = knob("bernoulli", ("bernoulli", "gaussian"), "of the pixels; gaussian is half the squared error")
    width: int = knob(16, (4, 256, 4), "channels of the first convolutions; the field's usual network has 32")
    activation: str = knob("elu", ("relu", "elu", "leaky_relu", "silu"), "non-linearity; relu is the usual one")


METHOD = Method(
    name="ada_gvae",
    summary="VAE that learns from pairs of images which share all but a few factors, without being told which",
    paper=Paper(
        title="Weakly-Supervised Disentanglement Without Compromises",
        authors="F. Locatello, B. Poole, G. Rätsch, B. Schölkopf, O. Bachem, M. Tschannen",
        venue="ICML",
        year=2020,
        url="https://arxiv.org/abs/2002.02886",
    ),
    config=Config,
    quick=Config(latents=6, steps=150, batch_size=32, width=8),
    model="distoolkit.nn.vae:build",
    trainer="distoolkit_ada_gvae.training:train",
    needs=frozenset({"factors"}),
    card="distoolkit_ada_gvae.card:rows",
    widgets={
        "pairs": "distoolkit_ada_gvae.pictures:pairs",
        "loss terms": "distoolkit_ada_gvae.pictures:loss_terms",
    },
    fidelity=Fidelity(
        source="code",
        deviations=(
            "pairs are made of the images that were loaded, where the authors draw both from the full grid of factors: "
            "an image without a partner among them is paired with itself, and teaches what it teaches the beta-VAE",
            "learning rate, batch size and length of training were chosen for two CPU cores and are not the paper's",
            "the networks are those of later comparisons, with half their channels and ELU, scaled to the images",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Config]]:
    """Give distoolkit the method."""
    return [METHOD]
