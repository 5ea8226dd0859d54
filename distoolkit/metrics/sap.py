"""Separated attribute predictability (SAP), in its two forms that must not share a column of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.metrics.result import Interval, card_of, matrix, mean_interval, result
from distoolkit.metrics.table import Floats, Ints, Protocol, Table, table_of


def sap(
    latents: xr.Dataset, *, seed: int = 0, train: int = 10_000, test: int = 5_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score how far the best unit is ahead of the second in predicting a factor by a linear SVM (Kumar et al. 2018).

    Sees whether one single unit predicts a factor. Misses units that hold several factors. Its ceiling is low: one
    against rest and linear on one unit, it cannot single out a value in the middle, and perfect codes get about 0.2
    on the usual data sets; read it beside the identity code's. It depends on the scale of the code.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn.
    train, test
        Numbers of points, at most.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Score ``sap`` in [0, 1]; ``predictability`` (factor, unit), the test accuracies, 0 for constant units.
    """
    table = table_of(latents)
    table.need_factors()
    fit, held = table.split(train, test, seed=seed, protocol=protocol)
    hits = _svm_hits(fit.code, fit.factors, held.code, held.factors)
    accuracy = hits.mean(axis=2)
    floor = np.array([np.bincount(y).max() / len(y) for y in held.factors.T])  # what guessing gets
    value, interval = _gap_of(table, accuracy, floor, hits)
    card = card_of(
        table,
        seed=seed,
        protocol=protocol,
        variant="test accuracy of a linear support vector machine, one against rest",
        samples={"train": len(fit), "test": len(held)},
        settings={"C": 0.01, "class_weight": "balanced"},
        estimator="LinearSVC on the single unscaled unit",
        packages=("scikit-learn",),
        interval="95 %, from the spread between test points, best and second unit kept",
    )
    predictability = np.where(table.moving, accuracy, 0.0)
    matrices = {"predictability": matrix(table, predictability)}
    return result({"sap": value}, card, matrices=matrices, intervals={"sap": interval})


def sap_regression(
    latents: xr.Dataset, *, seed: int = 0, samples: int = 10_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score how far the best unit is ahead of the second in squared correlation with a factor (Kumar et al. 2018).

    The form for ordered factors. Its values are far higher than those of the classifier's form (`sap`) and must not
    be compared with them. Sees linear relations only; the order of a categorical factor's values is arbitrary.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn.
    samples
        Number of points, at most.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Score ``sap_regression`` in [0, 1]; ``squared_correlation`` (factor, unit).
    """
    table = table_of(latents)
    table.need_factors()
    points = table.points(samples, seed=seed, protocol=protocol)
    squared = squared_correlation(points.code, points.factors)
    value = best_gap(squared[:, table.moving], np.zeros(len(squared)))
    categorical = [n for n, kind in zip(table.factor_names, table.factor_kinds, strict=True) if kind == "categorical"]
    card = card_of(
        table,
        seed=seed,
        protocol=protocol,
        variant="squared correlation on the same points",
        samples={"points": len(points)},
        settings={},
        estimator="covariance",
        notes=(f"the order of the values of these factors is arbitrary: {categorical}",) if categorical else (),
    )
    return result({"sap_regression": value}, card, matrices={"squared_correlation": matrix(table, squared)})


def best_gap(quality: Floats, floor: Floats) -> float:
    """Mean over factors of best - second best of (factor, unit); the second of a single unit is the ``floor``."""
    if quality.shape[1] == 0:
        return 0.0
    if quality.shape[1] == 1:
        return float(np.mean(np.maximum(quality[:, 0] - floor, 0.0)))
    second, best = np.sort(quality, axis=1)[:, -2:].T
    return float(np.mean(best - second))


def squared_correlation(code: Floats, factors: Ints) -> Floats:
    """(factor, unit) squared Pearson correlation, 0 where either has (almost) no variance."""
    z, y = code - code.mean(axis=0), factors - factors.mean(axis=0)
    variance = (y**2).mean(axis=0)[:, None] * (z**2).mean(axis=0)
    large = ((z**2).mean(axis=0) > 1e-12) & (variance > 0)
    return np.asarray(np.divide((y.T @ z / len(z)) ** 2, variance, out=np.zeros_like(variance), where=large))


def _svm_hits(train: Floats, train_factors: Ints, test: Floats, test_factors: Ints) -> npt.NDArray[np.bool_]:
    """Tell which test points the SVM on each single unit gets right: (factor, unit, sample)."""
    from sklearn.svm import LinearSVC

    hits = np.zeros((train_factors.shape[1], train.shape[1], len(test)), dtype=bool)
    for k, labels in enumerate(train_factors.T):
        for j in range(train.shape[1]):
            if (labels == labels[0]).all():
                predicted: Any = labels[0]
            else:
                model = LinearSVC(C=0.01, class_weight="balanced", dual=False, random_state=0)
                model.fit(train[:, [j]], labels)
                predicted = model.predict(test[:, [j]])
            hits[k, j] = predicted == test_factors[:, k]
    return hits


def _gap_of(table: Table, accuracy: Floats, floor: Floats, hits: npt.NDArray[np.bool_]) -> tuple[float, Interval]:
    moving = np.flatnonzero(table.moving)
    value = best_gap(accuracy[:, moving], floor)
    if len(moving) < 2:
        return value, (value, value)
    order = moving[np.argsort(accuracy[:, moving], axis=1)]
    row = np.arange(len(accuracy))
    lead = hits[row, order[:, -1]].astype(np.float64) - hits[row, order[:, -2]]
    return value, mean_interval(lead.mean(axis=0))
