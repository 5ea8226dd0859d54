"""Encoders of the image: a picture in [-1, 1] to N units of d numbers, as one flat code.

Four kinds:

==============  ================================================================================================
``plain``       the network of the authors' code without its batch normalisation: the default
``group_norm``  the same with group normalisation
``code``        the same with batch normalisation, as in the authors' code
``paper``       the norm-free network that EncDiff (2024, table 8) gives for DisCo, DisDiff and itself
==============  ================================================================================================

Batch normalisation makes the reading of a picture depend on the others in its batch: in training z uses the batch's
statistics while the disentangling loss compares it with readings that use running ones. Hence the default.
"""

from __future__ import annotations

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion.choices import ENCODERS
from distoolkit.nn.diffusion.unet import normalise

_SMALLEST = 4  # side of the last feature map


def make_encoder(kind: str, spec: ImageSpec, outputs: int, width: int) -> nn.Module:
    """Build an encoder: (batch, channel, y, x) in [-1, 1] to (batch, outputs).

    Parameters
    ----------
    kind
        One of `ENCODERS`.
    outputs
        N times d.
    width
        Channels of the convolutions; 128 in the authors' code, 256 (the widest layer) in EncDiff's table.

    Raises
    ------
    ConfigError
        An unknown kind, or images that cannot be halved down to 4x4.
    """
    halvings = _halvings(spec)
    if kind == "paper":
        return _paper(spec.channels, outputs, width, halvings)
    if kind in ENCODERS:
        return _code(spec.channels, outputs, width, halvings, _NORMS[kind])
    raise ConfigError(f"encoder = {kind!r} is not allowed: give {' or '.join(map(repr, ENCODERS))}")


class Residual(nn.Module):
    """Add to the input: ReLU, 3x3 convolution, norm, ReLU, 1x1 convolution."""

    def __init__(self, width: int, norm: type[nn.Module] | None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), _norm(norm, width), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, width, y, x), as given."""
        added: torch.Tensor = x + self.layers(x)
        return added


class _GroupNorm(nn.Module):
    """Group normalisation with the signature of batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalise(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(x)
        return normed


_NORMS: dict[str, type[nn.Module] | None] = {"plain": None, "group_norm": _GroupNorm, "code": nn.BatchNorm2d}


def _code(channels: int, outputs: int, width: int, halvings: int, norm: type[nn.Module] | None) -> nn.Module:
    """Build the authors' network: stride-2 convolutions, two residual blocks, one linear layer."""
    layers: list[nn.Module] = []
    for k in range(halvings):
        layers += [nn.Conv2d(channels if k == 0 else width, width, 4, stride=2, padding=1), _norm(norm, width)]
        if k != halvings - 2 or halvings < 3:  # the authors' third of four has no ReLU after it
            layers.append(nn.ReLU())
    layers += [Residual(width, norm), _norm(norm, width), nn.ReLU(), Residual(width, norm), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(width * _SMALLEST**2, outputs))


def _paper(channels: int, outputs: int, width: int, halvings: int) -> nn.Module:
    """Build EncDiff's table 8 (7x7, then stride-2 convolutions of a quarter, half and all of the width)."""
    widths = [width // 4, width // 2, *[width] * (halvings - 1)]
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 7, padding=3), nn.ReLU()]
    for k in range(halvings):
        layers += [nn.Conv2d(widths[k], widths[k + 1], 4, stride=2, padding=1), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(widths[-1] * _SMALLEST**2, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs))


def _norm(norm: type[nn.Module] | None, width: int) -> nn.Module:
    return nn.Identity() if norm is None else norm(width)


def _halvings(spec: ImageSpec) -> int:
    halvings = (spec.height // _SMALLEST).bit_length() - 1
    if spec.height != spec.width or spec.height != _SMALLEST * 2**halvings or halvings < 1:
        raise ConfigError(
            f"images of {spec} do not fit this encoder: it halves a square down to {_SMALLEST}x{_SMALLEST}. Allowed "
            "are squares of 8, 16, 32, 64, 128, ...; resize the images"
        )
    return halvings
