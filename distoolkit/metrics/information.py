"""Entropy and mutual information of binned codes, from counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GROUPS = 10
"""Number of groups of the delete-a-group jackknife that gives the intervals."""


@dataclass(frozen=True)
class Information:
    """Plug-in estimates in nats.

    Attributes
    ----------
    mutual
        (factor, unit) mutual information of each factor and each binned unit.
    factor_entropy, unit_entropy
        (factor,) and (unit,) entropies.
    count
        Number of points.
    replicas
        The same from all points but those of one group, for each group; empty in a replica.
    """

    mutual: Floats
    factor_entropy: Floats
    unit_entropy: Floats
    count: int
    replicas: tuple[Information, ...] = ()


def discretise(code: Floats, bins: int) -> Ints:
    """Bin each column into ``bins`` intervals of equal width from its least to its largest value.

    Parameters
    ----------
    code
        (sample, unit).

    Returns
    -------
    (sample, unit) bin of each value, from 0. A constant column falls into one bin.
    """
    low, high = code.min(axis=0), code.max(axis=0)
    flat = low == high
    edges = np.linspace(np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high), bins + 1)[:-1]
    columns = [np.searchsorted(e, z, side="right") - 1 for e, z in zip(edges.T, code.T, strict=True)]
    return np.stack(columns, axis=1)


def measure(code: Floats, factors: Ints, sizes: Ints, bins: int) -> Information:
    """Estimate the mutual information of every factor with every binned unit.

    Parameters
    ----------
    code, factors
        (sample, unit) and (sample, factor).
    sizes
        (factor,) number of values of each factor.
    bins
        Number of bins of equal width for each unit.
    """
    bin_of = discretise(code, bins)
    count, width = bin_of.shape
    group = np.arange(count) * GROUPS // max(count, 1)
    cell = (group[:, None] * width + np.arange(width)) * bins + bin_of
    tables = []
    for k, size in enumerate(sizes):
        counts = np.bincount((cell * size + factors[:, k, None]).ravel(), minlength=GROUPS * width * bins * size)
        tables.append(counts.reshape(GROUPS, width, bins, size))
    whole = [t.sum(axis=0) for t in tables]
    replicas: tuple[Information, ...] = ()
    if count >= 10 * GROUPS:
        replicas = tuple(_from_counts([w - t[g] for w, t in zip(whole, tables, strict=True)]) for g in range(GROUPS))
    estimate = _from_counts(whole)
    return Information(estimate.mutual, estimate.factor_entropy, estimate.unit_entropy, count, replicas)


def _from_counts(tables: list[npt.NDArray[np.int64]]) -> Information:
    """Estimate from one (unit, bin, value) table of counts for each factor."""
    count = int(tables[0][0].sum())
    unit_entropy = entropy(tables[0].sum(axis=2))
    factor_entropy = np.array([entropy(t[0].sum(axis=0)) for t in tables])
    joint = np.stack([entropy(t.reshape(len(t), -1)) for t in tables])
    mutual = np.maximum(unit_entropy + factor_entropy[:, None] - joint, 0.0)
    mutual[mutual < 1e-12] = 0.0  # rounding of the three entropies, not information
    return Information(mutual, factor_entropy, unit_entropy, count)


def entropy(counts: npt.NDArray[np.int64]) -> Floats:
    """Plug-in entropy in nats along the last axis of an array of counts."""
    total = counts.sum(axis=-1)
    return np.asarray(np.log(total) - xlogy(counts, counts).sum(axis=-1) / total)


def jackknife(estimates: npt.ArrayLike, value: float) -> tuple[float, float]:
    """Return a 95 % interval around ``value`` from estimates that each leave out one of G equal groups of points."""
    estimates = np.asarray(estimates, dtype=np.float64)
    groups = len(estimates)
    error = np.sqrt((groups - 1) / groups * np.sum((estimates - estimates.mean()) ** 2))
    return value - 1.96 * float(error), value + 1.96 * float(error)
