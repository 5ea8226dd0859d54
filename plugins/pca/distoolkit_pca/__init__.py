"""Principal component analysis: the linear yardstick, and the plugin to copy when you write your own.

This file is all that distoolkit imports to list the method; `model`, `training` and `pictures` are loaded on first
use, so it must not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl


@dataclass(frozen=True)
class Config:
    """Settings of PCA."""

    latents: int = knob(10, (1, 1024, 1), "number of principal components")
    steps: int = knob(8, (1, 100, 1), "passes over the images; the result settles after a few")
    whiten: bool = knob(False, help="divide each code by its standard deviation over the training images")


METHOD = Method(
    name="pca",
    summary="Principal component analysis: the directions in pixel space along which the images vary most",
    paper=Paper(
        title="On lines and planes of closest fit to systems of points in space",
        authors="K. Pearson",
        venue="Philosophical Magazine 2(11)",
        year=1901,
        url="https://doi.org/10.1080/14786440109462720",
    ),
    config=Config,
    quick=Config(latents=4, steps=4),
    model="distoolkit_pca.model:PCA",
    trainer="distoolkit_pca.training:train",
    card="distoolkit_pca.card:rows",
    widgets={
        "eigenimages": "distoolkit_pca.pictures:eigenimages",
        "explained variance": "distoolkit_pca.pictures:explained_variance",
    },
    fidelity=Fidelity(
        source="paper",
        deviations=(
            "computed by subspace iteration over chunks of images instead of an eigendecomposition of the covariance; "
            "the two agree once `error` in the history has settled near zero",
            "each component's sign is chosen so that its largest entry is positive",
        ),
    ),
)


@hookimpl
def distoolkit_methods() -> list[Method[Config]]:
    """Give distoolkit the method."""
    return [METHOD]
