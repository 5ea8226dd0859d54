"""Small models for the tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from distoolkit_encdiff import METHOD
from distoolkit_encdiff.model import EncDiff, build
from distoolkit_encdiff.settings import EncDiffConfig
from distoolkit_encdiff.training import compute_loss

from distoolkit.contract import ImageSpec
from distoolkit.nn.diffusion.averaging import make_average

SPEC = ImageSpec(3, 16, 16, 96)


def config(**changes: Any) -> EncDiffConfig:
    return dataclasses.replace(METHOD.quick, **changes)


def new_model(seed: int = 0, **changes: Any) -> EncDiff:
    """A model as it is before training: it predicts no noise at all."""
    torch.manual_seed(seed)
    return build(config(**changes), SPEC).eval()


def shaken_model(seed: int = 0, shake: float = 0.05, **changes: Any) -> EncDiff:
    """A model whose weights are all random, as if trained.

    Its noise prediction is the smoother the less it is shaken; DDIM inversion needs a smooth one.
    """
    model = new_model(seed, **changes)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(shake * torch.randn_like(parameter))
    model.average["network"] = make_average(model.network)
    return model


def trained_model(steps: int = 200) -> EncDiff:
    """A model that has learnt, in some seconds, what noise on images of `batch` looks like."""
    model = new_model(sampling_steps=50)
    adam = torch.optim.Adam([*model.encoder.parameters(), *model.network.parameters()], lr=5e-3)
    for k in range(steps):
        noise, t = noisy(16, seed=10_000 + k)
        compute_loss(model, batch(16, seed=k), t, noise).mean().backward()
        adam.step()
        adam.zero_grad()
    for name in ("encoder", "network"):
        model.average[name] = make_average(getattr(model, name))
    return model


def batch(count: int = 4, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def noisy(count: int = 4, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 16, 16, generator=generator), torch.randint(0, 1000, (count,), generator=generator)
