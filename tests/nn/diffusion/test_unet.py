from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.unet import Shape, UNet, modulate, timestep_features

SHAPE = Shape(channels=2, side=8, width=8, multipliers=(1, 2), blocks=1, attention=(4,), heads=2)


def shaken(network: UNet) -> UNet:
    """All weights random: a new U-Net predicts zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def inputs(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 2, 8, 8, generator=generator), torch.tensor([0, 500, 999])[:count]


class Reader(nn.Module):
    """Adds the tokens' mean to the map, and remembers where it stands."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.place = (channels, side)

    def forward(self, x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return x + tokens.mean((1, 2))[:, None, None, None]


def test_a_new_network_predicts_zero() -> None:
    assert torch.equal(UNet(SHAPE)(*inputs()), torch.zeros(3, 2, 8, 8))


def test_layers_that_read_tokens_stand_where_they_are_asked_for() -> None:
    for sides, count in (((8,), 3), ((4,), 4), ((8, 4), 7), ((), 0)):  # 1 down and 2 up a level, 1 in the middle
        network = UNet(SHAPE, lambda channels, side, sides=sides: Reader(channels, side) if side in sides else None)
        places = [m.place for m in network.modules() if isinstance(m, Reader)]
        assert len(places) == count
        assert all(channels == {8: 8, 4: 16}[side] for channels, side in places)


def test_tokens_and_the_added_vector_change_the_prediction_of_their_own_sample() -> None:
    network = shaken(UNet(SHAPE, Reader))
    x, t = inputs()
    tokens, added = torch.zeros(3, 5, 4), torch.zeros(3, SHAPE.embedding)
    plain = network(x, t, tokens)
    assert torch.equal(network(x, t, tokens, added), plain)
    tokens[1], added[2] = 1.0, 1.0
    changed = (network(x, t, tokens, added) - plain).abs().flatten(1).amax(1)
    assert changed[0] == 0
    assert changed[1:].min() > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_converted_network_takes_maps_in_float32(dtype: torch.dtype) -> None:
    network, (x, t) = shaken(UNet(SHAPE)), inputs()
    expected = network(x, t)
    found = network.to(dtype)(x, t)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.05)


def test_features_of_time_by_hand() -> None:
    found = timestep_features(torch.tensor([0, 7]), 4)
    by_hand = [[1, 1, 0, 0], [math.cos(7), math.cos(0.07), math.sin(7), math.sin(0.07)]]
    torch.testing.assert_close(found, torch.tensor(by_hand))


def test_modulation_by_hand() -> None:
    h = torch.full((1, 2, 1, 1), 3.0)
    assert modulate(h, torch.tensor([[1.0, 0.0, 5.0, -1.0]])).flatten().tolist() == [3 * 2 + 5, 3 - 1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"width": 9}, "even number"),
        ({"multipliers": ()}, "at least one"),
        ({"multipliers": (1, 1, 1, 1, 1)}, "fewer multipliers"),
        ({"attention": (5, 16)}, r"attention = \(5, 16\) are no sides of this U-Net.*sides \(8, 4\)"),
        ({"heads": 3}, "heads = 3 does not divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Shape(**{**vars(SHAPE), **changes})
