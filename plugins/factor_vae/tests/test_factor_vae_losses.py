from __future__ import annotations

import math

import pytest
import torch
from distoolkit_factor_vae import METHOD
from distoolkit_factor_vae.losses import accuracy, discriminator_loss, permute_dims, total_correlation
from distoolkit_factor_vae.model import Discriminator
from distoolkit_factor_vae.training import frozen, judge, vae_terms
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from distoolkit.contract import ImageSpec
from distoolkit.nn.vae import build

JOINT = torch.tensor([[3.0, 1.0], [0.0, 1.0]])
PRODUCT = torch.tensor([[0.0, 0.0], [2.0, 0.0]])


def test_total_correlation_by_hand() -> None:
    assert total_correlation(JOINT).item() == pytest.approx((2.0 - 1.0) / 2)


def test_total_correlation_is_that_of_a_gaussian_under_the_best_discriminator() -> None:
    torch.manual_seed(0)
    rho = 0.8
    q = MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, rho], [rho, 1.0]]))
    z = q.sample((200_000,))
    best = torch.stack([q.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(1)], dim=1)
    assert total_correlation(best).item() == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.01)


def test_discriminator_loss_by_hand() -> None:
    def softplus(x: float) -> float:
        return math.log1p(math.exp(x))

    # -log softmax of the right class is softplus(other - right)
    joint = (softplus(1.0 - 3.0) + softplus(1.0 - 0.0)) / 2
    product = (softplus(0.0 - 0.0) + softplus(2.0 - 0.0)) / 2
    assert discriminator_loss(JOINT, PRODUCT).item() == pytest.approx((joint + product) / 2)


def test_guessing_costs_log_two() -> None:
    assert discriminator_loss(torch.zeros(5, 2), torch.zeros(5, 2)).item() == pytest.approx(math.log(2))


def test_accuracy_by_hand() -> None:
    assert accuracy(JOINT, PRODUCT).item() == pytest.approx((1 + 0) / 2 / 2)
    assert accuracy(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])).item() == 1.0


def test_permute_dims_keeps_every_marginal_and_breaks_their_tie() -> None:
    torch.manual_seed(0)
    z = torch.randn(4000, 1) * torch.tensor([[1.0, 2.0, -3.0]])  # one number, three times
    shuffled = permute_dims(z)
    assert torch.equal(shuffled.sort(dim=0).values, z.sort(dim=0).values)
    correlation = torch.corrcoef(shuffled.T)
    assert torch.corrcoef(z.T).abs().min() > 0.999
    assert (correlation - torch.eye(3)).abs().max() < 0.06


def test_permute_dims_draws_every_order_equally_often() -> None:
    torch.manual_seed(0)
    shuffled = permute_dims(torch.arange(3.0)[:, None].expand(3, 6000))
    order = shuffled[0] * 9 + shuffled[1] * 3 + shuffled[2]
    counts = order.unique(return_counts=True)[1]
    assert len(counts) == 6
    assert (counts - 1000).abs().max() < 120  # four standard deviations


def test_the_discriminator_is_the_papers() -> None:
    linear = [m for m in Discriminator(10).modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(10, 1000), *[(1000, 1000)] * 5, (1000, 2)]


@pytest.fixture
def parts() -> tuple[nn.Module, nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    config = METHOD.quick
    image = torch.rand(8, 1, 16, 16)
    return build(config, ImageSpec(1, 16, 16)), Discriminator(config.latents, 16, 2), image


def test_the_vae_step_trains_the_vae_through_the_discriminator(
    parts: tuple[nn.Module, nn.Module, torch.Tensor],
) -> None:
    model, discriminator, image = parts
    vae_terms(model, discriminator, image, METHOD.quick).total_correlation.backward()
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.encoder.parameters())
    assert all(p.grad is None for p in model.decoder.parameters())
    assert all(p.requires_grad for p in discriminator.parameters())  # thawed again


def test_the_discriminator_step_trains_the_discriminator_only(
    parts: tuple[nn.Module, nn.Module, torch.Tensor],
) -> None:
    model, discriminator, image = parts
    terms = vae_terms(model, discriminator, image, METHOD.quick)
    discriminator_loss(*judge(model, discriminator, terms.code, image)).backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None for p in discriminator.parameters())


def test_a_frozen_module_thaws_after_an_error() -> None:
    module = nn.Linear(1, 1)

    def fail() -> None:
        with frozen(module):
            assert not module.weight.requires_grad
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert module.weight.requires_grad


def test_training_the_discriminator_alone_finds_the_total_correlation() -> None:
    torch.manual_seed(0)
    rho = 0.8
    q = MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, rho], [rho, 1.0]]))
    discriminator = Discriminator(2, 64, 2)
    adam = torch.optim.Adam(discriminator.parameters(), lr=2e-3)
    for _ in range(400):
        loss = discriminator_loss(discriminator(q.sample((512,))), discriminator(permute_dims(q.sample((512,)))))
        adam.zero_grad()
        loss.backward()
        adam.step()
    estimate = total_correlation(discriminator(q.sample((20_000,)))).item()
    assert estimate == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.08)
