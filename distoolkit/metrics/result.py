"""How a metric hands over its scores: the numbers, the matrices behind them, and the card that says how."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.metrics.table import Protocol, Table

Interval = tuple[float, float]


_version = cache(importlib.metadata.version)


def result(
    scores: Mapping[str, float],
    card: Mapping[str, Any],
    *,
    matrices: Mapping[str, xr.DataArray] | None = None,
    intervals: Mapping[str, Interval | None] | None = None,
    lower_is_better: tuple[str, ...] = (),
) -> xr.Dataset:
    """Make the Dataset that a metric returns.

    Parameters
    ----------
    scores
        Name -> value, the headline first.
    card
        How the scores came about; see `card_of`.
    matrices
        Name -> array along ``factor`` and ``unit`` (see `matrix`).
    intervals
        Name -> 95 % interval, or None, for the scores that may have one.
    lower_is_better
        Names of the scores of which less is better.

    Raises
    ------
    DataError
        A score is NaN or infinite: the metric does not apply to these latents.
    """
    odd = {name: value for name, value in scores.items() if not np.isfinite(value)}
    if odd:
        raise DataError(f"{odd} is no score: the metric does not apply to these latents")
    names = list(scores)
    bounds = np.array([(intervals or {}).get(name) or (np.nan, np.nan) for name in names], dtype=np.float64)
    dataset = xr.Dataset(
        {
            "score": ("metric", np.array([float(scores[n]) for n in names])),
            "score_low": ("metric", bounds[:, 0]),
            "score_high": ("metric", bounds[:, 1]),
            **(matrices or {}),
        },
        coords={"metric": names, "higher_is_better": ("metric", [n not in lower_is_better for n in names])},
    )
    return schema.stamp(dataset, "scores", card=dict(card))


def matrix(table: Table, values: npt.NDArray[Any]) -> xr.DataArray:
    """Label a (factor, unit) array with the table's names."""
    return xr.DataArray(values, dims=("factor", "unit"), coords={"factor": table.factor_names, "unit": table.units})


def per_factor(table: Table, values: npt.NDArray[Any]) -> xr.DataArray:
    """Label one number for each factor."""
    return xr.DataArray(values, dims="factor", coords={"factor": table.factor_names})


def per_unit(table: Table, values: npt.NDArray[Any]) -> xr.DataArray:
    """Label one number for each unit."""
    return xr.DataArray(values, dims="unit", coords={"unit": table.units})


def share_interval(hits: npt.NDArray[np.bool_]) -> Interval:
    """Return the 95 % Wilson interval of a share of hits among independent trials."""
    count, share = hits.size, float(hits.mean())
    centre = (share + 1.92 / count) / (1 + 3.84 / count)
    reach = 1.96 * np.sqrt(share * (1 - share) / count + 0.96 / count**2) / (1 + 3.84 / count)
    return centre - float(reach), centre + float(reach)


def mean_interval(values: npt.NDArray[Any]) -> Interval:
    """Return the 95 % interval of a mean of independent values, from their spread."""
    mean = float(np.mean(values))
    error = 1.96 * float(np.std(values, ddof=1)) / np.sqrt(np.size(values)) if np.size(values) > 1 else 0.0
    return mean - error, mean + error


def card_of(
    table: Table,
    *,
    variant: str,
    seed: int,
    samples: Mapping[str, int],
    settings: Mapping[str, Any],
    protocol: Protocol = None,
    active: npt.NDArray[np.bool_] | None = None,
    active_rule: str = "every unit that is not constant",
    estimator: str = "plug-in estimate from counts",
    packages: tuple[str, ...] = (),
    interval: str = "none",
    notes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Write down how a score came about, in plain JSON types.

    Parameters
    ----------
    variant
        Which of the metric's published forms this is.
    samples
        What was drawn -> how many, e.g. ``{"train": 10000, "test": 5000}``.
    settings
        The metric's own settings.
    active, active_rule
        Which units took part, and by what rule.
    estimator, packages
        What did the estimating, and the libraries whose version matters.
    interval
        How the 95 % interval was made, or why there is none.
    notes
        What a reader should know about this particular score.
    """
    active = table.moving if active is None else active
    if protocol is None:
        sampling = "different rows of the table, in an order fixed by the seed"
    elif table.is_grid:
        sampling = "as disentanglement_lib: uniform over the factor grid, with replacement"
    else:
        sampling = "rows of the table with replacement: disentanglement_lib needs the whole factor grid"
    card = {
        "variant": variant,
        "settings": dict(settings),
        "estimator": estimator,
        "versions": {name: _version(name) for name in ("distoolkit", "numpy", "scipy", *packages)},
        "samples": {name: int(n) for name, n in samples.items()},
        "sampling": sampling,
        "protocol": protocol or "none",
        "seed": seed,
        "active_units": int(np.sum(active)),
        "active_rule": active_rule,
        "units": len(table.units),
        "units_reduced": table.reduced,
        "interval": interval,
        "notes": list(notes),
    }
    if table.constant_factors:
        card["factors_left_out"] = table.constant_factors
    return card
