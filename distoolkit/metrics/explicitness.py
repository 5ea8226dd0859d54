"""Explicitness: can a linear classifier read each factor off the code?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from distoolkit.metrics.learners import logistic, standardise
from distoolkit.metrics.result import card_of, per_factor, result
from distoolkit.metrics.table import Floats, Ints, Protocol, table_of


def explicitness(
    latents: xr.Dataset, *, seed: int = 0, train: int = 10_000, test: int = 5_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score how well logistic regression ranks the values of each factor (Ridgeway & Mozer 2018).

    The area under the ROC curve, one value of the factor against the rest, averaged over values and factors. Sees
    whether the information is there in a linear form. Says nothing about disentanglement: a rotated code scores
    as well as an axis-aligned one. Chance is 0.5.

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
    Score ``explicitness`` in [0, 1], on the test points; ``explicitness_of_factor`` (factor,).
    """
    table = table_of(latents)
    table.need_factors()
    fit, held = table.split(train, test, seed=seed, protocol=protocol)
    code, unseen = standardise(fit.code, held.code)
    models = [logistic(code, labels) for labels in fit.factors.T]
    each = np.array([macro_auc(m, unseen, labels) for m, labels in zip(models, held.factors.T, strict=True)])
    seen = [macro_auc(m, code, labels) for m, labels in zip(models, fit.factors.T, strict=True)]
    card = card_of(
        table,
        variant="macro one-against-rest ROC-AUC of multinomial logistic regression, not rescaled from [0.5, 1]",
        seed=seed,
        protocol=protocol,
        samples={"train": len(fit), "test": len(held)},
        settings={},
        estimator="logistic regression on standardised codes, l2 penalty with C = 1, at most 100 iterations",
        packages=("scikit-learn",),
        interval="none: each resample is a whole new fit",
        notes=(f"on the training points: {np.mean(seen):.4f}",),
    )
    matrices = {"explicitness_of_factor": per_factor(table, each)}
    return result({"explicitness": float(each.mean())}, card, matrices=matrices)


def macro_auc(model: object, code: Floats, labels: Ints) -> float:
    """Mean ROC-AUC over the values that the classifier knows and that occur among the labels, but not alone.

    0.5 if there is no such value.
    """
    probability = model.predict_proba(code)  # type: ignore[attr-defined]
    areas = [
        roc_auc(labels == value, column)
        for value, column in zip(model.classes_, probability.T, strict=True)  # type: ignore[attr-defined]
        if 0 < np.sum(labels == value) < len(labels)
    ]
    return float(np.mean(areas)) if areas else 0.5


def roc_auc(positive: np.ndarray, score: Floats) -> float:
    """Area under the ROC curve: the share of (positive, negative) pairs that the score orders rightly, ties half."""
    count = int(positive.sum())
    ranks = rankdata(score)[positive].sum()
    return float((ranks - count * (count + 1) / 2) / (count * (len(positive) - count)))
