"""The gradient estimator G: one network that gives the gradient field of every unit.

g_c = G(x_t, t, z^c, c) stands for the gradient of log p(z^c | x_t) with respect to x_t. G is a second decoder on the
feature maps of the frozen U-Net, modulated by time and by one unit. It starts from random weights with zero last
convolutions, so that every field is zero at first: it is no copy of the U-Net's own decoder.
"""

from __future__ import annotations

import torch
from torch import nn

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.precision import autocast
from distoolkit.nn.diffusion.unet import Expanding, Shape, Trunk
from distoolkit_disdiff.choices import POSITIONS


class OrthogonalEmbedding(nn.Module):
    """A learned orthogonal matrix, exp(W - W^T); its rows name the units.

    Parameters
    ----------
    size
        Of the matrix and of each row; 128 in the authors' code, which starts W from a standard normal.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size, size))

    def matrix(self) -> torch.Tensor:
        """Return P (size, size) with P P^T = I. Always in float32: the exponential is not exact enough below."""
        with autocast(self.weight.device, None):
            weight = self.weight.float()
            return skew_exponential(weight - weight.T)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        """Return the rows named by ``index``: (k,) to (k, size)."""
        return self.matrix()[index]


def skew_exponential(a: torch.Tensor) -> torch.Tensor:
    """Return exp(A) of a skew-symmetric matrix of norm up to about 250, by scaling and squaring.

    `torch.linalg.matrix_exp` looks at the norm first, and the host waits for the device there at every step. With the
    number of squarings fixed it need not; 8 of them and 8 terms of the series give float32's accuracy.
    """
    squarings, terms = 8, 8
    small, one = a / 2**squarings, torch.eye(len(a), device=a.device, dtype=a.dtype)
    power = one
    for k in range(terms, 0, -1):  # Horner's rule
        power = one + small @ power / k
    for _ in range(squarings):
        power = power @ power
    return power


class Estimator(nn.Module):
    """Gradient fields of the units.

    Parameters
    ----------
    shape
        Of the frozen U-Net.
    units, size
        N and d.
    position
        How a field knows which unit it is for: one of `POSITIONS`. ``"learned"`` and ``"none"`` are the ablations that
        the authors' code has switches for.
    position_size
        Size of that embedding; at least N if it is orthogonal.
    trunk
        Give the estimator a trunk of its own, for a diffusion model that shows no feature maps.
    """

    def __init__(
        self,
        shape: Shape,
        units: int,
        size: int,
        *,
        position: str = "orthogonal",
        position_size: int = 128,
        trunk: bool = False,
    ) -> None:
        super().__init__()
        if position not in POSITIONS:
            raise ConfigError(f"position = {position!r} is not allowed: give {' or '.join(map(repr, POSITIONS))}")
        if position == "orthogonal" and units > position_size:
            raise ConfigError(
                f"{units} units need an orthogonal matrix of at least {units} rows: give position_size = {units} or "
                f"more"
            )
        self.units, self.size = units, size
        self.position: nn.Module | None = None
        if position == "orthogonal":
            self.position = OrthogonalEmbedding(position_size)
        elif position == "learned":
            self.position = nn.Embedding(units, position_size)
        self.place = nn.Linear(position_size, shape.embedding) if self.position is not None else None
        self.unit = nn.Linear(size, shape.embedding)
        self.trunk = Trunk(shape) if trunk else None
        self.expanding = Expanding(shape, condition=shape.embedding)

    def forward(
        self, maps: list[torch.Tensor], time: torch.Tensor, code: torch.Tensor, which: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the fields g_c, all in one pass along the batch axis.

        Parameters
        ----------
        maps, time
            From a `distoolkit.nn.diffusion.unet.Trunk`: the frozen U-Net's, or the estimator's own.
        code
            (batch, N, d).
        which
            (k,) indices of the units wanted, all by default: only these are computed.

        Returns
        -------
        torch.Tensor
            (batch, k, channel, y, x).
        """
        if which is None:
            which = torch.arange(self.units, device=code.device)
        count = len(which)
        unit = self.unit(code[:, which]).flatten(0, 1)
        times = time[:, None].expand(-1, count, -1)
        if self.position is not None and self.place is not None:
            times = times + self.place(self.position(which).to(self.place.weight.dtype))  # the matrix is in float32
        repeated = [m.repeat_interleave(count, dim=0) for m in maps]
        fields: torch.Tensor = self.expanding(repeated, times.flatten(0, 1), unit)
        return fields.reshape(-1, count, *fields.shape[1:])
