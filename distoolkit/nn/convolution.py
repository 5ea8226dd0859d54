"""The convolutional encoder and decoder that most of the field's VAEs use.

For 64x64 images these are the networks of Locatello et al. (ICML 2019, "Challenging Common Assumptions in the
Unsupervised Learning of Disentangled Representations", appendix): four 4x4 convolutions of stride 2 with 32, 32,
64 and 64 channels and one hidden layer of 256, mirrored in the decoder. Smaller and larger images take fewer or
more of these convolutions, so that the last one always sees about 4x4 places.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}
"""Non-linearities by the name that a config gives them."""

_SMALLEST, _LARGEST = 4, 8  # side of the last feature map: stop halving at the first, refuse above the second


class Encoder(nn.Module):
    """Map images (batch, channel, y, x) to ``outputs`` numbers each.

    Parameters
    ----------
    spec
        Shape of the images.
    outputs
        Size of the result: twice the latents for the mean and log-variance of a Gaussian.
    width
        Channels of the first two convolutions; the others have twice as many, the hidden layer eight times.
    activation
        One of `ACTIVATIONS`.

    Raises
    ------
    ConfigError
        Images whose sides cannot be halved down to 8 or less, or an unknown activation.
    """

    def __init__(self, spec: ImageSpec, outputs: int, *, width: int = 32, activation: str = "relu") -> None:
        super().__init__()
        shapes = feature_shapes(spec, width)
        nonlinear = _activation(activation)
        layers: list[nn.Module] = []
        for (before, *_), (after, *_) in itertools.pairwise(shapes):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nonlinear()]
        flat = math.prod(shapes[-1])
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(flat, 8 * width), nonlinear(), nn.Linear(8 * width, outputs)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs)."""
        outputs: torch.Tensor = self.layers(image)
        return outputs


class Decoder(nn.Module):
    """Map codes (batch, latents) to images (batch, channel, y, x) of unbounded values: logits.

    The mirror image of `Encoder`; parameters and errors are the same.
    """

    def __init__(self, spec: ImageSpec, latents: int, *, width: int = 32, activation: str = "relu") -> None:
        super().__init__()
        shapes = feature_shapes(spec, width)[::-1]
        nonlinear = _activation(activation)
        flat = math.prod(shapes[0])
        layers: list[nn.Module] = [nn.Linear(latents, 8 * width), nonlinear(), nn.Linear(8 * width, flat)]
        layers.append(nn.Unflatten(1, shapes[0]))
        for (before, *_), (after, *_) in itertools.pairwise(shapes):
            layers += [nonlinear(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """Return the logits of the pixels."""
        logits: torch.Tensor = self.layers(code)
        return logits


def feature_shapes(spec: ImageSpec, width: int) -> list[tuple[int, int, int]]:
    """List the shapes (channel, y, x) from the image down to the smallest feature map.

    >>> feature_shapes(ImageSpec(3, 64, 64), 32)
    [(3, 64, 64), (32, 32, 32), (32, 16, 16), (64, 8, 8), (64, 4, 4)]
    """
    height, across = spec.height, spec.width
    shapes = [(spec.channels, height, across)]
    while max(height, across) > _SMALLEST and height % 2 == 0 and across % 2 == 0:
        height, across = height // 2, across // 2
        shapes.append((width if len(shapes) <= 2 else 2 * width, height, across))
    if max(height, across) > _LARGEST:
        raise ConfigError(
            f"images of {spec} do not fit the convolutional networks: each layer halves both sides, and {height}x"
            f"{across} is as far as it goes. Allowed are sides that halve evenly to {_LARGEST} or less, such as 8, 16, "
            "28, 32, 48, 64, 96 or 128; resize the images"
        )
    return shapes


def _activation(name: str) -> type[nn.Module]:
    if name not in ACTIVATIONS:
        raise ConfigError(f"activation = {name!r} is not allowed: give {' or '.join(map(repr, ACTIVATIONS))}")
    return ACTIVATIONS[name]
