"""Unsupervised disentanglement ranking (UDR): do runs of one method agree on their units?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from distoolkit import schema
from distoolkit.contract import ConfigError, DataError
from distoolkit.metrics.learners import standardise
from distoolkit.metrics.table import Bools, Floats, Table

ALPHA = 0.1
"""Weight of the lasso's penalty on standardised codes."""


def udr(
    latents: Sequence[xr.Dataset] | Mapping[str, xr.Dataset],
    *,
    seed: int = 0,
    samples: int = 1_000,
    variant: Literal["lasso", "spearman"] = "lasso",
    least_kl: float = 0.01,
) -> xr.Dataset:
    """Rank runs by how well their units match those of the other runs one to one (Duan et al. 2020). Needs no factors.

    The idea: disentangled codes of the same data are alike up to order and sign, entangled ones differ in endless
    ways. Sees agreement only: runs that fail in the same way agree too. The runs should differ in their seed alone,
    and there should be five or more of them.

    Parameters
    ----------
    latents
        Codes of the same samples by two or more runs: a list, or a mapping from their names. They may differ in length.
    seed
        Fixes which samples are drawn.
    samples
        Number of samples, at most.
    variant
        ``"lasso"``: absolute weights of a lasso from one code to the other; ``"spearman"``: absolute rank correlations.
    least_kl
        Units whose mean KL divergence from the prior is at most this many nats are left out. Only where the latents
        hold ``code_std``; otherwise all units count that are not constant.

    Returns
    -------
    A scores Dataset with one ``score(metric)`` for each run, ``udr_<name>``, in [0, 1]: the median of its agreement
    with the others. ``agreement(run, other)``, 0 on the diagonal: what ``other`` gets when it is explained by ``run``.

    Raises
    ------
    DataError
        Fewer than two runs, or runs on different samples.
    """
    if variant not in ("lasso", "spearman"):
        raise ConfigError(f"variant = {variant!r} is not allowed: give 'lasso' or 'spearman'")
    runs = dict(latents) if isinstance(latents, Mapping) else {f"run{i}": one for i, one in enumerate(latents)}
    tables = [Table(one) for one in runs.values()]
    lengths = [len(t) for t in tables]
    if len(tables) < 2 or len(set(lengths)) > 1:
        raise DataError(f"udr compares two or more codes of the same samples; given {len(tables)} of {lengths} samples")
    rows = tables[0].rows(samples, seed=seed)
    codes = [standardise(t.code[rows])[0] for t in tables]
    informative = [units_with_information(t, least_kl) for t in tables]
    relate = _lasso if variant == "lasso" else _spearman
    agreement = np.zeros((len(tables), len(tables)))
    for i, one in enumerate(codes):
        for j, other in enumerate(codes):
            if i != j:
                relation = relate(one[:, informative[i]], other[:, informative[j]])
                agreement[i, j] = one_to_one(relation)
    others = ~np.eye(len(tables), dtype=bool)
    score = [float(np.median(agreement[others[:, j], j])) for j in range(len(tables))]
    names = list(map(str, runs))
    dataset = xr.Dataset(
        {"score": ("metric", score), "agreement": (("run", "other"), agreement)},
        coords={
            "metric": [f"udr_{n}" for n in names],
            "higher_is_better": ("metric", [True] * len(names)),
            "run": names,
            "other": names,
        },
    )
    card = {
        "variant": f"{variant}, median over the other runs",
        "settings": {"alpha": ALPHA, "least_kl": least_kl},
        "samples": {"points": len(rows)},
        "seed": seed,
        "active_units": {name: int(kept.sum()) for name, kept in zip(names, informative, strict=True)},
        "active_rule": f"mean KL divergence above {least_kl:g}, where the posterior is known",
        "scores": [f"udr_{n}" for n in names],
    }
    return schema.stamp(dataset, "scores", cards={"udr": card})


def units_with_information(table: Table, least_kl: float) -> Bools:
    """Which units are not constant and, where the posterior is known, have a mean KL divergence above ``least_kl``.

    Vector units that were reduced to one number have no posterior of their own.
    """
    if "code_std" not in table.latents or table.reduced != "none":
        return table.moving
    variance = np.maximum(table.latents["code_std"].values.astype(np.float64) ** 2, 1e-30)
    divergence = 0.5 * (table.code**2 + variance - np.log(variance) - 1).mean(axis=0)
    return np.asarray(table.moving & (divergence > least_kl))


def one_to_one(relation: Floats) -> float:
    """How far each row and each column of a matrix of strengths has one large entry only.

    Mean over columns of (largest)^2 / sum, the same over rows, and the mean of the two; 0 where a line is all 0.
    """
    if relation.size == 0:
        return 0.0
    found = []
    for axis in (0, 1):
        largest, total = relation.max(axis=axis) ** 2, relation.sum(axis=axis)
        found.append(np.divide(largest, total, out=np.zeros_like(total), where=total > 0).mean())
    return float(np.mean(found))


def _lasso(one: Floats, other: Floats) -> Floats:
    """Absolute weights (unit of one, unit of other) of the lasso that explains the other code by this one."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    if not one.size or not other.size:
        return np.zeros((one.shape[1], other.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(np.abs(np.atleast_2d(Lasso(alpha=ALPHA).fit(one, other).coef_)).T)


def _spearman(one: Floats, other: Floats) -> Floats:
    """Absolute rank correlations (unit of one, unit of other)."""
    if not one.size or not other.size:
        return np.zeros((one.shape[1], other.shape[1]))
    (first,), (second,) = standardise(rankdata(one, axis=0)), standardise(rankdata(other, axis=0))
    return np.asarray(np.abs(first.T @ second) / len(first))
