"""The directions in which the explorer moves a code: one for each unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema

Floats = npt.NDArray[np.floating]
QUANTILES = (0.01, 0.99)


@dataclass(frozen=True)
class Axis:
    """One unit's direction of movement.

    Attributes
    ----------
    columns
        The entries of the flat code that belong to the unit.
    centre, direction
        A point and a unit vector in the space of those entries. A unit of one entry has centre 0 and direction 1,
        so that its position is the code itself.
    low, high
        The range of positions that the images take, between their 1 % and 99 % quantiles.
    activity
        Variance of the unit over the images, summed over its entries: near zero for a unit that the method left
        unused (Burda, Grosse & Salakhutdinov 2016 call a latent active above 0.01).
    """

    unit: str
    columns: npt.NDArray[np.intp]
    centre: Floats
    direction: Floats
    low: float
    high: float
    activity: float

    def position(self, code: Floats) -> float:
        """Where a code (latent,) stands along the axis."""
        return float((code[self.columns] - self.centre) @ self.direction)

    def moved(self, code: Floats, position: float) -> Floats:
        """Return the code moved along the axis to ``position``; what is across the axis stays."""
        out = code.copy()
        out[self.columns] += (position - self.position(code)) * self.direction
        return out


def axes(latents: xr.Dataset) -> tuple[Axis, ...]:
    """Find one axis for each unit, the most active unit first.

    A vector unit moves along its first principal direction over the images.
    """
    code, unit = latents["code"].values, latents["unit"].values.astype(str)
    found = [_axis(name, np.flatnonzero(unit == name), code) for name in schema.units(latents)]
    return tuple(sorted(found, key=lambda axis: -axis.activity))


def _axis(name: str, columns: npt.NDArray[np.intp], code: Floats) -> Axis:
    block = code[:, columns].astype(np.float64)
    centre, direction = np.zeros(len(columns)), np.ones(1)
    if len(columns) > 1:
        centre = block.mean(axis=0)
        direction = schema.principal_axis(block - centre)
    low, high = np.quantile((block - centre) @ direction, QUANTILES)
    if high - low < 1e-6:  # constant over the images: a slider still needs somewhere to go
        low, high = low - 1.0, high + 1.0
    return Axis(name, columns, centre, direction, float(low), float(high), float(block.var(axis=0).sum()))
