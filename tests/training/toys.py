"""A small method for the tests of the loop: two stages, two optimisers, a JSON state, code that runs once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from distoolkit.config import knob
from distoolkit.contract import Fidelity, ImageSpec, Method, Paper, Report
from distoolkit.training import Loop


@dataclass(frozen=True)
class Config:
    latents: int = knob(3, (1, 16, 1), "size of the code")
    steps: int = knob(12, (0, 10_000, 1), "steps of the first stage")
    later: int = knob(8, (0, 10_000, 1), "steps of the second stage")
    lr: float = knob(1e-2, (0.0, 1e9, 0.001), "learning rate")
    batch_size: int = knob(8, (1, 4096, 1), "images in a batch")


class Toy(nn.Module):
    """A linear autoencoder with a convolution before it and batch statistics in a buffer."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        self.shape = (spec.channels, spec.height, spec.width)
        self.convolution = nn.Conv2d(spec.channels, 4, 3, stride=2, padding=1)
        self.normal = nn.BatchNorm2d(4)
        self.to_code = nn.LazyLinear(config.latents)
        self.to_image = nn.Linear(config.latents, spec.channels * spec.height * spec.width)
        with torch.no_grad():
            self.encode(torch.zeros(1, *self.shape))

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        return self.to_code(self.normal(self.convolution(image)).relu().flatten(1))

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        return self.to_image(code).sigmoid().unflatten(1, self.shape)


def train(model: Toy, loop: Loop, config: Config) -> Iterator[Report]:
    adam = loop.optimizer("model", torch.optim.Adam(model.parameters(), lr=config.lr))
    critic = loop.module("critic", nn.Sequential(nn.Linear(config.latents, 8), nn.Dropout(0.2), nn.Linear(8, 1)))
    descent = loop.optimizer("critic", torch.optim.SGD(critic.parameters(), lr=0.1, momentum=0.9))
    memory = loop.state("memory", {"seen": 0, "order": []})
    for batch in loop.stage("first", config.steps):
        code = model.encode(batch["image"])
        noisy = code + torch.randn(code.shape, device=loop.device)
        loss = functional.mse_loss(model.decode(noisy), batch["image"]) - 1e-3 * critic(code).mean()
        loop.minimise(loss, adam)
        critic_loss = functional.softplus(critic(code.detach()) * torch.rand((), device=loop.device)).mean()
        loop.minimise(critic_loss, descent)
        memory["seen"] += len(batch["index"])
        memory["order"].append(loop.step)
        yield {"loss": loss, "critic_loss": critic_loss}
    if loop.once("restart the critic"):
        restart(critic)
    second = loop.module("second critic", nn.Linear(config.latents, 1))
    fresh = loop.optimizer("second", torch.optim.AdamW([*model.parameters(), *second.parameters()], lr=config.lr))
    for batch in loop.stage("second", config.later):
        code = model.encode(batch["image"])
        loss = functional.mse_loss(model.decode(code), batch["image"]) + 1e-3 * second(code * memory["seen"]).mean()
        loop.minimise(loss, fresh, clip_norm=1.0)
        yield {"loss": loss}


def restart(critic: nn.Sequential) -> None:
    with torch.no_grad():
        critic[0].weight.normal_()


def method(**changes: Any) -> Method[Config]:
    """Return the toy's record, with parts of it replaced."""
    parts: dict[str, Any] = {
        "name": "toy",
        "summary": "a toy",
        "paper": Paper(title="none", authors="none"),
        "config": Config,
        "quick": Config(steps=3, later=2),
        "model": Toy,
        "trainer": train,
        "fidelity": Fidelity(source="none"),
    }
    return Method(**(parts | changes))
