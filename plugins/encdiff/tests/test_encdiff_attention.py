"""Cross-attention and tokens against slow formulas."""

from __future__ import annotations

import math

import pytest
import torch
from distoolkit_encdiff.attention import CrossAttention
from distoolkit_encdiff.tokens import PerUnit, ScalarTokens
from torch import nn

from distoolkit.contract import ConfigError


def layer() -> CrossAttention:
    torch.manual_seed(0)
    made = CrossAttention(channels=8, token_size=5, heads=2)
    nn.init.normal_(made.out.weight)
    nn.init.normal_(made.out.bias)
    return made


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 8, 4, 6, generator=generator), torch.randn(3, 7, 5, generator=generator)


def slow(made: CrossAttention, x: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One sample, head and place at a time, straight from softmax(q k^T / sqrt(d)) v."""
    normed = made.norm(x)
    shares = torch.zeros(3, 2, 7, 4, 6)
    read = torch.zeros_like(x)
    for b in range(3):
        keys, values = tokens[b] @ made.to_k.weight.T, tokens[b] @ made.to_v.weight.T
        for head in range(2):
            part = slice(4 * head, 4 * head + 4)
            for y in range(4):
                for col in range(6):
                    q = (made.to_q.weight[:, :, 0, 0] @ normed[b, :, y, col])[part]
                    logits = [float((q * keys[n, part]).sum()) / 2 for n in range(7)]
                    exponents = [math.exp(logit) for logit in logits]
                    share = torch.tensor([e / sum(exponents) for e in exponents])
                    shares[b, head, :, y, col] = share
                    read[b, part, y, col] = share @ values[:, part]
    added = torch.einsum("oc,bcyx->boyx", made.out.weight[:, :, 0, 0], read) + made.out.bias[:, None, None]
    return x + added, shares


@torch.no_grad()
def test_cross_attention_is_the_slow_formula() -> None:
    made, (x, tokens) = layer(), inputs()
    expected, shares = slow(made, x, tokens)
    torch.testing.assert_close(made(x, tokens), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(made.weights(x, tokens), shares, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_the_order_of_the_tokens_does_not_matter_and_samples_stay_apart() -> None:
    made, (x, tokens) = layer(), inputs()
    order = torch.tensor([3, 0, 6, 1, 2, 5, 4])
    torch.testing.assert_close(made(x, tokens[:, order]), made(x, tokens), rtol=1e-5, atol=1e-5)
    other = tokens.clone()
    other[1] += 1
    changed = (made(x, other) - made(x, tokens)).abs().flatten(1).amax(1)
    assert changed[1] > 1e-3
    assert changed[[0, 2]].max() < 1e-6


def test_a_new_layer_adds_nothing_and_learns() -> None:
    made, (x, tokens) = CrossAttention(8, 5, 2), inputs()
    found = made(x, tokens)
    assert torch.equal(found, x)
    found.square().sum().backward()
    assert made.out.weight.grad is not None
    assert float(made.out.weight.grad.abs().sum()) > 0


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match="heads = 3 does not divide the 8 channels"):
        CrossAttention(8, 5, 3)


@torch.no_grad()
def test_a_layer_for_each_unit_is_that_many_linear_layers() -> None:
    made = PerUnit(4, 3, 2)
    x = torch.randn(5, 4, 3)
    expected = [nn.functional.linear(x[:, n], made.weight[n].T, made.bias[n]) for n in range(4)]
    torch.testing.assert_close(made(x), torch.stack(expected, dim=1))
    like = nn.Linear(3, 200)
    many = PerUnit(1, 3, 200)
    assert float(many.weight.abs().max()) == pytest.approx(float(like.weight.abs().max()), rel=0.1)


@pytest.mark.parametrize(("width", "linear"), [(0, True), (8, False)])
def test_a_token_depends_on_its_own_unit_alone(width: int, linear: bool) -> None:
    torch.manual_seed(0)
    tokens = ScalarTokens(3, 4, width)
    code = torch.randn(2, 3, 1)
    jacobian = torch.autograd.functional.jacobian(tokens, code)[..., 0]  # (batch, unit, size, batch, unit)
    moved = jacobian.abs().sum(2)
    own = torch.einsum("bnbn->bn", moved)
    assert float(own.min()) > 0
    assert float(moved.sum() - own.sum()) == pytest.approx(0, abs=1e-5)
    middle = tokens((code[:1] + code[1:]) / 2)
    straight = (tokens(code[:1]) + tokens(code[1:])) / 2
    assert torch.allclose(middle, straight, atol=1e-5) is linear


@torch.no_grad()
def test_equal_scalars_of_different_units_are_different_tokens() -> None:
    tokens = ScalarTokens(3, 4, 8)(torch.ones(1, 3, 1))[0]
    assert float((tokens[0] - tokens[1]).abs().max()) > 1e-2
