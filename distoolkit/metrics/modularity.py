"""Modularity: does each unit know one factor only?"""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics import information
from distoolkit.metrics.result import card_of, matrix, per_unit, result
from distoolkit.metrics.table import Floats, Protocol, table_of


def modularity(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    bins: int = 20,
    samples: int = 10_000,
    active: float = 0.05,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score whether each unit has information on one factor only (Ridgeway & Mozer 2018).

    One minus the squared information on the other factors, relative to the best one squared, per other factor.
    Sees units that mix factors. Misses whether the factor is known well, and whether several units know it: copies
    and coarse codes score 1. A unit of pure noise scores about 2/3 on dSprites, because estimates from counts are
    above 0, and most so for factors with many values; hence units that hardly move are left out.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn.
    bins
        Bins of equal width for each unit.
    samples
        Number of points, at most.
    active
        Units with a standard deviation below this share of the largest one take no part.
    protocol
        ``"disentanglement_lib"`` draws as that library does and averages over all units, constant ones as 0.

    Returns
    -------
    Score ``modularity`` in [0, 1]; ``mutual_information`` (factor, unit), ``modularity_of_unit`` (unit,).
    """
    table = table_of(latents)
    found = table.information(bins=bins, samples=samples, seed=seed, protocol=protocol)
    chosen = table.active(active, relative=True) if protocol is None else np.ones(len(table.units), dtype=bool)
    each = of_units(found.mutual)
    value, interval = information.with_interval(found, lambda f: _mean(of_units(f.mutual), chosen))
    card = card_of(
        table,
        variant="squared information on the other factors, relative to the best",
        seed=seed,
        protocol=protocol,
        samples={"points": found.count},
        settings={"bins": bins, "active": active},
        active=chosen,
        active_rule=f"standard deviation at least {active:g} of the largest" if protocol is None else "every unit",
        interval=information.how(found),
        notes=(f"mean over every unit that is not constant: {_mean(each, table.moving):.4f}",),
    )
    matrices = {"mutual_information": matrix(table, found.mutual), "modularity_of_unit": per_unit(table, each)}
    return result({"modularity": value}, card, matrices=matrices, intervals={"modularity": interval})


def of_units(mutual: Floats) -> Floats:
    """Modularity of each unit from (factor, unit) mutual information: 0 without any, 1 with a single factor."""
    squared = mutual**2
    best = squared.max(axis=0)
    others = (squared.sum(axis=0) - best) / max(len(mutual) - 1, 1)
    return np.where(best > 0, 1 - np.divide(others, best, out=np.zeros_like(best), where=best > 0), 0.0)


def _mean(each: Floats, chosen: np.ndarray) -> float:
    return float(each[chosen].mean()) if chosen.any() else 0.0
