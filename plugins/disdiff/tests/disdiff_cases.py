"""Small models for the tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from distoolkit_disdiff import DISDIFF
from distoolkit_disdiff.model import DisDiff, build
from distoolkit_disdiff.settings import DisDiffConfig

import distoolkit as dt
from distoolkit.contract import ImageSpec
from distoolkit.nn.diffusion.averaging import make_average
from distoolkit.runs import Run
from distoolkit.testing import tiny_images

SPEC = ImageSpec(3, 16, 16, 96)
FIRST: dict[str, Any] = {
    "latent_channels": 2,
    "ae_width": 8,
    "ae_multipliers": (1, 2),
    "ae_blocks": 1,
    "codebook": 16,
}
SMALL: dict[str, Any] = {"width": 8, "multipliers": (1, 2), "encoder_width": 8, "position_size": 8, "warmup": 0}


def config(**changes: Any) -> DisDiffConfig:
    return dataclasses.replace(DISDIFF.quick, **{**SMALL, **changes})


def new_model(seed: int = 0, **changes: Any) -> DisDiff:
    """A model as it is before training: all fields are zero."""
    torch.manual_seed(seed)
    return build(config(**changes), SPEC).eval()


def shaken_model(seed: int = 0, shake: float = 0.05, **changes: Any) -> DisDiff:
    """A model whose weights are all random, as if trained: fields and noise predictions are not zero.

    Its noise prediction is the smoother the less it is shaken; DDIM inversion needs a smooth one.
    """
    model = new_model(seed, **changes)
    with torch.no_grad():
        for part in (model.diffusion.average, model.estimator):
            for parameter in part.parameters():
                parameter.add_(shake * torch.randn_like(parameter))
    model.average["estimator"] = make_average(model.estimator)
    return model


def batch(count: int = 4, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def noisy(count: int = 4, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 16, 16, generator=generator), torch.randint(0, 1000, (count,), generator=generator)


def fit(method: Any, folder: Path, images: xr.Dataset | None = None, **changes: Any) -> Run:
    """Fit with the quick settings and these changes."""
    return dt.fit(method, images or tiny_images(), folder=folder, quick=True, progress=False, device="cpu", **changes)
