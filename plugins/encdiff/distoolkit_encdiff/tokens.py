"""Scalar units as tokens: a small network for each unit maps its one number to a vector."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class PerUnit(nn.Module):
    """A linear layer of its own for each unit, computed for all at once; it starts like `torch.nn.Linear`."""

    def __init__(self, units: int, before: int, after: int) -> None:
        super().__init__()
        bound = before**-0.5
        self.weight = nn.Parameter(torch.empty(units, before, after).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(units, after).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, unit, before) to (batch, unit, after)."""
        return torch.einsum("bni,nio->bno", x, self.weight) + self.bias


class ScalarTokens(nn.Module):
    """Map scalar units to tokens; no unit sees another.

    The networks differ from unit to unit, so that a token also tells which unit it is.

    Parameters
    ----------
    units, size
        N, and the entries of a token.
    width
        Hidden size: layers of ``width`` and twice that, with ELU; 0 for one linear map.
    """

    def __init__(self, units: int, size: int, width: int) -> None:
        super().__init__()
        sizes = [1, width, 2 * width, size] if width else [1, size]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [PerUnit(units, before, after), nn.ELU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """Map (batch, unit, 1) to (batch, unit, size)."""
        tokens: torch.Tensor = self.layers(code)
        return tokens
