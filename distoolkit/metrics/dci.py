"""Disentanglement, completeness, informativeness (DCI)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from distoolkit.metrics import boosting
from distoolkit.metrics.result import card_of, matrix, mean_interval, per_factor, result
from distoolkit.metrics.table import Floats, Ints, Protocol, table_of


def dci(
    latents: xr.Dataset, *, seed: int = 0, train: int = 10_000, test: int = 5_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score disentanglement, completeness and informativeness (Eastwood & Williams 2018) by boosted trees.

    A classifier predicts each factor from the whole code; how much it uses each unit is the importance.
    Disentanglement: each unit matters for one factor only. Completeness: each factor rests on one unit only.
    Informativeness: test accuracy of the classifiers (higher is better, where the paper gives an error).

    Sees units that mix factors, and factors that are spread. Misses what the classifier misses: with many values
    and few points the trees overfit, and the importances of units without information rise. Constant units are
    left out, so that they do not change the base of completeness.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn; the trees themselves are not random.
    train, test
        Numbers of points, at most.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does. Its own trees are the metric ``dci_gbt``.

    Returns
    -------
    Scores ``dci_disentanglement``, ``dci_completeness``, ``dci_informativeness`` in [0, 1]; ``importance``
    (factor, unit), each row of which sums to 1; ``informativeness`` (factor,).
    """
    return _score(
        latents,
        "dci",
        boosting.fit,
        {"seed": seed, "protocol": protocol},
        (train, test),
        variant="importance by gain of gradient-boosted trees of scikit-learn's kind, grown by LightGBM",
        estimator="100 stages of depth-3 trees for each class, learning rate 0.1, Newton leaves",
        packages=("lightgbm",),
    )


def dci_gbt(
    latents: xr.Dataset, *, seed: int = 0, train: int = 10_000, test: int = 5_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score DCI by scikit-learn's gradient boosting itself: the field's reference, and minutes of work.

    With 10,000 points and dSprites' 113 factor values it takes about 5 minutes for 10 units. `dci` is the same
    algorithm with fewer places to cut. See there for what the scores see and miss.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn, and scikit-learn's choice between equally good cuts.
    train, test
        Numbers of points, at most.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does, and fits the same models.

    Returns
    -------
    Scores ``dci_gbt_disentanglement``, ``dci_gbt_completeness``, ``dci_gbt_informativeness``; ``importance_gbt``
    (factor, unit), ``informativeness_gbt`` (factor,).
    """
    return _score(
        latents,
        "dci_gbt",
        partial(scikit_learn_fit, seed=seed),
        {"seed": seed, "protocol": protocol},
        (train, test),
        variant="mean impurity decrease of scikit-learn's GradientBoostingClassifier",
        estimator="GradientBoostingClassifier with its default settings",
        packages=("scikit-learn",),
    )


def scikit_learn_fit(
    train: Floats, train_factors: Ints, test: Floats, test_factors: Ints, *, seed: int
) -> list[boosting.Fit]:
    """Fit scikit-learn's classifier for each factor; arguments and result as in `boosting.fit`."""
    from sklearn.ensemble import GradientBoostingClassifier

    fits = []
    for labels, truth in zip(train_factors.T, test_factors.T, strict=True):
        if (labels == labels[0]).all():
            fits.append(boosting.Fit(np.zeros(train.shape[1]), 1.0, truth == labels[0]))
            continue
        model = GradientBoostingClassifier(random_state=seed).fit(train, labels)
        hits = model.predict(test) == truth
        fits.append(boosting.Fit(model.feature_importances_, float(model.score(train, labels)), hits))
    return fits


def _score(
    latents: xr.Dataset,
    name: str,
    engine: Callable[..., list[boosting.Fit]],
    draw: dict[str, Any],
    counts: tuple[int, int],
    **card: Any,
) -> xr.Dataset:
    table = table_of(latents)
    table.need_factors()
    train, test = table.split(*counts, **draw)
    moving = table.moving
    fits = engine(train.code[:, moving], train.factors, test.code[:, moving], test.factors)
    importance = np.zeros((len(fits), len(moving)))
    importance[:, moving] = [f.importance for f in fits]
    accuracy = np.array([f.test_correct.mean() for f in fits])
    scores = {
        f"{name}_disentanglement": disentanglement(importance[:, moving]),
        f"{name}_completeness": completeness(importance[:, moving]),
        f"{name}_informativeness": float(accuracy.mean()),
    }
    notes = [f"informativeness on the training points: {np.mean([f.train_accuracy for f in fits]):.4f}"]
    if importance.shape[0] == 1 or moving.sum() == 1:
        notes.append("one factor or one unit only: there is nothing to confuse, so that score is 1 by definition")
    suffix = name.removeprefix("dci")
    return result(
        scores,
        card_of(
            table,
            samples={"train": len(train), "test": len(test)},
            settings={},
            interval="informativeness: 95 %, from the test points; the others: none, each resample is a whole new fit",
            notes=tuple(notes),
            **draw,
            **card,
        ),
        matrices={
            f"importance{suffix}": matrix(table, importance),
            f"informativeness{suffix}": per_factor(table, accuracy),
        },
        intervals={f"{name}_informativeness": mean_interval(np.mean([f.test_correct for f in fits], axis=0))},
    )


def disentanglement(importance: Floats) -> float:
    """How far each unit matters for one factor only, units weighted by their importance.

    Parameters
    ----------
    importance
        (factor, unit), none negative.
    """
    weight = importance.sum(axis=0)
    if weight.sum() == 0:
        return 0.0
    return float(np.sum(weight * _concentration(importance.T)) / weight.sum())


def completeness(importance: Floats) -> float:
    """How far each factor rests on one unit only, factors weighted by their importance; see `disentanglement`."""
    return disentanglement(importance.T)


def _concentration(rows: Floats) -> Floats:
    """One minus the entropy of each row, in units of its largest possible value; 1 where there is no choice."""
    total = rows.sum(axis=1, keepdims=True)
    share = np.divide(rows, total, out=np.zeros_like(rows), where=total > 0)
    if rows.shape[1] == 1:
        return np.ones(len(rows))
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(1 + np.sum(share * logs, axis=1) / np.log(rows.shape[1]))
