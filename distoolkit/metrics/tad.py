"""TAD: total AUROC difference, for images with yes-or-no attributes."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from distoolkit.contract import DataError
from distoolkit.metrics import information
from distoolkit.metrics.result import card_of, matrix, result
from distoolkit.metrics.table import Bools, Floats, Ints, Protocol, table_of


def tad(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    samples: int = 10_000,
    captured: float = 0.75,
    shared: float = 0.2,
    least_range: float = 0.2,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Sum over attributes how far the best unit is ahead of the second in ranking them (Yeats et al. 2022).

    For data such as CelebA, where the factors are unknown and the labels are yes-or-no attributes. Counts the
    attributes that some unit ranks well (AUROC of at least ``captured``) and that are not half given by another
    attribute. A sum: it is not bounded by 1, and two data sets cannot be compared. Misses everything that no
    attribute names.

    Parameters
    ----------
    latents
        Codes with factors; those with two values are the attributes, others are not used.
    seed
        Fixes which points are drawn.
    samples
        Number of points, at most. The paper uses 1000, which is noisy.
    captured
        Least AUROC of the best unit for an attribute to count.
    shared
        Most that another attribute may say of it, as a share of its entropy.
    least_range
        Units with a smaller range rank nothing: their AUROC is 0.5.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``tad`` and ``tad_captured``, the number of attributes that count; ``auroc`` (factor, unit), each the
    better of the two directions, 0.5 for factors that are no attributes.

    Raises
    ------
    DataError
        No factor has two values.
    """
    table = table_of(latents)
    table.need_factors()
    points = table.points(samples, seed=seed, protocol=protocol)
    binary = np.array([len(np.unique(y)) == 2 for y in points.factors.T])
    if not binary.any():
        raise DataError(f"tad needs factors with two values; these have {table.sizes.tolist()}. Use mig or dci instead")
    positive = points.factors[:, binary] == points.factors[:, binary].max(axis=0)
    moving = np.ptp(points.code, axis=0) > least_range
    area = np.full((len(table.factor_names), len(table.units)), 0.5)
    area[np.ix_(binary, moving)] = auroc(points.code[:, moving], positive)
    ranked = np.sort(np.concatenate([area[binary], np.full((int(binary.sum()), 1), 0.5)], axis=1), axis=1)
    counts = (ranked[:, -1] >= captured) & (largest_share(positive.astype(np.int64)) <= shared)
    card = card_of(
        table,
        variant="sum of AUROC gaps over captured attributes",
        seed=seed,
        protocol=protocol,
        samples={"points": len(points), "attributes": int(binary.sum())},
        settings={"captured": captured, "shared": shared, "least_range": least_range},
        active=moving,
        active_rule=f"range above {least_range:g}",
        estimator="exact AUROC by ranks",
        interval="none: the set of captured attributes changes with the sample",
    )
    scores = {"tad": float(np.sum((ranked[:, -1] - ranked[:, -2])[counts])), "tad_captured": float(counts.sum())}
    return result(scores, card, matrices={"auroc": matrix(table, area)})


def auroc(code: Floats, positive: Bools) -> Floats:
    """(attribute, unit) area under the ROC curve of each unit for each attribute, in the better direction.

    Parameters
    ----------
    code
        (sample, unit).
    positive
        (sample, attribute), each with both answers.
    """
    yes = positive.sum(axis=0)[:, None]
    ranks = positive.T.astype(np.float64) @ rankdata(code, axis=0)
    area = (ranks - yes * (yes + 1) / 2) / (yes * (len(code) - yes))
    return np.asarray(np.maximum(area, 1 - area))


def largest_share(attributes: Ints) -> Floats:
    """(attribute,) the most that any other attribute says of each, as a share of its entropy."""
    width = attributes.shape[1]
    found = information.measure(attributes.astype(np.float64), attributes, np.full(width, 2), 2)
    share = found.mutual / found.factor_entropy[:, None]
    share[np.arange(width), np.arange(width)] = 0.0
    return np.asarray(share.max(axis=1))
