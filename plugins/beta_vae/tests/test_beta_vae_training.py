from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import distoolkit_beta_vae as plugin
import pytest
import torch
from distoolkit_beta_vae import training
from torch.distributions import Bernoulli, Normal, kl_divergence

from distoolkit.contract import ImageSpec
from distoolkit.nn.vae import build


@pytest.mark.parametrize(("step", "nats"), [(0, 0.0), (1, 0.25), (50, 12.5), (100, 25.0), (101, 25.0), (10**6, 25.0)])
def test_capacity_rises_in_a_straight_line_and_stays(step: int, nats: float) -> None:
    assert training.capacity(step, 25.0, 100) == pytest.approx(nats)


class OneStep:
    """A loop of one batch that hands the loss over without minimising it."""

    def __init__(self, image: torch.Tensor, stage_step: int) -> None:
        self.image, self.stage_step = image, stage_step

    def optimizer(self, name: str, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        return optimizer

    def descend(self, loss: Callable[..., Any], optimizer: Any, stage: str, steps: int) -> Iterator[Any]:
        yield loss({"image": self.image})


@pytest.mark.parametrize(
    ("name", "config", "step", "weigh"),
    [
        ("vae", plugin.VAEConfig(latents=3, width=4), 7, lambda kl: kl),
        ("beta_vae", plugin.BetaVAEConfig(latents=3, width=4, beta=6.0), 7, lambda kl: 6 * kl),
        # halfway to 30 nats, above the KL of an untrained model, and then below it
        (
            "annealed_vae",
            plugin.AnnealedVAEConfig(latents=3, width=4, gamma=5.0, capacity=30.0, capacity_steps=20),
            10,
            lambda kl: 5 * (15 - kl),
        ),
        (
            "annealed_vae",
            plugin.AnnealedVAEConfig(latents=3, width=4, gamma=5.0, capacity=30.0, capacity_steps=20),
            0,
            lambda kl: 5 * kl,
        ),
    ],
)
def test_the_loss_is_the_papers(name: str, config: Any, step: int, weigh: Callable[[float], float]) -> None:
    torch.manual_seed(0)
    image = torch.rand(4, 1, 16, 16).round()
    model = build(config, ImageSpec(1, 16, 16))
    torch.manual_seed(1)
    (report,) = getattr(training, name)(model, OneStep(image, step), config)

    torch.manual_seed(1)  # the same noise
    mean, logvar = model.moments(image)
    q = Normal(mean, (logvar / 2).exp())
    z = mean + q.stddev * torch.randn_like(mean)
    reconstruction = -Bernoulli(logits=model.logits(z)).log_prob(image).sum((1, 2, 3)).mean()
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(report["reconstruction"], reconstruction)
    torch.testing.assert_close(report["kl"], kl)
    torch.testing.assert_close(report["loss"], reconstruction + weigh(kl))


def test_each_config_shows_only_what_its_loss_uses() -> None:
    fields = {m.name: set(m.config.__dataclass_fields__) for m in plugin.METHODS}
    assert fields["beta_vae"] - fields["vae"] == {"beta"}
    assert fields["annealed_vae"] - fields["vae"] == {"gamma", "capacity", "capacity_steps"}


def test_the_quick_annealed_vae_reaches_its_capacity_before_it_ends() -> None:
    quick = SimpleNamespace(**{m.name: m.quick for m in plugin.METHODS}).annealed_vae
    assert quick.capacity_steps < quick.steps
