"""A model whose codes and pictures are known beforehand: the code is the first row of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from distoolkit import schema
from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper, Unit
from distoolkit.runs import Run
from distoolkit.training import fit


@dataclass(frozen=True)
class Config:
    latents: int = knob(3, (1, 16, 1), "units")
    steps: int = knob(1, (1, 16, 1), "steps")


class Row(nn.Module):
    """Four entries in three units: ``left``, ``middle`` (two entries) and ``right``."""

    layout = (Unit("left"), Unit("middle", 2), Unit("right"))

    def __init__(self, config: Any, spec: Any) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(0.5)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        return self.dropout(image[:, 0, 0, :4] * self.scale)


class Drawing(Row):
    def decode(self, code: torch.Tensor) -> torch.Tensor:
        image = torch.zeros(len(code), 1, 4, 4)
        image[:, 0, 0] = code
        return image


class Probabilistic(Drawing):
    def posterior(self, image: torch.Tensor) -> torch.distributions.Distribution:
        mean = self.encode(image)
        return torch.distributions.Normal(mean, mean + 1)


def train(model: Any, loop: Any, config: Any) -> Iterator[Any]:
    yield {"x": 1.0}


def method(model: Any) -> Method[Config]:
    return Method(
        name="row",
        summary="a row",
        paper=Paper(title="none", authors="none"),
        config=Config,
        quick=Config(),
        model=model,
        trainer=train,
        fidelity=Fidelity(source="none"),
    )


@pytest.fixture
def images() -> xr.Dataset:
    """Twenty 4x4 images with factors; the fourth pixel of the first row is always 51 (0.2)."""
    array = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1), dtype=np.uint8)
    array[:, 0, 3] = 51
    factors = np.stack([np.arange(20) % 4, np.arange(20) // 4], axis=1)
    made = schema.as_images(
        array, factors, ["a", "b"], factor_sizes=[4, 6], factor_kinds=["categorical", "ordered"], name="rows"
    )
    return made.assign_coords(sample=np.arange(100, 120))


@pytest.fixture
def fitted(images: xr.Dataset, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that fits a model of this module."""

    def fitted(model: Any = Drawing, name: str = "run") -> Run:
        return fit(method(model), images, folder=tmp_path / name, progress=False, device="cpu")

    return fitted
