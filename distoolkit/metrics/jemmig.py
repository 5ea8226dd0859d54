"""JEMMIG: the mutual information gap that also asks what else the unit knows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics import information
from distoolkit.metrics.result import card_of, matrix, result
from distoolkit.metrics.table import Floats, Protocol, table_of


def jemmig(
    latents: xr.Dataset, *, seed: int = 0, bins: int = 20, samples: int = 10_000, protocol: Protocol = None
) -> xr.Dataset:
    """Score each factor's best unit by what it shares with others (Do & Tran 2020).

    Joint entropy of the factor and its best unit, minus their mutual information, plus that of the second best unit:
    0 if the unit and the factor are one and no other unit knows it. Sees mixed units, which MIG misses, and copies.
    Counts noise in a unit against it, as the entropy of that unit.

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
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``jemmig`` in [0, 1] (one minus the share of its largest value, higher is better) and ``jemmig_nats``
    (lower is better), means over factors; ``mutual_information`` (factor, unit).
    """
    table = table_of(latents)
    found = table.information(bins=bins, samples=samples, seed=seed, protocol=protocol)
    value, interval = information.with_interval(found, lambda f: joint_gap(f, bins)[0])
    nats, nats_interval = information.with_interval(found, lambda f: joint_gap(f, bins)[1])
    card = card_of(
        table,
        variant="binned mean codes; normalised by the factor's entropy plus log(bins)",
        seed=seed,
        protocol=protocol,
        samples={"points": found.count},
        settings={"bins": bins},
        interval=information.how(found),
    )
    return result(
        {"jemmig": value, "jemmig_nats": nats},
        card,
        matrices={"mutual_information": matrix(table, found.mutual)},
        intervals={"jemmig": interval, "jemmig_nats": nats_interval},
        lower_is_better=("jemmig_nats",),
    )


def joint_gap(found: information.Information, bins: int) -> tuple[float, float]:
    """Return the mean normalised score and the mean gap in nats; with one unit the second best is 0."""
    row = np.arange(len(found.mutual))
    best = found.mutual.argmax(axis=1)
    largest = found.mutual[row, best]
    others: Floats = found.mutual.copy()
    others[row, best] = 0.0
    joint = found.unit_entropy[best] + found.factor_entropy - largest
    nats = joint - largest + others.max(axis=1)
    return float(np.mean(1 - nats / (found.factor_entropy + np.log(bins)))), float(nats.mean())
