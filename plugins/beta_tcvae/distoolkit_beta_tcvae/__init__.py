"""beta-TCVAE: a VAE whose KL term is taken apart, with more weight on the total correlation (Chen et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class Config:
    """Settings of the beta-TCVAE."""

    latents: int = knob(10, (1, 256, 1), "size of the code")
    steps: int = knob(5000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (2, 4096, 1), "images in a step; the estimates get better with more")
    beta: float = knob(6.0, (0.0, 1000.0, 0.5), "weight of the total correlation; 1 is the plain VAE")
    estimator: str = knob(
        "weighted", ("weighted", "stratified"), "of log q(z) from a batch: the paper's simple one, or the unbiased one"
    )
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of Adam")
    likelihood: str = knob("bernoulli", ("bernoulli", "gaussian"), "of the pixels; gaussian is half the squared error")
    width: int = knob(16, (4, 256, 4), "channels of the first convolutions; the field's usual network has 32")
    activation: str = knob("elu", ("relu", "elu", "leaky_relu", "silu"), "non-linearity; relu is the usual one")


METHOD = Method(
    name="beta_tcvae",
    summary="VAE whose KL term is taken apart, with more weight on the total correlation of the latents",
    paper=Paper(
        title="Isolating Sources of Disentanglement in Variational Autoencoders",
        authors="R. T. Q. Chen, X. Li, R. Grosse, D. Duvenaud",
        venue="NeurIPS",
        year=2018,
        url="https://arxiv.org/abs/1802.04942",
    ),
    config=Config,
    quick=Config(latents=6, steps=150, batch_size=32, width=8),
    model="distoolkit.nn.vae:build",
    trainer="distoolkit_beta_tcvae.training:train",
    card="distoolkit_beta_tcvae.card:rows",
    widgets={"kl taken apart": "distoolkit_beta_tcvae.pictures:terms"},
    fidelity=Fidelity(
        source="paper",
        deviations=(
            "written from knowledge of the paper, without its text at hand: equation numbers are not checked",
            "mutual information and dimension-wise KL weigh 1 each, as in the paper's experiments, with no setting",
            "the stratified estimator weighs all other images of the batch alike, where the paper gives one of "
            "them a weight of its own: the expectation is the same, the variance smaller",
            "learning rate, batch size and length of training were chosen for two CPU cores and are not the paper's",
            "the networks are those of later comparisons, with half their channels and ELU, scaled to the images",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Config]]:
    """Give distoolkit the method."""
    return [METHOD]
