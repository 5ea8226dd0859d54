"""Unsupervised disentanglement where it is provable: local isometry and factors that are not Gaussian.

Two methods after Horan, Richardson and Weiss (NeurIPS 2021), `hessian_ica` in closed form and `isometric_ae` by
gradient descent, and the baseline that both are to be compared with, `ae_ica`. Beside them: `isometry_report`, which
says before any training whether the assumptions look true, and `recode`, which applies the closed form to the codes
of any other run.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Metric, Paper
from distoolkit.hookspecs import hookimpl

_HOME = {
    "IsometryReport": "report",
    "IsometryWarning": "doubts",
    "Solution": "spectral",
    "hessian_ica": "spectral",
    "isometry_report": "report",
    "recode": "recoding",
    "with_image_points": "score",
}
# written out, so that type checkers can read it; a test keeps it equal to the names above
__all__ = [
    "AutoencoderConfig",
    "HessianICAConfig",
    "IsometricAEConfig",
    "IsometryReport",
    "IsometryWarning",
    "Solution",
    "hessian_ica",
    "isometry_report",
    "recode",
    "with_image_points",
]

if TYPE_CHECKING:
    from distoolkit_isometry.doubts import IsometryWarning
    from distoolkit_isometry.recoding import recode
    from distoolkit_isometry.report import IsometryReport, isometry_report
    from distoolkit_isometry.score import with_image_points
    from distoolkit_isometry.spectral import Solution, hessian_ica


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True)
class HessianICAConfig:
    """Settings of the spectral method."""

    latents: int = knob(2, (1, 16, 1), "number of factors; isometry_report() suggests one")
    neighbours: int = knob(0, (0, 1000, 1), "size of a neighbourhood; 0 takes 15, 25, 30 for 2, 3, 4 latents")
    ridge: float = knob(0.01, (0.0, 1.0, 0.01), "weight on orders above the second; 0: pure Hessian form, 1: LTSA")
    components: int = knob(64, (1, 1024, 1), "principal components in which distances are measured")
    landmarks: int = knob(10_000, (50, 200_000, 100), "most images to solve on; the others are encoded by charts")
    contrast: str = knob("cumulants", ("cumulants", "logcosh"), "of the ICA")
    restarts: int = knob(8, (1, 1000, 1), "starts of the ICA")
    scale: str = knob("isometric", ("isometric", "unit"), "code in pixel distance, or with variance 1")
    steps: int = knob(0, (0, 1_000_000, 100), "steps of training a network that draws; 0 draws by the charts")
    batch_size: int = knob(64, (2, 4096, 1), "images in a step of the network")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of the network")
    width: int = knob(32, (4, 256, 4), "channels of the network's first convolutions")


@dataclass(frozen=True)
class AutoencoderConfig:
    """Settings that both autoencoders share."""

    latents: int = knob(2, (1, 64, 1), "size of the code; isometry needs the true number of factors")
    steps: int = knob(3000, (1, 1_000_000, 100), "steps of training")
    batch_size: int = knob(64, (2, 4096, 1), "images in a step")
    lr: float = knob(1e-3, (1e-6, 1e-1, 1e-4), "learning rate of Adam")
    network: str = knob("conv", ("conv", "mlp"), "convolutional, or two hidden layers for small images")
    width: int = knob(32, (4, 256, 4), "channels of the first convolutions; the mlp has 3 times as many units")
    activation: str = knob("silu", ("silu", "elu"), "non-linearity; smooth, since its Jacobian is trained")
    contrast: str = knob("cumulants", ("cumulants", "logcosh"), "of the ICA")
    restarts: int = knob(8, (1, 1000, 1), "starts of the ICA")


@dataclass(frozen=True)
class IsometricAEConfig(AutoencoderConfig):
    """Settings of the isometric autoencoder."""

    isometry: float = knob(10.0, (0.0, 10_000.0, 0.5), "weight of the isometry term; too small, the code may fold")
    form: str = knob("jacobian", ("jacobian", "scaled", "pairs"), "lengths 1, lengths equal, or pairs of near images")
    pseudo_inverse: float = knob(0.0, (0.0, 10_000.0, 0.1), "weight of the encoder's isometry")


HORAN = Paper(
    title="When Is Unsupervised Disentanglement Possible?",
    authors="D. Horan, E. Richardson, Y. Weiss",
    venue="NeurIPS",
    year=2021,
    url="https://proceedings.neurips.cc/paper/2021/hash/29586cb449c90e249f1f09a0a4ee245a-Abstract.html",
)
NELSON = Paper(
    title="Statistical and structural identifiability in representation learning",
    authors="Nelson, Fumero, Karaletsos, Locatello",
    venue="ICLR",
    year=2026,
    url="https://arxiv.org/abs/2603.11970",
)
_FIRST_PAGE = "built from the paper's abstract and first page; its body was not at hand"

METHODS: tuple[Method[Any], ...] = (
    Method(
        name="hessian_ica",
        summary="Hessian eigenmaps and ICA in closed form, for images that are locally isometric to their factors",
        paper=HORAN,
        config=HessianICAConfig,
        quick=HessianICAConfig(latents=2, landmarks=2000, width=8),
        model="distoolkit_isometry.model:HessianICA",
        trainer="distoolkit_isometry.training:spectral",
        widgets={
            "eigenvalues": "distoolkit_isometry.pictures:eigenvalues",
            "local dimension": "distoolkit_isometry.pictures:local_dimension",
        },
        fidelity=Fidelity(
            source="reconstruction",
            deviations=(
                f"{_FIRST_PAGE}: which distance, how many neighbours and which contrast it used is not known",
                "the Hessian form is that of Donoho and Grimes (2003)",
                "derivatives are taken in the metric's own units (ours)",
                "a hundredth of the weight lies on orders above the second (ours; ridge = 0 is without)",
                "a point belongs to its own neighbourhood, which the original excludes",
                "the ICA maximises squared cumulants (Comon 1994) from several starts",
                "codes of new images and pictures of codes come from local affine charts (ours)",
            ),
        ),
    ),
    Method(
        name="isometric_ae",
        summary="Autoencoder whose decoder keeps lengths, followed by ICA on its codes",
        paper=HORAN,
        config=IsometricAEConfig,
        quick=IsometricAEConfig(latents=2, steps=150, batch_size=32, width=8),
        model="distoolkit_isometry.networks:Autoencoder",
        trainer="distoolkit_isometry.training:isometric",
        widgets={"before and after ICA": "distoolkit_isometry.pictures:before_and_after"},
        fidelity=Fidelity(
            source="reconstruction",
            deviations=(
                f"{_FIRST_PAGE}; it says that autoencoders were encouraged towards local isometry, not how",
                "the losses are those of related work: Gropp et al. (2020), from memory, and Lee et al. (2022)",
                "the networks are the toolkit's, not the paper's",
            ),
        ),
    ),
    Method(
        name="ae_ica",
        summary="Plain autoencoder followed by ICA on its codes: the baseline of isometric_ae",
        paper=NELSON,
        config=AutoencoderConfig,
        quick=AutoencoderConfig(latents=2, steps=150, batch_size=32, width=8),
        model="distoolkit_isometry.networks:Autoencoder",
        trainer="distoolkit_isometry.training:autoencoder",
        widgets={"before and after ICA": "distoolkit_isometry.pictures:before_and_after"},
        fidelity=Fidelity(
            source="reconstruction",
            deviations=(
                "built from the paper's abstract, which recommends a vanilla autoencoder and ICA",
                "the networks and the length of training are ours",
            ),
        ),
    ),
)

LOCAL_ISOMETRY = Metric(
    name="local_isometry",
    summary="Correlation of distances between codes with distances between images, over the nearest pairs",
    paper=HORAN,
    compute="distoolkit_isometry.score:local_isometry",
    scores=("local_isometry",),
    needs=frozenset({"image_point"}),
    fidelity=Fidelity(
        source="reconstruction",
        deviations=(
            "the paper's first page shows a score LI without its definition: this one is ours",
            "distances between images are taken in their leading principal components",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Any]]:
    """Give distoolkit the three methods."""
    return list(METHODS)


@hookimpl
def distoolkit_metrics() -> list[Metric]:
    """Give distoolkit the score."""
    return [LOCAL_ISOMETRY]
