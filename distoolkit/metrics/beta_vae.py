"""BetaVAE score: can a linear classifier tell which factor two batches share?"""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics.held import CHUNK, draw_pairs, replay_held
from distoolkit.metrics.learners import logistic
from distoolkit.metrics.result import card_of, result, share_interval
from distoolkit.metrics.table import Floats, Ints, Protocol, at_least, table_of


def beta_vae(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    train: int = 10_000,
    test: int = 5_000,
    batch: int = 64,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score how well the held factor can be told from the mean distance of pairs (Higgins et al. 2017).

    The two points of a pair share one factor's value. The feature of a batch of pairs is the mean distance of the
    two codes, unit by unit; a logistic regression predicts the factor from it.

    Sees whether each factor leaves a trace of its own in these distances. Misses rotations, copies and mixed units
    as long as the traces differ, and so saturates: many codes score 1. Chance is one over the number of factors.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes the draws.
    train, test
        Numbers of batches.
    batch
        Pairs in a batch.
    protocol
        ``"disentanglement_lib"`` draws as that library does, number by number, if the table holds the whole grid.

    Returns
    -------
    Score ``beta_vae`` in [0, 1]: the accuracy on the test batches.
    """
    table = table_of(latents)
    table.need_factors()
    at_least(1, train=train, test=test, batch=batch)
    if protocol is not None and table.is_grid:
        factor, pairs = replay_held(table, np.random.RandomState(seed), train + test, batch, sets=2)
    else:
        factor, pairs = draw_pairs(table, np.random.default_rng(seed), train + test, batch)
    feature = distances(table.code[:, table.moving], pairs)
    model = logistic(feature[:train], factor[:train])
    hits = model.predict(feature[train:]) == factor[train:]
    card = card_of(
        table,
        variant="logistic regression on the mean absolute distance, accuracy on fresh batches",
        seed=seed,
        protocol=protocol,
        samples={"train_batches": train, "test_batches": test, "batch": batch},
        settings={},
        estimator="logistic regression, l2 penalty with C = 1, at most 100 iterations",
        packages=("scikit-learn",),
        interval="95 %, Wilson, noise of the test batches only",
        notes=(f"accuracy on the training batches: {np.mean(model.predict(feature[:train]) == factor[:train]):.4f}",),
    )
    return result({"beta_vae": float(hits.mean())}, card, intervals={"beta_vae": share_interval(hits)})


def distances(code: Floats, pairs: Ints) -> Floats:
    """Mean absolute distance of the two codes of each pair.

    Parameters
    ----------
    code
        (row, unit).
    pairs
        (batch, 2, pair) rows.

    Returns
    -------
    (batch, unit).
    """
    feature = np.empty((len(pairs), code.shape[1]))
    for start in range(0, len(pairs), CHUNK):
        first, second = code[pairs[start : start + CHUNK, 0]], code[pairs[start : start + CHUNK, 1]]
        feature[start : start + CHUNK] = np.abs(first - second).mean(axis=1)
    return feature
