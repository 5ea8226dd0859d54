"""Mutual information gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.metrics import information
from distoolkit.metrics.result import card_of, matrix, per_factor, result
from distoolkit.metrics.table import Protocol, table_of


def mig(
    latents: xr.Dataset, *, seed: int = 0, bins: int = 20, samples: int = 10_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score how far the most informative unit of each factor is ahead of the second (Chen et al. 2018).

    Sees whether one single unit knows a factor. Misses whether that unit knows other factors too: a unit that
    holds two factors can score well on both. A factor that two units share equally scores 0, even if the two are
    copies. Codes that are perfect do not reach 1: a unit cut into 20 bins cannot tell 40 values apart, so read the
    score beside the one of the identity code.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes which points are drawn.
    bins
        Bins of equal width for each unit, from its least to its largest value.
    samples
        Number of points, at most.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Score ``mig`` in [0, 1]; ``mutual_information`` (factor, unit) and ``factor_entropy`` in nats.
    """
    table = table_of(latents)
    found = table.information(bins=bins, samples=samples, seed=seed, protocol=protocol)
    value, interval = information.with_interval(found, lambda f: gap(f.mutual, f.factor_entropy))
    card = card_of(
        table,
        variant="binned codes, gap divided by the factor's entropy",
        seed=seed,
        protocol=protocol,
        samples={"points": found.count},
        settings={"bins": bins},
        interval=information.how(found),
        notes=("one unit only: the second best counts as 0",) if len(table.units) == 1 else (),
    )
    matrices = {
        "mutual_information": matrix(table, found.mutual),
        "factor_entropy": per_factor(table, found.factor_entropy),
    }
    return result({"mig": value}, card, matrices=matrices, intervals={"mig": interval})


def gap(mutual: npt.NDArray[np.float64], entropy: npt.NDArray[np.float64]) -> float:
    """Mean over factors of (best - second best mutual information) / entropy of the factor.

    Parameters
    ----------
    mutual
        (factor, unit).
    entropy
        (factor,). A factor without entropy counts 0. With one unit the second best is 0.
    """
    padded = np.concatenate([mutual, np.zeros((len(mutual), 1))], axis=1)
    second, best = np.sort(padded, axis=1)[:, -2:].T
    return float(np.mean(np.divide(best - second, entropy, out=np.zeros_like(entropy), where=entropy > 0)))
