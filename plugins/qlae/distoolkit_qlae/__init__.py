"""QLAE: an autoencoder whose latents each take one of a few learnt values (Hsu et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class Config:
    """Settings of QLAE."""

    latents: int = knob(10, (1, 256, 1), "size of the code; the authors give twice the number of factors")
    values: int = knob(10, (2, 256, 1), "values that each latent can take")
    steps: int = knob(5000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (1, 4096, 1), "images in a step")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of AdamW")
    weight_decay: float = knob(0.1, (0.0, 100.0, 0.1), "of the weights of encoder and decoder, decoupled as in AdamW")
    lambda_quantise: float = knob(0.01, (0.0, 100.0, 0.01), "weight of the codebook's distance from the codes")
    lambda_commit: float = knob(0.01, (0.0, 100.0, 0.01), "weight of the codes' distance from the codebook")
    quantise: bool = knob(True, help="off leaves a plain autoencoder with the same weight decay")
    width: int = knob(16, (4, 256, 4), "channels of the first convolutions; the field's usual network has 32")
    activation: str = knob("elu", ("relu", "elu", "leaky_relu", "silu"), "non-linearity; relu is the usual one")


METHOD = Method(
    name="qlae",
    summary="Autoencoder whose latents each take one of a few learnt values, under strong weight decay",
    paper=Paper(
        title="Disentanglement via Latent Quantization",
        authors="K. Hsu, W. Dorrell, J. C. R. Whittington, J. Wu, C. Finn",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2305.18378",
    ),
    config=Config,
    quick=Config(latents=6, steps=150, batch_size=32, width=8),
    model="distoolkit_qlae.model:build",
    trainer="distoolkit_qlae.training:train",
    card="distoolkit_qlae.card:rows",
    widgets={
        "codebook": "distoolkit_qlae.pictures:codebook",
        "loss terms": "distoolkit_qlae.pictures:loss_terms",
    },
    fidelity=Fidelity(
        source="code",
        deviations=(
            "plain convolutions in place of the authors' decoder, whose features the code modulates layer by layer",
            "gradients are not clipped; the authors clip each entry to 1",
            "batch size and length of training were chosen for two CPU cores; over so few steps the same weight decay "
            "does much less than over the authors' 200,000",
            "decode() draws a code as the nearest values of the codebook, since the decoder has seen no others",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Config]]:
    """Give distoolkit the method."""
    return [METHOD]
