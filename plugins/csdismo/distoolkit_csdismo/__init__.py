"""C-S DisMo (Ren et al. 2021), rebuilt: content and style of images, without labels, by latent optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distoolkit.config import knob
from distoolkit.contract import DataSource, Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl

if TYPE_CHECKING:
    from distoolkit_csdismo.transferring import transfer

__all__ = ["METHOD", "Config", "transfer"]


@dataclass(frozen=True)
class Config:
    """Settings of C-S DisMo."""

    latents: int = knob(22, (2, 1024, 1), "size of the code: content and style together")
    style: int = knob(6, (1, 512, 1), "entries of the code that are style; the others are content")
    steps: int = knob(2100, (1, 1_000_000, 100), "steps of stage 1 (tables, generator); 40 batches an image or more")
    encoder_steps: int = knob(700, (1, 1_000_000, 100), "steps of stage 2: encoders, generator trained along")
    batch_size: int = knob(32, (1, 4096, 1), "images in a step")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of the generator and of the encoders")
    content_lr: float = knob(1e-2, (1e-6, 1.0, 1e-3), "learning rate of the content table")
    style_lr: float = knob(2e-2, (1e-6, 1.0, 1e-3), "learning rate of the style table")
    form: str = knob("multi", ("multi", "single", "concat"), "where style acts; concat is the control without roles")
    constraint: str = knob(
        "zscore", ("zscore", "instance", "zscore+id", "id", "kl", "ball", "none"), "what holds content to one law"
    )
    constraint_weight: float = knob(0.1, (0.0, 100.0, 0.01), "weight of a constraint that is a penalty (id, kl)")
    stage_norm: str = knob("instance", ("instance", "dataset", "none"), "of the multi form's maps before style acts")
    reconstruction: str = knob("mse", ("mse", "l1", "lap", "lap+mse", "msssim", "vgg"), "error of a drawn image")
    weights_path: str = knob("", (), "safetensors file with VGG16 weights, for reconstruction = 'vgg'")
    warm: float = knob(0.3, (0.0, 0.9, 0.05), "share of the first stage in which content is held at zero; 0 for none")
    content_noise: float = knob(0.5, (0.0, 5.0, 0.1), "standard deviation of the noise on content in the first stage")
    width: int = knob(24, (4, 512, 4), "channels of the generator's maps")
    least_spread: float = knob(
        0.1,
        (0.0, 1.0, 0.05),
        "stop after the first stage where pictures vary less, as a share of the images; 0 checks nothing",
    )


METHOD = Method(
    name="cs_dismo",
    summary="A content and a style vector for each image, without labels: style is an affine map of content",
    paper=Paper(
        title="Rethinking Content and Style: Exploring Bias for Unsupervised Disentanglement",
        authors="X. Ren, T. Yang, Y. Wang, W. Zeng",
        venue="ICCV Workshops",
        year=2021,
        url="https://arxiv.org/abs/2102.10544",
    ),
    config=Config,
    quick=Config(latents=12, style=4, steps=60, encoder_steps=6, batch_size=16, width=8, least_spread=0.0),
    model="distoolkit_csdismo.model:build",
    trainer="distoolkit_csdismo.training:train",
    card="distoolkit_csdismo.card:rows",
    widgets={
        "transfer board": "distoolkit_csdismo.pictures:transfer_board",
        "interpolation": "distoolkit_csdismo.interpolation:interpolation",
        "loss terms": "distoolkit_csdismo.pictures:loss_terms",
    },
    fidelity=Fidelity(
        source="reconstruction",
        deviations=(
            "rebuilt from the abstract, the introduction and the overview figure; the body of the paper was not read, "
            "and the authors' repository holds no code",
            "content is what dominates reconstruction and style what an affine map of it can add, as in the abstract: "
            "which factor is which depends on the images and on the loss, and is not identity and pose by definition",
            "warm-up (content held at zero for the first 30 % of the steps) and noise on content are our additions; "
            "warm=0, content_noise=0 is the idea without them, and does not split content from style on our data",
            "layers, sizes, rates and the exact constraint are our choices: z-scores over the table of all images",
            "the default loss is the squared error, not the distance of VGG features, whose weights cannot be shipped",
            "encoders are trained in a second stage as in LORD, with targets weighted by their spread",
        ),
    ),
)


DIGITS = DataSource(
    name="coloured_digits",
    summary="1,797 handwritten digits of scikit-learn, 16x16 or 32x32, in six colours on six shaded backgrounds",
    load="distoolkit_csdismo.digits:load",
    embedded=True,
    licence="BSD-3-Clause (the digits, from scikit-learn)",
    notes=(
        "each handwritten form comes once, in one pair of colours, both drawn at random by the seed",
        "factors: digit 10, foreground 6, background 6; not every combination is there",
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Config]]:
    """Give distoolkit the method."""
    return [METHOD]


@hookimpl
def distoolkit_datasets() -> list[DataSource]:
    """Give distoolkit the data set."""
    return [DIGITS]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name == "transfer":
        from distoolkit_csdismo.transferring import transfer

        return transfer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
