"""EncDiff (Yang, Lan, Lu and Zheng, NeurIPS 2024): the units of an encoder, read by a diffusion model's attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl
from distoolkit_encdiff.settings import AUTHORS, EncDiffConfig

if TYPE_CHECKING:
    from distoolkit_encdiff.maps import attention_maps
    from distoolkit_encdiff.pretrained import on_top_of

__all__ = ["AUTHORS", "METHOD", "attention_maps", "on_top_of"]

_LAZY = {"attention_maps": "maps", "on_top_of": "pretrained"}

METHOD: Method[EncDiffConfig] = Method(
    name="encdiff",
    summary="Encoder to N units and a diffusion model that reads them by cross-attention, trained together on noise",
    paper=Paper(
        title="Diffusion Model with Cross Attention as an Inductive Bias for Disentanglement",
        authors="T. Yang, C. Lan, Y. Lu, N. Zheng",
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2402.09712",
    ),
    config=EncDiffConfig,
    quick=EncDiffConfig(
        latents=4,
        steps=60,
        batch_size=16,
        lr=2e-3,
        warmup=10,
        ema=0.9,
        width=8,
        multipliers=(1, 2),
        attention=(),
        heads=2,
        cross_attention=(8,),
        token_size=8,
        token_width=8,
        encoder_width=16,
        sampling_steps=5,
    ),
    model="distoolkit_encdiff.model:build",
    trainer="distoolkit_encdiff.training:train",
    card="distoolkit_encdiff.card:rows",
    widgets={"attention": "distoolkit_encdiff.pictures:attention"},
    fidelity=Fidelity(
        source="code",
        deviations=(
            "networks and loss follow a public copy of the authors' code (SelenaGeRuiqi/EncDiff at its first commit, "
            "596a29d), taken to be unchanged; none of it was copied",
            "sampling was not seen: DDIM visits times evenly spaced from 0 to T-1 or, under the default cosine "
            "schedule, to the last one with abar_t of 1e-4 or more",
            "a layer of cross-attention stands beside that of self-attention; the authors' transformer blocks also "
            "have a feed-forward part, and self-attention wherever there is cross-attention",
            "the encoder has group normalisation by default (encoder='code' has the batch normalisation of that code, "
            "encoder='paper' is the paper's table 8)",
            "vector units are tokens as they are; how EncDiff-V makes its tokens was not seen",
            "inject='adagn' is our reading of the paper's ablation: all tokens, by one linear map, are added to the "
            "time embedding",
            "no LPIPS and no adversarial loss in the first stage: the first needs weights that cannot be shipped",
            "all pictures start from one x_T unless another is given",
            "defaults are for 32x32 images on two CPU cores, not the paper's",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Any]]:
    """Give distoolkit the method."""
    return [METHOD]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
