from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from distoolkit.nn import gaussian, kl_standard_normal, reparameterise


def test_kl_by_hand() -> None:
    mean = torch.tensor([[0.0, 2.0, 0.0]])
    logvar = torch.tensor([[0.0, 0.0, math.log(4.0)]])
    # (1) the prior itself; (2) half the squared mean; (3) (4 - 1 - ln 4) / 2
    torch.testing.assert_close(kl_standard_normal(mean, logvar), torch.tensor([[0.0, 2.0, 1.5 - math.log(2.0)]]))


def test_kl_agrees_with_torch_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, logvar = torch.randn(2, 50, 6, generator=generator).unbind()
    reference = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(torch.zeros(6), torch.ones(6)))
    torch.testing.assert_close(kl_standard_normal(mean, logvar), reference)


def test_the_distribution_has_the_mean_and_the_standard_deviation() -> None:
    q = gaussian(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(9.0)]]))
    assert q.batch_shape == (1, 2)
    torch.testing.assert_close(q.mean, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.stddev, torch.tensor([[1.0, 3.0]]))


def test_draws_have_the_moments_and_pass_gradients_on() -> None:
    torch.manual_seed(0)
    mean = torch.full((20_000, 2), 3.0, requires_grad=True)
    logvar = torch.full((20_000, 2), math.log(0.25), requires_grad=True)
    z = reparameterise(mean, logvar)
    assert z.mean().item() == pytest.approx(3.0, abs=0.02)
    assert z.std().item() == pytest.approx(0.5, abs=0.02)
    z.square().sum().backward()
    assert mean.grad is not None
    assert logvar.grad is not None
    torch.testing.assert_close(mean.grad, 2 * z.detach())  # dz/dmean = 1
    torch.testing.assert_close(logvar.grad, (z * (z - mean)).detach())  # dz/dlogvar = (z - mean) / 2
