"""Isometry losses against decoders whose Jacobian is known, and against the full Jacobian."""

from __future__ import annotations

import distoolkit_isometry.losses as losses
import pytest
import torch
from torch import nn


def orthonormal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(rows, columns, dtype=torch.float64, generator=generator))[0]


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 11)).double()


def batch(seed=0, count=5, latents=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, latents, dtype=torch.float64, generator=generator)


def test_an_orthonormal_decoder_has_no_loss():
    basis = orthonormal(7, 3)
    direction = losses.directions(batch())
    assert losses.decoder_isometry(lambda z: z @ basis.T, batch(), direction) < 1e-20
    assert losses.encoder_isometry(lambda x: x @ basis, batch(latents=7), direction) < 1e-20


def test_a_scaled_decoder_has_the_loss_of_its_scale():
    basis = 3 * orthonormal(7, 3)
    loss = losses.decoder_isometry(lambda z: z @ basis.T, batch(), losses.directions(batch()))
    assert loss.item() == pytest.approx(4)


def test_the_scale_free_loss_is_zero_for_any_scale_and_positive_for_stretch():
    many = batch(count=20_000)
    basis = orthonormal(7, 3)
    assert losses.scaled_isometry(lambda z: 0.1 * z @ basis.T, many, torch.randn_like(many)).abs() < 0.02
    stretched = basis * torch.tensor([1.0, 1.0, 3.0], dtype=torch.float64)
    found = losses.scaled_isometry(lambda z: z @ stretched.T, many, torch.randn_like(many))
    assert found.item() == pytest.approx(3 * (1 + 1 + 81) / 11**2 - 1, rel=0.05)  # d sum(s^4) / (sum s^2)^2 - 1


def test_the_losses_agree_with_the_full_jacobian():
    decode, code = network(), batch()
    direction = losses.directions(code)
    full = torch.stack([torch.func.jacrev(decode)(z) for z in code])
    moved = torch.einsum("bij,bj->bi", full, direction)
    expected = (moved.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(losses.decoder_isometry(decode, code, direction), expected)
    back = torch.einsum("bij,bi->bj", full, moved)
    ratio = 3 * back.square().sum(1).mean() / moved.square().sum(1).mean() ** 2 - 1
    torch.testing.assert_close(losses.scaled_isometry(decode, code, direction), ratio)
    pull = losses.directions(batch(1, latents=11))
    pulled = torch.einsum("bij,bi->bj", full, pull)
    torch.testing.assert_close(losses.encoder_isometry(decode, code, pull), (pulled.norm(dim=1) - 1).square().mean())


@pytest.mark.parametrize("loss", [losses.decoder_isometry, losses.scaled_isometry, losses.encoder_isometry])
def test_gradients_agree_with_finite_differences(loss):
    decode, code = network(), batch()
    direction = losses.directions(batch(2, latents=11 if loss is losses.encoder_isometry else 3))
    loss(decode, code, direction).backward()
    weight = decode[0].weight
    step = 1e-6
    for place in ((0, 0), (3, 1), (7, 2)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
                values.append(loss(decode, code, direction).item())
                weight[place] -= sign * step
        assert weight.grad[place].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_pairs_compare_lengths():
    code = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    other = torch.tensor([[3.0, 4.0], [1.0, 3.0]])
    assert losses.pair_isometry(code, other, torch.tensor([5.0, 2.0])) < 1e-9
    assert losses.pair_isometry(code, other, torch.tensor([5.0, 1.0])).item() == pytest.approx(0.5)


def test_directions_have_length_one_and_mixtures_stay_within_the_margin():
    torch.manual_seed(0)
    torch.testing.assert_close(losses.directions(batch()).norm(dim=1), torch.ones(5, dtype=torch.float64))
    mixed = losses.mixtures(torch.linspace(0, 1, 1000)[:, None])
    assert -0.2 <= mixed.min() < 0
    assert 1 < mixed.max() <= 1.2
