"""MCC and R2: is the code the true factors, up to order and scale, or up to a linear map?"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from distoolkit.contract import ConfigError, DataError
from distoolkit.metrics.learners import standardise
from distoolkit.metrics.result import card_of, matrix, per_factor, result
from distoolkit.metrics.table import Bools, Floats, Protocol, Table, table_of

ROTATIONS = 20


def mcc(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    samples: int = 10_000,
    correlation: Literal["pearson", "spearman"] = "pearson",
    protocol: Protocol = None,
) -> xr.Dataset:
    """Report the mean correlation of each factor with the unit assigned to it (Hyvarinen & Morioka 2016).

    The assignment of different units to the factors that makes the sum of absolute correlations largest. Sees rank
    order or linear relations only. Its floor is far above 0, the more so the more units there are, so it comes with
    what random rotations of the same standardised code get. Categorical factors have no order and are left out.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn, and the rotations.
    samples
        Number of points, at most.
    correlation
        ``"pearson"`` or ``"spearman"``.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``mcc``, ``mcc_worst_factor`` and ``mcc_rotation_floor`` (mean over 20 random rotations), in [0, 1];
    ``correlation`` (factor, unit), absolute. With fewer units than factors, a factor without a unit counts 0.
    """
    if correlation not in ("pearson", "spearman"):
        raise ConfigError(f"correlation = {correlation!r} is not allowed: give 'pearson' or 'spearman'")
    table = table_of(latents)
    kept = ordered_factors(table)
    points = table.points(samples, seed=seed, protocol=protocol)
    code, factors = points.code[:, table.moving], points.factors[:, kept].astype(np.float64)
    rank = correlation == "spearman"
    measured = absolute_correlation(code, factors, rank=rank)
    each, floor = matched(measured), rotation_floor(code, factors, rank=rank, seed=seed)
    whole = np.zeros((len(table.factor_names), len(table.units)))
    whole[np.ix_(kept, table.moving)] = measured
    card = card_of(
        table,
        variant=f"{correlation} correlation, best one-to-one assignment, on the same points",
        seed=seed,
        protocol=protocol,
        samples={"points": len(points), "rotations": ROTATIONS},
        settings={"correlation": correlation},
        estimator="linear_sum_assignment",
        interval="none; compare with the rotation floor",
        notes=_notes(table, kept),
    )
    scores = {
        "mcc": float(each.mean()),
        "mcc_worst_factor": float(each.min()),
        "mcc_rotation_floor": floor,
    }
    return result(scores, card, matrices={"correlation": matrix(table, whole)})


def r2(
    latents: xr.Dataset, *, seed: int = 0, train: int = 10_000, test: int = 5_000, protocol: Protocol = None
) -> xr.Dataset:
    """Report how much of each factor's variance a linear regression on the whole code explains.

    Sees whether the factors are there in a linear form; says nothing about which unit holds them, so it does not
    change when the code is rotated: that is its own rotation floor. Categorical factors are left out; a factor on a
    circle is represented by its cosine and sine.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn.
    train, test
        Numbers of points, at most: the regression is fitted on the first and scored on the second.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``r2`` and ``r2_worst_factor``, at most 1; ``r2_of_factor`` (factor,), 0 for the factors left out.
    """
    table = table_of(latents)
    kept = ordered_factors(table)
    fit, held = table.split(train, test, seed=seed, protocol=protocol)
    code, unseen = (np.column_stack([z, np.ones(len(z))]) for z in standardise(fit.code, held.code))
    each = np.zeros(len(table.factor_names))
    for k in np.flatnonzero(kept).tolist():
        target, truth = (_embed(table, p.factors[:, k], k) for p in (fit, held))
        weights = np.linalg.lstsq(code, target, rcond=None)[0]
        each[k] = explained(truth, unseen @ weights)
    card = card_of(
        table,
        variant="linear regression, scored on points that it was not fitted on",
        seed=seed,
        protocol=protocol,
        samples={"train": len(fit), "test": len(held)},
        settings={},
        estimator="least squares",
        interval="none",
        notes=_notes(table, kept),
    )
    scores = {"r2": float(each[kept].mean()), "r2_worst_factor": float(each[kept].min())}
    return result(scores, card, matrices={"r2_of_factor": per_factor(table, each)})


def ordered_factors(table: Table) -> Bools:
    """Which factors have values whose order means something.

    Raises
    ------
    DataError
        None has.
    """
    table.need_factors()
    kept = np.array([kind != "categorical" for kind in table.factor_kinds])
    if not kept.any():
        raise DataError(f"every factor is categorical ({table.factor_names}): a correlation with them means nothing")
    return kept


def absolute_correlation(code: Floats, factors: Floats, *, rank: bool = False) -> Floats:
    """(factor, unit) absolute Pearson correlation, or Spearman's of the ranks; 0 where a column is constant."""
    if rank and code.size:
        code, factors = rankdata(code, axis=0), rankdata(factors, axis=0)
    z, y = standardise(code)[0], standardise(factors)[0]
    return np.asarray(np.minimum(np.abs(y.T @ z) / len(z), 1.0))


def rotation_floor(code: Floats, factors: Floats, *, rank: bool, seed: int) -> float:
    """Mean score of `ROTATIONS` random rotations of the standardised code."""
    if not code.size:
        return 0.0
    generator, (scaled,) = np.random.default_rng(seed), standardise(code)
    found = []
    for _ in range(ROTATIONS):
        turn, _triangle = np.linalg.qr(generator.standard_normal((code.shape[1],) * 2))
        found.append(matched(absolute_correlation(scaled @ turn, factors, rank=rank)).mean())
    return float(np.mean(found))


def matched(correlation: Floats) -> Floats:
    """(factor,) correlation of each factor with its unit in the assignment with the largest sum, 0 without a unit."""
    row, column = linear_sum_assignment(correlation, maximize=True)
    each = np.zeros(len(correlation))
    each[row] = correlation[row, column]
    return each


def explained(truth: Floats, predicted: Floats) -> float:
    """Return one minus the squared error over the variance of (sample, output); 0 if the truth does not vary."""
    total = np.sum((truth - truth.mean(axis=0)) ** 2)
    return float(1 - np.sum((truth - predicted) ** 2) / total) if total > 0 else 0.0


def _embed(table: Table, values: np.ndarray, k: int) -> Floats:
    if table.factor_kinds[k] != "circular":
        return values[:, None].astype(np.float64)
    angle = 2 * np.pi * values / table.sizes[k]
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _notes(table: Table, kept: Bools) -> tuple[str, ...]:
    left = [name for name, k in zip(table.factor_names, kept, strict=True) if not k]
    return (f"categorical factors left out: {', '.join(left)}",) if left else ()
