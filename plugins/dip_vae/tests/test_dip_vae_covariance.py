from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from distoolkit_dip_vae import ConfigI, ConfigII, training
from distoolkit_dip_vae.covariance import covariance_of_codes, covariance_of_means, diagonal, off_diagonal

from distoolkit.contract import ImageSpec
from distoolkit.nn.vae import build

# three images, two latents; the means are (2, 0): deviations (-2, 1), (0, -2), (2, 1)
MEAN = torch.tensor([[0.0, 1.0], [2.0, -2.0], [4.0, 1.0]])
OF_MEANS = torch.tensor([[8 / 2, 0.0], [0.0, 6 / 2]])
LOGVAR = torch.tensor([[0.0, math.log(2)], [math.log(3), math.log(2)], [math.log(5), math.log(8)]])
OF_CODES = OF_MEANS + torch.tensor([[3.0, 0.0], [0.0, 4.0]])  # mean variances (1 + 3 + 5) / 3 and (2 + 2 + 8) / 3


def test_covariances_by_hand() -> None:
    torch.testing.assert_close(covariance_of_means(MEAN), OF_MEANS)
    torch.testing.assert_close(covariance_of_codes(MEAN, LOGVAR), OF_CODES)


def test_the_covariance_of_means_is_numpys() -> None:
    torch.manual_seed(0)
    mean = torch.randn(50, 4) @ torch.randn(4, 4) + 3
    np.testing.assert_allclose(covariance_of_means(mean), np.cov(mean.numpy().T), rtol=1e-4, atol=1e-5)


def test_the_covariance_of_codes_is_that_of_drawn_codes() -> None:
    torch.manual_seed(0)
    mean, logvar = torch.randn(400, 3) @ torch.randn(3, 3), torch.randn(400, 3)
    draws = mean + (logvar / 2).exp() * torch.randn(500, 400, 3)
    torch.testing.assert_close(covariance_of_codes(mean, logvar), torch.cov(draws.flatten(0, 1).T), rtol=0, atol=0.05)


def test_the_expectation_over_batches_is_the_covariance_of_the_data_set() -> None:
    torch.manual_seed(0)
    mean = torch.randn(20, 2) * torch.tensor([1.0, 3.0])
    batches = torch.stack([covariance_of_means(mean[torch.randperm(20)[:4]]) for _ in range(4000)])
    torch.testing.assert_close(batches.mean(0), torch.cov(mean.T), rtol=0.05, atol=0.1)


def test_penalties_by_hand() -> None:
    covariance = torch.tensor([[3.0, 0.5, -1.0], [0.5, 1.0, 2.0], [-1.0, 2.0, 0.0]])
    assert off_diagonal(covariance).item() == pytest.approx(2 * (0.25 + 1 + 4))
    assert diagonal(covariance).item() == pytest.approx(4 + 0 + 1)
    assert off_diagonal(torch.eye(3)).item() == diagonal(torch.eye(3)).item() == 0


class OneStep:
    """A loop of one batch that hands the loss over without minimising it."""

    def __init__(self, image: torch.Tensor) -> None:
        self.image = image

    def optimizer(self, name: str, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        return optimizer

    def autocast(self, enabled: bool) -> torch.autograd.grad_mode.set_grad_enabled:
        return torch.enable_grad()

    def descend(self, loss, optimizer, stage, steps):  # type: ignore[no-untyped-def]
        yield loss({"image": self.image})


@pytest.mark.parametrize(("name", "config"), [("dip_vae_i", ConfigI()), ("dip_vae_ii", ConfigII())])
def test_the_first_looks_at_means_alone_and_the_second_at_codes(name: str, config: ConfigI | ConfigII) -> None:
    torch.manual_seed(0)
    image = torch.rand(8, 1, 16, 16)
    model = build(config, ImageSpec(1, 16, 16))
    (report,) = getattr(training, name)(model, OneStep(image), config)
    mean, logvar = model.moments(image)
    expected = torch.cov(mean.T)
    if name == "dip_vae_ii":
        expected = expected + torch.diag(logvar.exp().mean(0))
    torch.testing.assert_close(report["diagonal"], (expected.diagonal() - 1).square().sum())
    torch.testing.assert_close(report["off_diagonal"], (expected - torch.diag(expected.diagonal())).square().sum())
    penalty = config.lambda_od * report["off_diagonal"] + config.lambda_d * report["diagonal"]
    torch.testing.assert_close(report["loss"], report["reconstruction"] + report["kl"] + penalty)
