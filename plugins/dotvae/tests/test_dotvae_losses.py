"""The mathematics of the two steps: mask, ELBO, interventions, gradients, recovery, discriminator."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from distoolkit_dotvae import losses
from distoolkit_dotvae.model import Discriminator, DotVAE, Moments
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from distoolkit.contract import ImageSpec

SPEC = ImageSpec(1, 16, 16)
OPEN = [0, 2]  # of four dimensions


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def model() -> DotVAE:
    built = DotVAE(SPEC, 4, 3, width=4)
    for dimension in OPEN:
        built.open(dimension)
    return built


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(6, 1, 16, 16)


def seeded(function, *args, **kwargs):
    torch.manual_seed(1)
    return function(*args, **kwargs)


def all_losses(model: DotVAE, image: torch.Tensor) -> torch.Tensor:
    wake = losses.wake(model, image)
    dream = losses.dream(model, wake.z1, wake.z2, torch.tensor(OPEN), Discriminator(SPEC, 4))
    return torch.stack([wake.loss(3.0), dream.recovery, dream.nuisance_recovery, dream.adversarial])


def rows_of(model: DotVAE, dimension: int) -> list[int]:
    return [dimension, model.latents + dimension]


# -- mask


def test_a_closed_dimension_is_invisible(model: DotVAE, image: torch.Tensor) -> None:
    before, codes = seeded(all_losses, model, image), model.encode(image)
    with torch.no_grad():
        for dimension in (1, 3):
            model.head1[-1].weight[rows_of(model, dimension)] += 1.0
            model.head1[-1].bias[rows_of(model, dimension)] -= 1.0
    assert torch.equal(seeded(all_losses, model, image), before)
    assert torch.equal(model.encode(image), codes)
    assert torch.equal(codes[:, [1, 3]], torch.zeros(6, 2))
    changed = codes.clone()
    changed[:, [1, 3]] = 5.0
    assert torch.equal(model.decode(changed), model.decode(codes))


def test_an_open_dimension_is_not(model: DotVAE, image: torch.Tensor) -> None:
    before, codes = seeded(all_losses, model, image), model.encode(image)
    with torch.no_grad():
        model.head1[-1].bias[0] += 1.0
    assert bool((seeded(all_losses, model, image) != before).all())
    assert not torch.equal(model.encode(image), codes)


def test_a_closed_dimension_gets_exactly_no_gradient(model: DotVAE, image: torch.Tensor) -> None:
    all_losses(model, image).sum().backward()
    last = model.head1[-1]
    for dimension in range(4):
        size = last.weight.grad[rows_of(model, dimension)].abs().sum(1)
        assert ((size > 0).tolist(), (size == 0).tolist()) == ([dimension in OPEN] * 2, [dimension not in OPEN] * 2)
    into = model.decoder.layers[0].weight.grad  # (hidden, entry)
    assert torch.equal(into[:, [1, 3]], torch.zeros_like(into[:, [1, 3]]))


def test_the_posterior_of_a_closed_dimension_is_the_prior(model: DotVAE, image: torch.Tensor) -> None:
    q = model.posterior(image)
    assert torch.equal(q.mean, model.encode(image))
    assert torch.equal(q.stddev[:, [1, 3]], torch.ones(6, 2))
    assert bool((q.stddev[:, OPEN] != 1).all())


def test_closing_clears_the_rows_of_the_head(model: DotVAE) -> None:
    others = model.head1[-1].weight[rows_of(model, 0)].clone()
    model.close(2)
    assert model.gamma.tolist() == [1, 0, 0, 0]
    assert not model.head1[-1].weight[rows_of(model, 2)].any()
    assert not model.head1[-1].bias[rows_of(model, 2)].any()
    assert torch.equal(model.head1[-1].weight[rows_of(model, 0)], others)


# -- the wake step against torch.distributions


def test_with_all_closed_the_loss_is_the_elbo_of_a_plain_vae_on_z2(image: torch.Tensor) -> None:
    model = DotVAE(SPEC, 4, 3, width=4)
    wake = seeded(losses.wake, model, image)
    q = model.moments(image)
    q2 = Normal(q.mean2, (q.logvar2 / 2).exp())
    logits = model.decoder(torch.cat([torch.zeros(6, 4), wake.z2], 1))
    likelihood = Independent(Bernoulli(logits=logits, validate_args=False), 3).log_prob(image)
    elbo = likelihood - kl_divergence(q2, Normal(0.0, 1.0)).sum(1)
    assert wake.loss(1.0).item() == pytest.approx(-elbo.mean().item(), rel=1e-5)
    torch.manual_seed(1)
    _, noise = torch.randn(6, 4), torch.randn(6, 3)
    assert torch.allclose(wake.z2, q2.mean + q2.stddev * noise)


def test_with_all_open_and_beta_1_it_is_the_elbo_on_the_whole_code(image: torch.Tensor) -> None:
    model = DotVAE(SPEC, 4, 3, width=4)
    for dimension in range(4):
        model.open(dimension)
    wake = losses.wake(model, image)
    q = model.moments(image)
    mean, logvar = torch.cat([q.mean1, q.mean2], 1), torch.cat([q.logvar1, q.logvar2], 1)
    logits = model.decoder(torch.cat([wake.z1, wake.z2], 1))
    likelihood = Independent(Bernoulli(logits=logits, validate_args=False), 3).log_prob(image)
    kl = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(1)
    assert wake.loss(1.0).item() == pytest.approx((kl - likelihood).mean().item(), rel=1e-5)


def test_doubling_beta_adds_exactly_the_kl_of_z2(model: DotVAE, image: torch.Tensor) -> None:
    wake = losses.wake(model, image)
    q = model.moments(image)
    kl2 = kl_divergence(Normal(q.mean2, (q.logvar2 / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()
    assert kl2.item() > 1e-4
    assert (wake.loss(800.0) - wake.loss(400.0)).item() == pytest.approx(400 * kl2.item(), rel=1e-3)


# -- intervention


def test_an_intervention_changes_one_open_entry_of_each_row() -> None:
    z1 = torch.randn(8000, 6, requires_grad=True)
    opened = torch.tensor([0, 2, 3, 5])
    dreamt = losses.intervene(z1, opened)
    changed = dreamt != z1
    assert torch.equal(changed.sum(1), torch.ones(8000, dtype=torch.int64))
    counts = changed.sum(0)
    assert counts[[1, 4]].sum() == 0
    chi_square = ((counts[opened] - 2000.0) ** 2 / 2000).sum().item()
    assert chi_square < 16.3  # 0.1 % of the time it is above, for three degrees of freedom
    values = dreamt[changed]
    assert abs(values.mean().item()) < 4 / math.sqrt(8000)
    assert abs(values.var().item() - 1) < 4 * math.sqrt(2 / 8000)
    assert not dreamt.requires_grad


# -- where gradients go


def test_no_gradient_reaches_the_first_encoding(model: DotVAE, image: torch.Tensor) -> None:
    z1, z2 = torch.randn(6, 4, requires_grad=True), torch.randn(6, 3, requires_grad=True)
    dream = losses.dream(model, z1, z2, torch.tensor(OPEN), Discriminator(SPEC, 4))
    (dream.recovery + dream.nuisance_recovery + dream.adversarial).backward()
    assert z1.grad is None
    assert z2.grad is None


def test_each_step_trains_its_own_networks(model: DotVAE, image: torch.Tensor) -> None:
    discriminator = Discriminator(SPEC, 4)
    dream = losses.dream(model, torch.randn(6, 4), torch.randn(6, 3), torch.tensor(OPEN), discriminator)
    (dream.recovery + dream.nuisance_recovery + dream.adversarial).backward()
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    model.zero_grad()
    losses.discriminator_loss(discriminator, image, dream.image).backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad.abs().sum() > 0 for p in discriminator.parameters())


@pytest.mark.parametrize(
    ("part", "reached"),
    [
        ("recovery", ("trunk", "head1", "decoder")),
        ("nuisance_recovery", ("trunk", "head2", "decoder")),
        ("adversarial", ("decoder",)),
    ],
)
def test_which_networks_a_part_of_the_dream_trains(model: DotVAE, part: str, reached: tuple[str, ...]) -> None:
    dream = losses.dream(model, torch.randn(6, 4), torch.randn(6, 3), torch.tensor(OPEN), Discriminator(SPEC, 4))
    getattr(dream, part).backward()
    for name, network in model.named_children():
        sizes = [0.0 if p.grad is None else p.grad.abs().sum().item() for p in network.parameters()]
        assert all(size > 0 for size in sizes) == (name in reached), name
        assert any(size > 0 for size in sizes) == (name in reached), name


# -- recovery


def test_recovery_is_the_negative_log_density_up_to_its_constant() -> None:
    code, mean, logvar = torch.randn(5, 3), torch.randn(5, 3), torch.rand(5, 3) * 6 - 5
    density = Normal(mean, (logvar / 2).exp()).log_prob(code)
    constant = 0.5 * math.log(2 * math.pi)
    assert torch.allclose(losses.recovery(code, mean, logvar), -density - constant, atol=1e-5)


def test_recovery_is_lowest_at_the_code_and_the_clamped_variance() -> None:
    code = torch.zeros(1, 1)
    best = losses.recovery(code, code, torch.full((1, 1), -50.0))
    assert best.item() == pytest.approx(0.5 * -6.0)
    for mean, logvar in ((0.1, -50.0), (0.0, -5.0), (0.0, 0.0), (3.0, 2.0)):
        assert losses.recovery(code, torch.full((1, 1), mean), torch.full((1, 1), logvar)) > best
    high = losses.recovery(code, torch.ones(1, 1), torch.full((1, 1), 9.0))
    assert high.item() == pytest.approx(0.5 * (math.exp(-2.0) + 2.0))


def test_recovery_by_squared_error() -> None:
    cost = losses.recovery(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 5.0]]), torch.zeros(1, 2), "mse")
    assert cost.tolist() == [[0.5, 4.5]]


class Linear(nn.Module):
    """A decoder with orthonormal columns and, as encoder, its transpose; ``turn`` rotates what the encoder reads."""

    def __init__(self, turn: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.tensor([1.0, 1.0, 0.0]))
        self.w = torch.linalg.qr(torch.randn(20, 5, generator=torch.Generator().manual_seed(0)))[0]
        c, s = math.cos(turn), math.sin(turn)
        self.rotation = torch.eye(5)
        self.rotation[:2, :2] = torch.tensor([[c, -s], [s, c]])

    def logits(self, z1: torch.Tensor, z2: torch.Tensor) -> torch.Tensor:
        # undone by the sigmoid that follows: pictures stay within (0, 1)
        picture = 0.5 + 0.02 * torch.cat([self.gamma * z1, z2], 1) @ self.w.T
        return torch.logit(picture).reshape(-1, 1, 4, 5)

    def moments(self, image: torch.Tensor):
        read = (image.flatten(1) - 0.5) / 0.02 @ self.w @ self.rotation.T
        small = torch.full_like(read, -4.0)
        return Moments(read[:, :3], small[:, :3], read[:, 3:], small[:, 3:])


def test_a_linear_toy_recovers_and_a_turned_encoder_does_not() -> None:
    z1, z2 = torch.randn(64, 3), torch.randn(64, 2)
    straight = losses.dream(Linear(), z1, z2, torch.tensor([0, 1]))
    assert straight.recovery.item() == pytest.approx(2 * 0.5 * -4.0, abs=1e-3)  # no error: log-variances alone
    assert straight.nuisance_recovery.item() == pytest.approx(2 * 0.5 * -4.0, abs=1e-3)
    turned = losses.dream(Linear(0.5), z1, z2, torch.tensor([0, 1]))
    assert turned.recovery > straight.recovery + 1
    assert turned.nuisance_recovery.item() == pytest.approx(straight.nuisance_recovery.item(), abs=1e-3)


# -- the discriminator


class Scores(nn.Module):
    """Take the mean of an image as its logit."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.flatten(1).mean(1)


def test_the_discriminators_loss_by_hand() -> None:
    real, fake = torch.full((2, 1, 4, 4), 2.0), torch.full((2, 1, 4, 4), -1.0)
    expected = math.log1p(math.exp(-2.0)) + math.log1p(math.exp(-1.0))
    assert losses.discriminator_loss(Scores(), real, fake).item() == pytest.approx(expected)


def test_the_adversarial_part_by_hand(model: DotVAE) -> None:
    dream = losses.dream(model, torch.randn(6, 4), torch.randn(6, 3), torch.tensor(OPEN), Scores())
    means = dream.image.flatten(1).mean(1).tolist()
    assert dream.adversarial.item() == pytest.approx(sum(math.log1p(math.exp(-m)) for m in means) / 6)


def test_on_equal_batches_the_discriminator_pays_two_log_two_or_more(image: torch.Tensor) -> None:
    for _ in range(5):
        assert losses.discriminator_loss(Discriminator(SPEC, 4), image, image).item() >= 2 * math.log(2) - 1e-6


def test_every_layer_of_the_discriminator_has_spectral_norm_one(image: torch.Tensor) -> None:
    discriminator = Discriminator(SPEC, 4)
    with torch.no_grad():
        for layer in discriminator.layers:
            if hasattr(layer, "weight"):
                layer.parametrizations.weight.original *= 7.0
        for _ in range(60):
            discriminator(image)
    norms = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in discriminator.layers if hasattr(m, "weight")]
    assert len(norms) == 4
    assert all(0.95 < norm.item() <= 1.01 for norm in norms)


def test_a_frozen_module_thaws_after_an_error() -> None:
    module = nn.Linear(1, 1)

    def fail() -> None:
        with losses.frozen(module):
            assert not module.weight.requires_grad
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert module.weight.requires_grad
