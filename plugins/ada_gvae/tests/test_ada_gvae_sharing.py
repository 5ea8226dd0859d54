from __future__ import annotations

import math

import pytest
import torch
from distoolkit_ada_gvae import Config
from distoolkit_ada_gvae.sharing import average, kl_between, shared
from distoolkit_ada_gvae.training import terms
from torch.distributions import Bernoulli, Normal, kl_divergence

from distoolkit.contract import ImageSpec
from distoolkit.nn.vae import build

UNIT = torch.zeros(1, 3)


def test_the_divergence_is_torchs_and_not_its_mirror_image() -> None:
    torch.manual_seed(0)
    mean, logvar, other, other_logvar = torch.randn(4, 5, 3).unbind(0)
    q, p = Normal(mean, (logvar / 2).exp()), Normal(other, (other_logvar / 2).exp())
    torch.testing.assert_close(kl_between((mean, logvar), (other, other_logvar)), kl_divergence(q, p))
    assert not torch.allclose(kl_divergence(q, p), kl_divergence(p, q))


def test_latents_below_half_way_are_shared_by_hand() -> None:
    # unit variances: KL = difference^2 / 2 = 0.5, 2.0, 8.0; half way between 0.5 and 8 is 4.25
    first, second = (torch.tensor([[0.0, 1.0, 2.0]]), UNIT), (torch.tensor([[1.0, 3.0, 6.0]]), UNIT)
    assert shared(first, second).tolist() == [[True, True, False]]
    # 4.5 lies above 4.25: two have changed
    assert shared(first, (torch.tensor([[1.0, 4.0, 6.0]]), UNIT)).tolist() == [[True, False, False]]
    assert shared(first, first).tolist() == [[False, False, False]]  # an image and itself: nothing to average


def test_each_pair_has_its_own_threshold() -> None:
    first = (torch.zeros(2, 2), torch.zeros(2, 2))
    second = (torch.tensor([[1.0, 10.0], [0.1, 1.0]]), torch.zeros(2, 2))
    assert shared(first, second).tolist() == [[True, False], [True, False]]


def test_the_average_is_the_arithmetic_mean_of_means_and_of_variances() -> None:
    # variances 1 and 3 in the first latent, which is shared; the second, which is not, stays as it is
    first = (torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.5]]))
    second = (torch.tensor([[1.0, 9.0]]), torch.tensor([[math.log(3), -0.5]]))
    one, other, share = average(first, second)
    assert share.tolist() == [[True, False]]
    torch.testing.assert_close(one[0], torch.tensor([[0.5, 0.0]]))
    torch.testing.assert_close(one[1], torch.tensor([[math.log(2), 0.5]]))
    torch.testing.assert_close(other[0], torch.tensor([[0.5, 9.0]]))
    torch.testing.assert_close(other[1], torch.tensor([[math.log(2), -0.5]]))


def test_the_gradient_of_an_average_is_halved_between_the_pair() -> None:
    mean, other = torch.tensor([[0.0, 0.0]], requires_grad=True), torch.tensor([[1.0, 9.0]], requires_grad=True)
    one, _, _ = average((mean, torch.zeros(1, 2)), (other, torch.zeros(1, 2)))
    one[0].sum().backward()
    torch.testing.assert_close(mean.grad, torch.tensor([[0.5, 1.0]]))
    torch.testing.assert_close(other.grad, torch.tensor([[0.5, 0.0]]))


@pytest.mark.parametrize("averaging", [True, False])
def test_the_loss_is_that_of_the_averaged_posteriors(averaging: bool) -> None:
    config = Config(latents=3, width=4, beta=2.0, average=averaging)
    torch.manual_seed(0)
    model = build(config, ImageSpec(1, 16, 16))
    image = torch.rand(6, 1, 16, 16).round()
    torch.manual_seed(1)
    report = terms(model, image, config)

    torch.manual_seed(1)
    mean, logvar = model.moments(image)
    if averaging:
        for i in range(3):  # image i is paired with image i + 3
            q, p = (Normal(mean[k], (logvar[k] / 2).exp()) for k in (i, i + 3))
            distance = kl_divergence(q, p)
            share = distance < (distance.max() + distance.min()) / 2
            both_mean, both_var = (q.mean + p.mean) / 2, (q.variance + p.variance) / 2
            for k in (i, i + 3):
                mean = mean.index_put((torch.tensor(k),), torch.where(share, both_mean, mean[k]))
                logvar = logvar.index_put((torch.tensor(k),), torch.where(share, both_var.log(), logvar[k]))
    q = Normal(mean, (logvar / 2).exp())
    logits = model.logits(mean + q.stddev * torch.randn(6, 3))
    reconstruction = -Bernoulli(logits=logits).log_prob(image).sum((1, 2, 3)).mean()
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(report["reconstruction"], reconstruction)
    torch.testing.assert_close(report["kl"], kl)
    torch.testing.assert_close(report["loss"], reconstruction + 2 * kl)
