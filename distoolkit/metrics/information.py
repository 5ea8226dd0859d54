"""Entropy and mutual information of binned codes, from counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
    edges = np.linspace(np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high), bins + 1)
    guess = ((code - edges[0]) * (bins / (edges[-1] - edges[0]))).astype(np.int64)
    np.clip(guess, 0, bins - 1, out=guess)
    place = guess * code.shape[1] + np.arange(code.shape[1])
    guess -= code < edges.take(place)  # the division rounds: compare with the edges themselves
    guess += (code >= edges[1:].take(place)) & (guess < bins - 1)
    return np.asarray(guess)


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
    for k, size in enumerate(sizes.tolist()):
        counts = np.bincount((cell * size + factors[:, k, None]).ravel(), minlength=GROUPS * width * bins * size)
        tables.append(counts.reshape(GROUPS, width, bins, size))
    whole = [t.sum(axis=0, keepdims=True) for t in tables]
    estimate = _from_counts(whole)[0]
    replicas: list[Information] = []
    if count >= 10 * GROUPS:
        replicas = _from_counts([w - t for w, t in zip(whole, tables, strict=True)])
    return replace(estimate, replicas=tuple(replicas))


def _from_counts(tables: list[npt.NDArray[np.int64]]) -> list[Information]:
    """Estimate from one (draw, unit, bin, value) table of counts for each factor, for each draw of points."""
    count = tables[0][:, 0].sum(axis=(1, 2))
    unit_entropy = entropy(tables[0].sum(axis=3))
    factor_entropy = np.stack([entropy(t[:, 0].sum(axis=1)) for t in tables], axis=1)
    joint = np.stack([entropy(t.reshape(*t.shape[:2], -1)) for t in tables], axis=1)
    mutual = unit_entropy[:, None] + factor_entropy[:, :, None] - joint
    mutual[mutual < 1e-12] = 0.0  # rounding of the three entropies, not information
    return [Information(*one) for one in zip(mutual, factor_entropy, unit_entropy, count.tolist(), strict=True)]


def entropy(counts: npt.NDArray[np.int64]) -> Floats:
    """Plug-in entropy in nats along the last axis of an array of counts."""
    total = counts.sum(axis=-1)
    every = np.arange(total.max() + 1, dtype=np.float64)
    plogp = xlogy(every, every)[counts].sum(axis=-1)  # looked up: there are far more cells than different counts
    return np.asarray(np.log(total) - plogp / total)


def with_interval(
    found: Information, score: Callable[[Information], float]
) -> tuple[float, tuple[float, float] | None]:
    """Return a score of some information, and its 95 % interval, if there are points enough for one."""
    value = score(found)
    return value, jackknife([score(r) for r in found.replicas], value) if found.replicas else None


def how(found: Information) -> str:
    """Say how `with_interval` made its interval."""
    return (
        f"95 %, delete-a-group jackknife with {GROUPS} groups of points" if found.replicas else "none: too few points"
    )


def jackknife(estimates: npt.ArrayLike, value: float) -> tuple[float, float]:
    """Return a 95 % interval around ``value`` from estimates that each leave out one of G equal groups of points."""
    estimates = np.asarray(estimates, dtype=np.float64)
    groups = len(estimates)
    error = np.sqrt((groups - 1) / groups * np.sum((estimates - estimates.mean()) ** 2))
    return value - 1.96 * float(error), value + 1.96 * float(error)
