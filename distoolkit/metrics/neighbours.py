"""Mutual information of a continuous unit and a discrete factor from nearest neighbours (Ross 2014)."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from distoolkit.metrics.table import Floats, Ints


def neighbour_information(code: Floats, factors: Ints, *, neighbours: int, seed: int) -> Floats:
    """Estimate the mutual information of every factor with every unit, in nats.

    The estimator of scikit-learn's ``mutual_info_classif``, in one dimension: neighbours are then contiguous in the
    sorted values, and no search tree is needed. Ties are broken by noise of 1e-10, drawn from the seed.

    Parameters
    ----------
    code, factors
        (sample, unit) and (sample, factor). Values of a factor that occur once are left out, as there.
    neighbours
        Number of nearest neighbours within the points that share the factor's value.
    seed
        For the noise.

    Returns
    -------
    (factor, unit), none negative; 0 for a constant unit.
    """
    noise = 1e-10 * np.random.RandomState(seed).standard_normal(code.shape)
    deviation = code.std(axis=0)
    moving = np.ptp(code, axis=0) > 0
    scaled = code / np.where(moving, deviation, 1.0)
    scaled = scaled + np.maximum(1, np.abs(scaled).mean(axis=0)) * noise
    found = np.zeros((factors.shape[1], code.shape[1]))
    for k, labels in enumerate(factors.T):
        for j in np.flatnonzero(moving):
            found[k, j] = _one(scaled[:, j], labels, neighbours)
    return found


def _one(values: Floats, labels: Ints, neighbours: int) -> float:
    count = np.bincount(labels)
    kept = count[labels] > 1
    if not kept.any():
        return 0.0
    values, labels = values[kept], labels[kept]
    order = np.lexsort((values, labels))
    size = count[labels[order]]
    wanted = np.minimum(neighbours, size - 1)
    radius = np.nextafter(_radius(values[order], labels[order], wanted), 0)
    within = _within(np.sort(values), values[order], radius)
    return max(
        0.0,
        float(digamma(len(values)) + np.mean(digamma(wanted)) - np.mean(digamma(size)) - np.mean(digamma(within))),
    )


def _within(ordered: Floats, centre: Floats, radius: Floats) -> Ints:
    """Count the values whose distance to each centre is at most its radius.

    ``centre + radius`` rounds, and the neighbour that set the radius lies just outside it: the values at both ends
    are therefore compared by their distance.
    """
    padded = np.concatenate([[-np.inf], ordered, [np.inf]])
    right = np.searchsorted(ordered, centre + radius, "right")  # padded[right] is the last value inside
    right -= padded[right] - centre > radius
    right += padded[right + 1] - centre <= radius
    left = np.searchsorted(ordered, centre - radius, "left") + 1  # padded[left] is the first value inside
    left += centre - padded[left] > radius
    left -= centre - padded[left - 1] <= radius
    return np.asarray(right - left + 1)


def _radius(values: Floats, labels: Ints, wanted: Ints) -> Floats:
    """Distance of each point to its ``wanted``-th neighbour with the same label; all sorted by label and value.

    The neighbours and the point itself are a run of ``wanted + 1`` points: try each run that holds the point.
    """
    place = np.arange(len(values))
    radius = np.full(len(values), np.inf)
    for back in range(int(wanted.max()) + 1):
        first, last = place - back, place - back + wanted
        fits = (first >= 0) & (last < len(values)) & (back <= wanted)
        first, last = np.where(fits, first, 0), np.where(fits, last, 0)
        fits &= (labels[first] == labels) & (labels[last] == labels)
        reach = np.maximum(values - values[first], values[last] - values)
        radius = np.where(fits, np.minimum(radius, reach), radius)
    return radius
