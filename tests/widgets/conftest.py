"""Runs of models that are known by heart: nothing is trained, so every number can be foreseen."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr

from distoolkit.config import knob
from distoolkit.contract import Fidelity, ImageSpec, Method, Paper, Unit
from distoolkit.runs import Run, create_run


@dataclasses.dataclass(frozen=True)
class Config:
    latents: int = knob(4, (1, 64, 1), "size of the code")
    steps: int = knob(20, (1, 10_000, 1), "length of training")
    seconds: float = knob(0.0, (0.0, 1.0, 0.01), "how long a step takes")
    fail_at: int = knob(0, (0, 10_000, 1), "the step whose loss is NaN; 0 for none")


class Quarters(torch.nn.Module):
    """Entry j of the code is the brightness of quarter j of the picture; decoding paints the quarters."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        self.size = spec.height // 2
        self.channels = spec.channels
        self.register_buffer("steps", torch.zeros(()))
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(image, self.size).mean(1).flatten(1)


class Painter(Quarters):
    def decode(self, code: torch.Tensor) -> torch.Tensor:
        quarters = code.clamp(0, 1).reshape(-1, 1, 2, 2).repeat(1, self.channels, 1, 1)
        return torch.nn.functional.interpolate(quarters, scale_factor=self.size)


class Pair(Painter):
    layout = (Unit("top", 2), Unit("left"), Unit("right"))


def train(model: Any, loop: Any, config: Config) -> Any:
    import time

    adam = loop.optimizer("all", torch.optim.SGD(model.parameters(), lr=0.1))
    for step, _ in enumerate(loop.stage("train", config.steps, 16), start=1):
        time.sleep(config.seconds)
        noise = torch.rand(())  # from the generators that a cell could disturb
        loss = (model.weight - noise).square().sum()
        loop.minimise(loss, adam)
        model.steps += 1
        yield {"loss": loss if step != config.fail_at else loss * float("nan")}


def method(model: Any, name: str = "quarters") -> Method[Config]:
    return Method(
        name=name,
        summary="a toy",
        paper=Paper(title="", authors=""),
        config=Config,
        quick=Config(steps=5),
        model=model,
        trainer=train,
        fidelity=Fidelity(source="none"),
    )


@pytest.fixture
def painter() -> Method[Config]:
    return method(Painter)


@pytest.fixture
def run_of(tmp_path: Path, tiny_images: xr.Dataset) -> Any:
    """Make a finished run: ``run_of(model)``."""

    def make(model: Any) -> Run:
        record = method(model)
        run = create_run(tmp_path / "run", record, Config(), tiny_images, seed=0, device="cpu")
        run.save_weights(model(Config(), run.spec))
        return run.mark("finished")

    return make


@pytest.fixture
def models() -> dict[str, Any]:
    return {"quarters": Quarters, "painter": Painter, "pair": Pair}
