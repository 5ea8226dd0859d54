"""The losses against NumPy and against cases that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from distoolkit_disdiff import losses
from distoolkit_disdiff.training import Terms

from distoolkit.nn.diffusion.losses import noise_error
from distoolkit.nn.diffusion.schedule import Schedule, make_betas

B, N, D = 6, 4, 3


def readings(seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    before, after, true = torch.randn(3, B, N, D, generator=generator)
    return before, after, true, torch.randint(N, (B,), generator=generator)


def numpy_cross_entropy(logits: np.ndarray, which: np.ndarray) -> np.ndarray:
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(which)), which]


def test_the_whole_loss_agrees_with_numpy() -> None:
    before, after, true, which = readings()
    generator = torch.Generator().manual_seed(9)
    noise, frozen, fields = (torch.randn(B, *s, 2, 4, 4, generator=generator) for s in ((), (), (N,)))
    schedule, t = Schedule(make_betas("ldm", 1000)), torch.tensor([0, 1, 20, 300, 700, 999])
    clean, clean_with = torch.randn(2, B, 2, 4, 4, generator=generator)

    invariant, variant = losses.disentangling(before, after, true, which)
    predicted = frozen + schedule.shift(fields.sum(1), t, "posterior")
    terms = Terms(
        noise_error(noise, predicted, t, schedule),
        noise_error(noise, frozen, t, schedule),
        invariant,
        variant,
        losses.change_weight(clean, clean_with),
        torch.zeros(B),
    )

    zh, zc, z = (x.numpy().astype(np.float64) for x in (before, after, true))
    a = np.sqrt(((zh - zc) ** 2).sum(-1))
    b = np.sqrt(((zh - z) ** 2).sum(-1)) - np.sqrt(((zc - z) ** 2).sum(-1))
    l_in, l_va = (numpy_cross_entropy(logits, which.numpy()) for logits in (a, b))
    w = ((clean.numpy().astype(np.float64) - clean_with.numpy()) ** 2).mean((1, 2, 3))
    k = schedule.k_train.numpy()[t.numpy()].reshape(-1, 1, 1, 1)
    l_rec = np.abs(noise.numpy() - (frozen.numpy() + k * fields.numpy().sum(1))).mean()
    np.testing.assert_allclose(invariant.numpy(), l_in, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(variant.numpy(), l_va, rtol=1e-6, atol=1e-6)
    assert float(terms.loss(0.05)) == pytest.approx(l_rec + 0.05 * (w * (l_in + l_va)).mean(), rel=1e-6)


def test_a_field_that_brings_its_own_unit_home_costs_nothing() -> None:
    which = torch.arange(B) % N
    before = torch.zeros(B, N, D)
    after = before.clone()
    after[torch.arange(B), which, 0] = 60.0
    for loss in losses.disentangling(before, after, after.clone(), which):
        assert float(loss.max()) < 1e-6


def test_a_field_that_changes_nothing_costs_chance() -> None:
    before, _, true, which = readings()
    for loss in losses.disentangling(before, before.clone(), true, which):
        torch.testing.assert_close(loss, torch.full((B,), math.log(N)))


def test_a_field_that_moves_another_unit_costs_more_than_chance() -> None:
    before = torch.zeros(1, N, D)
    after = before.clone()
    after[0, 1, 0] = 2.0
    invariant, variant = losses.disentangling(before, after, after, torch.tensor([0]))
    expected = math.log(math.exp(2) + N - 1)
    assert float(invariant) == pytest.approx(expected)
    assert float(variant) == pytest.approx(expected)


def test_the_gradient_of_no_change_is_zero_not_nan() -> None:
    before, _, true, which = readings()
    after = before.clone().requires_grad_(True)
    invariant, _ = losses.disentangling(before, after, true, which)
    (gradient,) = torch.autograd.grad(invariant.sum(), after)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_weight_is_the_mean_squared_change_and_carries_no_gradient() -> None:
    before = torch.zeros(3, 1, 2, 2)
    after = torch.tensor([1.0, 2.0, 10.0]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2).clone().requires_grad_(True)
    weight = losses.change_weight(before, after)
    assert weight.tolist() == [1, 4, 100]
    assert not weight.requires_grad
    assert losses.change_weight(before, after, 0.5).tolist() == [1, 4, 4]


def test_pick_takes_one_field_from_each_sample() -> None:
    fields = torch.arange(2 * 3).reshape(2, 3, 1, 1, 1).expand(2, 3, 4, 5, 5)
    assert losses.pick(fields, torch.tensor([2, 0]))[:, 0, 0, 0].tolist() == [2, 3]
