"""FactorVAE score: which unit varies least while one factor is held."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics.held import draw_votes, replay_held, stillest
from distoolkit.metrics.result import card_of, matrix, result, share_interval
from distoolkit.metrics.table import Ints, Protocol, Table, at_least, table_of


def factor_vae(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    samples: int = 10_000,
    train: int = 10_000,
    test: int = 5_000,
    batch: int = 64,
    active: float = 0.05,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score whether holding one factor stills one unit (Kim & Mnih 2018).

    A vote takes a batch of points that share one factor's value, and names the unit with the least variance in the
    batch, relative to its variance overall. Each unit then stands for the factor that it was named for most often;
    the score is the share of test votes that this predicts.

    Sees whether each factor has a unit that follows it. Misses much else: copies, rotations by 30 degrees and a good
    deal of noise leave it near 1. Chance is one over the number of factors.

    Parameters
    ----------
    latents
        Codes with factors.
    seed
        Fixes the draws.
    samples
        Number of points for the overall variance, at most.
    train, test
        Numbers of votes.
    batch
        Points in a vote, drawn with replacement among those that share the value.
    active
        Units with a smaller standard deviation than this take no part. With none left the score is 0.
    protocol
        ``"disentanglement_lib"`` draws as that library does, number by number, if the table holds the whole grid.

    Returns
    -------
    Score ``factor_vae`` in [0, 1]; ``votes`` (factor, unit), the training votes.
    """
    table = table_of(latents)
    table.need_factors()
    at_least(1, train=train, test=test)
    rows, factor, members = _draw(table, seed, (samples, train + test, batch), protocol)
    deviation = table.code[rows].std(axis=0, ddof=1)
    alive = table.moving & (deviation > 0) & (deviation >= active)
    votes = np.zeros((len(table.factor_names), len(table.units)), dtype=np.int64)
    value, interval, note = 0.0, None, "no unit is active: the score is 0 by definition"
    if alive.any():
        winner = np.flatnonzero(alive)[stillest(table.code[:, alive] / deviation[alive], members)]
        np.add.at(votes, (factor[:train], winner[:train]), 1)
        hits = votes.argmax(axis=0)[winner[train:]] == factor[train:]
        value, interval = float(hits.mean()), share_interval(hits)
        note = f"accuracy on the training votes: {votes.max(axis=0).sum() / train:.4f}"
    card = card_of(
        table,
        variant="least normalised variance, majority vote, accuracy on fresh votes",
        seed=seed,
        protocol=protocol,
        samples={"variance": len(rows), "train_votes": train, "test_votes": test, "batch": batch},
        settings={"active": active},
        active=alive,
        active_rule=f"standard deviation of at least {active:g}",
        estimator="majority vote",
        interval="95 %, Wilson, noise of the test votes only",
        notes=(note,),
    )
    return result(
        {"factor_vae": value}, card, matrices={"votes": matrix(table, votes)}, intervals={"factor_vae": interval}
    )


def _draw(table: Table, seed: int, counts: tuple[int, int, int], protocol: Protocol) -> tuple[Ints, Ints, Ints]:
    """Return the rows for the overall variance, the held factor of each vote, and each vote's rows."""
    samples, votes, batch = counts
    if protocol is not None and table.is_grid:
        old = np.random.RandomState(seed)
        rows = table.rows_of(table.draw_factors(old, samples), old)
        factor, sets = replay_held(table, old, votes, batch)
        members = sets[:, 0]
    else:
        rows = table.rows(samples, seed=seed, protocol=protocol)
        factor, members = draw_votes(table, np.random.default_rng(seed), votes, batch)
    return rows, factor, members
