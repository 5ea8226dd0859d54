from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from distoolkit.contract import ConfigError
from distoolkit.nn import bernoulli_loss, gaussian_loss, reconstruction_loss


def test_bernoulli_by_hand() -> None:
    # logit 0 is probability 1/2, ln 3 is 3/4; two images of two pixels
    logits = torch.tensor([[[[0.0, 0.0]]], [[[math.log(3.0), math.log(3.0)]]]])
    image = torch.tensor([[[[0.0, 1.0]]], [[[1.0, 0.0]]]])
    expected = torch.tensor([2 * math.log(2.0), -math.log(0.75) - math.log(0.25)])
    torch.testing.assert_close(bernoulli_loss(logits, image), expected)


def test_gaussian_by_hand() -> None:
    mean = torch.tensor([[[[0.0, 0.5]]], [[[1.0, 1.0]]]])
    image = torch.tensor([[[[1.0, 0.5]]], [[[0.0, 0.0]]]])
    torch.testing.assert_close(gaussian_loss(mean, image), torch.tensor([0.5, 1.0]))


def test_both_are_the_likelihoods_of_torch_distributions() -> None:
    torch.manual_seed(0)
    logits, image = torch.randn(3, 2, 4, 5), torch.rand(3, 2, 4, 5).round()
    reference = -Bernoulli(logits=logits).log_prob(image).sum((1, 2, 3))
    torch.testing.assert_close(reconstruction_loss(logits, image, "bernoulli"), reference)
    constant = 0.5 * math.log(2 * math.pi) * 40
    reference = -Normal(logits.sigmoid(), 1.0).log_prob(image).sum((1, 2, 3)) - constant
    torch.testing.assert_close(reconstruction_loss(logits, image, "gaussian"), reference)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_half_precision_networks_are_scored_in_float32(likelihood: str) -> None:
    logits, image = torch.zeros(1, 3, 64, 64, dtype=torch.bfloat16), torch.ones(1, 3, 64, 64)
    loss = reconstruction_loss(logits, image, likelihood)
    assert loss.dtype == torch.float32
    each = math.log(2.0) if likelihood == "bernoulli" else 0.125
    assert loss.item() == pytest.approx(3 * 64 * 64 * each, rel=1e-6)  # a bfloat16 sum would be off by percents


def test_an_unknown_likelihood_is_refused() -> None:
    with pytest.raises(ConfigError, match="likelihood = 'laplace' is not allowed: give 'bernoulli' or 'gaussian'"):
        reconstruction_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), "laplace")
