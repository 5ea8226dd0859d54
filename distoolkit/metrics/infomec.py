"""InfoMEC: modularity, explicitness and compactness in terms of information."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics.learners import logistic, standardise
from distoolkit.metrics.neighbours import neighbour_information
from distoolkit.metrics.result import card_of, matrix, per_factor, result
from distoolkit.metrics.table import Bools, Floats, Ints, Protocol, table_of


def infomec(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    samples: int = 10_000,
    neighbours: int = 10,
    active: float = 0.05,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score modularity, explicitness and compactness of continuous codes (Hsu et al. 2023).

    InfoM: each unit knows one factor only. InfoC: each factor is known by one unit only. InfoE: a logistic
    regression on the whole code predicts the factors, relative to predicting nothing. InfoM and InfoC together see
    both mixing and spreading. Look at InfoE first, though: a code of pure noise still gets about 0.6 and 0.3 of them,
    because the small estimates of independent units are unequal by chance. InfoE sees linear information only and is
    measured on its own training points, as its authors do.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn, and the noise that breaks ties.
    samples
        Number of points, at most.
    neighbours
        Of the estimator of mutual information.
    active
        Units whose range is at most this share of the largest range take no part in InfoM and InfoC.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``infom``, ``infoc``, ``infoe``, at most 1; ``normalised_information`` (factor, unit), relative to the
    factor's entropy; ``infoe_of_factor`` (factor,).
    """
    table = table_of(latents)
    table.need_factors()
    points = table.points(samples, seed=seed, protocol=protocol)
    reach = np.ptp(points.code, axis=0)
    chosen = (reach > 0) & (reach > active * reach.max())
    share = normalised_information(points.code, points.factors, neighbours=neighbours, seed=seed)
    explicit = np.array([explicitness(points.code, labels) for labels in points.factors.T])
    silent = int(np.sum(share[:, chosen].max(axis=0, initial=0) == 0))
    notes = (f"{silent} active units have no information on any factor; they count 0 in infom",) if silent else ()
    card = card_of(
        table,
        variant="continuous codes: nearest-neighbour mutual information",
        seed=seed,
        protocol=protocol,
        samples={"points": len(points)},
        settings={"neighbours": neighbours, "active": active},
        active=chosen,
        active_rule=f"range above {active:g} of the largest (infom and infoc; infoe uses every unit)",
        estimator="nearest neighbours (Ross 2014); logistic regression, no penalty, balanced, at most 100 iterations",
        packages=("scikit-learn",),
        interval="none: neighbours do not survive resampling, which repeats points",
        notes=notes,
    )
    scores = {"infom": infom(share, chosen), "infoc": infoc(share, chosen), "infoe": float(explicit.mean())}
    matrices = {"normalised_information": matrix(table, share), "infoe_of_factor": per_factor(table, explicit)}
    return result(scores, card, matrices=matrices)


def infom(share: Floats, active: Bools) -> float:
    """Mean over active units of how far the best factor's part of the information exceeds an equal part.

    Parameters
    ----------
    share
        (factor, unit) information relative to the factor's entropy.
    active
        (unit,). A unit without any information counts 0; with one factor every other counts 1.
    """
    return _excess(share[:, active].T)


def infoc(share: Floats, active: Bools) -> float:
    """Mean over factors of how far the best active unit's part of the information exceeds an equal part."""
    return _excess(share[:, active])


def _excess(rows: Floats) -> float:
    if rows.size == 0:
        return 0.0
    total, width = rows.sum(axis=1), rows.shape[1]
    if width == 1:
        return float(np.mean(total > 0))
    part = np.divide(rows.max(axis=1), total, out=np.full(len(rows), 1 / width), where=total > 0)
    return float((part.mean() - 1 / width) / (1 - 1 / width))


def normalised_information(code: Floats, factors: Ints, *, neighbours: int, seed: int) -> Floats:
    """(factor, unit) mutual information divided by the factor's entropy; 0 for a factor without any."""
    mutual = neighbour_information(code, factors, neighbours=neighbours, seed=seed)
    counts = [np.bincount(labels) / len(labels) for labels in factors.T]
    entropy = np.array([-np.sum(p[p > 0] * np.log(p[p > 0])) for p in counts])[:, None]
    return np.asarray(np.divide(mutual, entropy, out=np.zeros_like(mutual), where=entropy > 0))


def explicitness(code: Floats, labels: Ints) -> float:
    """How much of the log loss of predicting nothing a linear classifier removes, on its training points.

    With balanced class weights, what predicts nothing predicts every value alike: its loss is log(values).
    """
    (scaled,) = standardise(code)
    model = logistic(scaled, labels, C=np.inf, class_weight="balanced")
    if len(model.classes_) == 1:
        return 0.0
    right = model.predict_proba(scaled)[np.arange(len(labels)), np.searchsorted(model.classes_, labels)]
    loss = -np.mean(np.log(np.clip(right, np.finfo(float).eps, None)))
    return float(1 - loss / np.log(len(model.classes_)))
