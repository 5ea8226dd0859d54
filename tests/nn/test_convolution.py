from __future__ import annotations

import pytest
import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn import ACTIVATIONS, Decoder, Encoder

SIDES = [(4, 4), (8, 8), (16, 16), (28, 28), (32, 32), (48, 64), (64, 64), (96, 96), (128, 128)]


def test_64x64_is_the_network_of_the_field() -> None:
    encoder, decoder = Encoder(ImageSpec(3, 64, 64), 20), Decoder(ImageSpec(3, 64, 64), 10)
    down = [(c.in_channels, c.out_channels) for c in encoder.modules() if isinstance(c, nn.Conv2d)]
    up = [(c.in_channels, c.out_channels) for c in decoder.modules() if isinstance(c, nn.ConvTranspose2d)]
    assert down == [(3, 32), (32, 32), (32, 64), (64, 64)]
    assert up == [(64, 64), (64, 32), (32, 32), (32, 3)]
    assert [(m.in_features, m.out_features) for m in encoder.modules() if isinstance(m, nn.Linear)] == [
        (1024, 256),
        (256, 20),
    ]
    assert [(m.in_features, m.out_features) for m in decoder.modules() if isinstance(m, nn.Linear)] == [
        (10, 256),
        (256, 1024),
    ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_every_usual_size_goes_in_and_comes_out(height: int, width: int, channels: int) -> None:
    spec = ImageSpec(channels, height, width)
    image = torch.rand(2, channels, height, width)
    assert Encoder(spec, 7, width=4)(image).shape == (2, 7)
    assert Decoder(spec, 5, width=4)(torch.randn(2, 5)).shape == image.shape


@pytest.mark.parametrize("side", [25, 36, 100])
@pytest.mark.parametrize("network", [Encoder, Decoder])
def test_a_size_that_does_not_fit_is_refused_with_what_fits(network: type[nn.Module], side: int) -> None:
    with pytest.raises(ConfigError, match=rf"images of {side}x64x3 do not fit.*8, 16.*resize"):
        network(ImageSpec(3, side, 64), 4)


def test_an_unknown_activation_is_refused_with_all_there_are() -> None:
    with pytest.raises(ConfigError, match="activation = 'tanhh' is not allowed: give 'relu' or 'elu'"):
        Encoder(ImageSpec(1, 16, 16), 4, activation="tanhh")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_stands_between_all_layers(activation: str) -> None:
    spec = ImageSpec(1, 16, 16)  # two convolutions and two linear layers: three gaps each way
    for network in (Encoder(spec, 4, activation=activation), Decoder(spec, 4, activation=activation)):
        assert sum(isinstance(m, ACTIVATIONS[activation]) for m in network.modules()) == 3


def test_the_memory_format_changes_nothing() -> None:
    spec, image = ImageSpec(3, 32, 32), torch.rand(4, 3, 32, 32)
    encoder = Encoder(spec, 6, width=8)
    plain = encoder(image)
    last = encoder.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain)
