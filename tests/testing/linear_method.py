"""A method as small as the contract allows: the tests plant one fault after another into it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from distoolkit.config import knob
from distoolkit.contract import Fidelity, ImageSpec, Method, Paper, Report


@dataclasses.dataclass(frozen=True)
class Config:
    latents: int = knob(3, (1, 16, 1), "size of the code")
    steps: int = knob(6, (1, 1000, 1), "steps of training")
    batch_size: int = knob(16, (2, 64, 1), "images in a step")


class Linear(nn.Module):
    """A linear autoencoder with a Gaussian around its code, and a buffer."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        self.shape = (spec.channels, spec.height, spec.width)
        pixels = math.prod(self.shape)
        self.down, self.up = nn.Linear(pixels, config.latents), nn.Linear(config.latents, pixels)
        self.register_buffer("scale", torch.full((config.latents,), 0.5))

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        return self.down(image.flatten(1)) * self.scale

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        return self.up(code).sigmoid().unflatten(1, self.shape)

    def posterior(self, image: torch.Tensor) -> torch.distributions.Normal:
        code = self.encode(image)
        return torch.distributions.Normal(code, torch.ones_like(code), validate_args=False)


def train(model: Any, loop: Any, config: Any) -> Iterator[Report]:
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=1e-3))
    for stage in ("first", "second"):
        for batch in loop.stage(stage, config.steps):
            code = model.encode(batch["image"])
            drawn = model.decode(code + torch.randn_like(code))
            loss = (drawn - batch["image"]).square().mean()
            loop.minimise(loss, adam)
            yield {"loss": loss}


METHOD = Method(
    name="linear",
    summary="A linear autoencoder",
    paper=Paper(title="None", authors=""),
    config=Config,
    quick=Config(),
    model=Linear,
    trainer=train,
    fidelity=Fidelity(source="none"),
)
