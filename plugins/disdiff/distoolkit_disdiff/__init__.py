"""DisDiff (Yang et al., NeurIPS 2023) and the two parts under it: a diffusion model and a latent autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl
from distoolkit_disdiff.settings import AutoencoderConfig, DDPMConfig, DisDiffConfig

if TYPE_CHECKING:
    from distoolkit_disdiff.foreign import around
    from distoolkit_disdiff.pretrained import on_top_of

__all__ = ["AUTOENCODER", "DDPM", "DISDIFF", "around", "on_top_of"]

_LAZY = {"around": "foreign", "on_top_of": "pretrained"}

_TINY: dict[str, Any] = {
    "width": 16,
    "multipliers": (1, 2, 2),
    "attention": (),
    "heads": 1,
    "sampling_steps": 5,
    "batch_size": 16,
}

_OURS = (
    "defaults are for 32x32 images on two CPU cores, not the papers'; distoolkit_disdiff.presets has full-scale ones"
)

AUTOENCODER: Method[AutoencoderConfig] = Method(
    name="latent_autoencoder",
    summary="VQ or KL autoencoder with latent maps: the optional first stage under a diffusion model",
    paper=Paper(
        title="High-Resolution Image Synthesis with Latent Diffusion Models",
        authors="R. Rombach, A. Blattmann, D. Lorenz, P. Esser, B. Ommer",
        venue="CVPR",
        year=2022,
        url="https://arxiv.org/abs/2112.10752",
    ),
    config=AutoencoderConfig,
    quick=AutoencoderConfig(steps=60, ae_width=8, ae_multipliers=(1, 2), ae_blocks=1, codebook=64),
    model="distoolkit_disdiff.diffusion:build_autoencoder",
    trainer="distoolkit_disdiff.training:train_autoencoder",
    fidelity=Fidelity(
        source="code",
        deviations=(
            "no LPIPS and no adversarial loss: the first needs weights that cannot be shipped, the second is left out "
            "with it",
            "the codebook loss is that of van den Oord et al. 2017 with weight 0.25 on the commitment term",
            _OURS,
        ),
    ),
)

DDPM: Method[DDPMConfig] = Method(
    name="ddpm",
    summary="Diffusion model: a U-Net that predicts noise; its code is the x_T that DDIM inversion finds",
    paper=Paper(
        title="Denoising Diffusion Probabilistic Models",
        authors="J. Ho, A. Jain, P. Abbeel",
        venue="NeurIPS",
        year=2020,
        url="https://arxiv.org/abs/2006.11239",
    ),
    config=DDPMConfig,
    quick=DDPMConfig(**_TINY, steps=100, lr=2e-3, warmup=10, ema=0.95),
    model="distoolkit_disdiff.diffusion:build",
    trainer="distoolkit_disdiff.training:train_ddpm",
    widgets={"denoising": "distoolkit_disdiff.pictures:denoising"},
    fidelity=Fidelity(
        source="code",
        deviations=(
            "U-Net, schedule and loss are those of DisDiff's configurations of the latent diffusion code (L1, "
            "AdamW), not the first paper's",
            "DDIM visits times evenly spaced from 0 to T-1 (cosine schedule: to the last one with abar_t of 1e-4 or "
            "more); the latent diffusion code starts a little below T",
            "inversion is refined by a fixed-point step, which the authors' code does not have (it has no inversion)",
            _OURS,
        ),
    ),
)

DISDIFF: Method[DisDiffConfig] = Method(
    name="disdiff",
    summary="Encoder to N vector units and a gradient field for each, trained on top of a frozen diffusion model",
    paper=Paper(
        title="DisDiff: Unsupervised Disentanglement of Diffusion Probabilistic Models",
        authors="T. Yang, Y. Wang, Y. Lu, N. Zheng",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2301.13721",
    ),
    config=DisDiffConfig,
    quick=DisDiffConfig(
        **_TINY,
        latents=4,
        unit_size=8,
        encoder_width=32,
        position_size=16,
        diffusion_steps=60,
        diffusion_lr=2e-3,
        diffusion_warmup=10,
        diffusion_ema=0.9,
        steps=30,
        lr=1e-3,
        warmup=10,
        ema=0.9,
    ),
    model="distoolkit_disdiff.model:build",
    card="distoolkit_disdiff.card:rows",
    trainer="distoolkit_disdiff.training:train_disdiff",
    widgets={
        "swap board": "distoolkit_disdiff.pictures:swap_board",
        "denoising": "distoolkit_disdiff.pictures:denoising",
    },
    fidelity=Fidelity(
        source="code",
        deviations=(
            "sections 3 to 5 of the paper were not at hand: every loss is taken from the authors' code (commit "
            "c3ba0c7)",
            "the encoder has no normalisation by default (encoder='code' has the authors' batch normalisation): with "
            "it, the disentangling loss compares readings made with batch statistics with readings made with running "
            "ones",
            "the average of the weights covers encoder and estimator, and codes are made with it; the code averages "
            "the estimator alone",
            "N = 6 units as in the authors' configurations; EncDiff, by the same first author, says 20",
            "gradients are clipped to norm 1 by default (clip_norm=0 leaves them, as in the code)",
            "the weight w is cut at the 0.95 quantile of the batch by default (weight_quantile=1 leaves it as in the "
            "code)",
            "all pictures start from one x_T unless another is given; the authors' code draws a new one for each",
            "on pixels, a walk from drawn noise keeps its estimates of x0 within [-1, 1]; the authors' code works on "
            "latent maps and has no such bound",
            _OURS,
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Any]]:
    """Give distoolkit the three methods."""
    return [AUTOENCODER, DDPM, DISDIFF]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
