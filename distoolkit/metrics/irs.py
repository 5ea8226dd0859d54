"""Interventional robustness score."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics.information import discretise
from distoolkit.metrics.result import card_of, matrix, result
from distoolkit.metrics.table import Floats, Ints, Protocol, table_of


def irs(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    samples: int = 10_000,
    quantile: float = 0.99,
    factor_bins: int = 0,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score how little each unit moves while its best factor is held (Suter et al. 2019).

    For each value of a factor, how far the unit strays from its mean there, relative to how far it ever strays.
    Sees whether some single factor fixes a unit. Misses copies and factors that no unit holds. Units count by
    their largest deviation, so one large unit can carry the score, and few points in a group make it too good.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn.
    samples
        Number of points, at most.
    quantile
        Of the deviations in a group; 1 is the paper's maximum.
    factor_bins
        Bin the values of the factors first, as disentanglement_lib does with 20 bins, so that factors with more
        values lose some; 0 leaves them alone.
    protocol
        ``"disentanglement_lib"`` draws as that library does, with 20 bins for the factors.

    Returns
    -------
    Score ``irs``, at most 1; ``robustness`` (factor, unit), 0 for constant units.
    """
    table = table_of(latents)
    table.need_factors()
    points = table.points(samples, seed=seed, protocol=protocol)
    factor_bins = 20 if protocol is not None else factor_bins
    factors = discretise(points.factors.astype(np.float64), factor_bins) if factor_bins else points.factors
    moving = np.ptp(points.code, axis=0) > 0
    each, weight = robustness(points.code[:, moving], factors, quantile)
    whole = np.zeros((len(table.factor_names), len(table.units)))
    whole[:, moving] = each
    value = float(np.average(each.max(axis=0), weights=weight)) if moving.any() else 0.0
    card = card_of(
        table,
        variant="mean over values of a quantile of the deviations, units weighted by their largest deviation",
        seed=seed,
        protocol=protocol,
        samples={"points": len(points)},
        settings={"quantile": quantile, "factor_bins": factor_bins},
        active=moving,
        estimator="quantiles by linear interpolation",
        interval="none: quantiles of small groups do not resample well",
    )
    return result({"irs": value}, card, matrices={"robustness": matrix(table, whole)})


def robustness(code: Floats, factors: Ints, quantile: float) -> tuple[Floats, Floats]:
    """Return the (factor, unit) robustness and each unit's largest deviation.

    Parameters
    ----------
    code
        (sample, unit), no unit constant.
    factors
        (sample, factor).
    quantile
        Of the deviations from the mean of a group of points that share a factor's value.
    """
    largest = np.abs(code - code.mean(axis=0)).max(axis=0)
    within = np.empty((factors.shape[1], code.shape[1]))
    for k, column in enumerate(factors.T):
        groups = [code[column == value] for value in np.unique(column)]
        strayed = [np.quantile(np.abs(g - g.mean(axis=0)), quantile, axis=0) for g in groups]
        within[k] = np.mean(strayed, axis=0)
    return 1 - within / largest, largest
