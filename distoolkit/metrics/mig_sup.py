"""MIG-sup: the mutual information gap seen from the unit."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics import information
from distoolkit.metrics.result import card_of, matrix, result
from distoolkit.metrics.table import Floats, Protocol, table_of


def mig_sup(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    bins: int = 20,
    samples: int = 10_000,
    active: float = 0.05,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score how far the best known factor of each unit is ahead of the second (Li et al. 2020).

    Sees units that mix factors, which MIG misses. Misses factors that no unit, or more than one unit, knows: read
    it beside MIG. Units that hardly move would pull the mean to 0 and are left out.

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
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Score ``mig_sup`` in [0, 1]; ``mutual_information`` (factor, unit).
    """
    table = table_of(latents)
    found = table.information(bins=bins, samples=samples, seed=seed, protocol=protocol)
    chosen = table.active(active, relative=True)
    value, interval = information.with_interval(found, lambda f: unit_gap(f.mutual[:, chosen], f.factor_entropy))
    card = card_of(
        table,
        variant="each term divided by its own factor's entropy, mean over active units",
        seed=seed,
        protocol=protocol,
        samples={"points": found.count},
        settings={"bins": bins, "active": active},
        active=chosen,
        active_rule=f"standard deviation at least {active:g} of the largest",
        interval=information.how(found),
        notes=(f"mean over every unit: {unit_gap(found.mutual, found.factor_entropy):.4f}",),
    )
    return result(
        {"mig_sup": value},
        card,
        matrices={"mutual_information": matrix(table, found.mutual)},
        intervals={"mig_sup": interval},
    )


def unit_gap(mutual: Floats, entropy: Floats) -> float:
    """Mean over units of best - second best share of a factor's entropy; with one factor the second is 0.

    Parameters
    ----------
    mutual
        (factor, unit).
    entropy
        (factor,).
    """
    if mutual.shape[1] == 0:
        return 0.0
    share = np.divide(mutual, entropy[:, None], out=np.zeros_like(mutual), where=entropy[:, None] > 0)
    second, best = np.sort(np.concatenate([share, np.zeros((1, mutual.shape[1]))]), axis=0)[-2:]
    return float(np.mean(best - second))
