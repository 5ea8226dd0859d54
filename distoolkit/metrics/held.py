"""Batches of points in which one factor is held: the raw material of the FactorVAE and BetaVAE scores."""

from __future__ import annotations

import numpy as np

from distoolkit.contract import DataError
from distoolkit.metrics.table import Floats, Ints, Table, at_least

CHUNK = 1024


def draw_votes(table: Table, generator: np.random.Generator, count: int, batch: int) -> tuple[Ints, Ints]:
    """Draw batches of rows that all share one value of one factor.

    The factor is uniform, the value that of a row drawn from the table, the batch drawn with replacement from the
    rows with that value. Values that a single row has are passed over: one point has no variance.

    Returns
    -------
    The held factor (count,) and the rows (count, batch).

    Raises
    ------
    DataError
        No two rows share the value of any factor.
    """
    factor, groups = _held_factors(table, generator, count)
    at_least(2, batch=batch)
    rows = np.empty((count, batch), dtype=np.int64)
    for k, group in groups.items():
        value = group.values(generator, (int(np.sum(factor == k)), 1))
        rows[factor == k] = group.rows(generator, np.broadcast_to(value, (len(value), batch)))
    return factor, rows


def draw_pairs(table: Table, generator: np.random.Generator, count: int, batch: int) -> tuple[Ints, Ints]:
    """Draw batches of pairs of rows; the two rows of a pair share their value of one factor, the same in the batch.

    As `draw_votes`, but each pair has a value of its own. The rows are (count, 2, batch).
    """
    factor, groups = _held_factors(table, generator, count)
    rows = np.empty((count, 2, batch), dtype=np.int64)
    for k, group in groups.items():
        value = group.values(generator, (int(np.sum(factor == k)), batch))
        rows[factor == k] = np.stack([group.rows(generator, value), group.rows(generator, value)], axis=1)
    return factor, rows


def _held_factors(table: Table, generator: np.random.Generator, count: int) -> tuple[Ints, dict[int, _Groups]]:
    groups = {k: _Groups(column) for k, column in enumerate(table.factors.T)}
    groups = {k: group for k, group in groups.items() if len(group.repeated)}
    if not groups:
        raise DataError("no two samples share the value of a factor: there is nothing to hold. Encode more images")
    return np.array(list(groups))[generator.integers(len(groups), size=count)], groups


class _Groups:
    """The rows of a table by the value of one factor."""

    def __init__(self, column: Ints) -> None:
        self.order = np.argsort(column.astype(np.int32), kind="stable")
        self.count = np.bincount(column)
        self.first = np.cumsum(self.count) - self.count
        self.repeated = column[self.count[column] >= 2]

    def values(self, generator: np.random.Generator, shape: tuple[int, int]) -> Ints:
        """Draw values, each as often as it occurs in the table, of those that occur more than once."""
        return np.asarray(self.repeated[generator.integers(len(self.repeated), size=shape)])

    def rows(self, generator: np.random.Generator, value: Ints) -> Ints:
        """Draw a row for each value."""
        place = (generator.random(value.shape, dtype=np.float32) * self.count[value]).astype(np.int64)
        place = np.minimum(place, self.count[value] - 1)  # float32 may round up to 1
        return np.asarray(self.order[self.first[value] + place])


def replay_held(
    table: Table, generator: np.random.RandomState, count: int, batch: int, sets: int = 1
) -> tuple[Ints, Ints]:
    """Draw as disentanglement_lib does, number by number, from a table that holds the whole factor grid.

    With one set the batch's own first row is what the others are held to (FactorVAE score); with two, the second
    batch takes the first one's values of the held factor, row by row (BetaVAE score). The rows have shape
    (count, sets, batch).
    """
    factor = np.empty(count, dtype=np.int64)
    drawn = np.empty((count, sets, batch, len(table.sizes)), dtype=np.int64)
    for i in range(count):
        factor[i] = k = generator.randint(len(table.sizes))
        for s in range(sets):
            drawn[i, s] = table.draw_factors(generator, batch)
        if sets == 1:
            drawn[i, 0, :, k] = drawn[i, 0, 0, k]
        else:
            drawn[i, 1:, :, k] = drawn[i, :1, :, k]
    rows = table.rows_of(drawn.reshape(-1, len(table.sizes)), generator)
    return factor, rows.reshape(count, sets, batch)


def stillest(code: Floats, members: Ints) -> Ints:
    """Return, for each batch, the column that varies least in it.

    Parameters
    ----------
    code
        (row, unit), each unit divided by its overall standard deviation.
    members
        (batch, point) rows.
    """
    winner = np.empty(len(members), dtype=np.int64)
    for start in range(0, len(members), CHUNK):
        batch = code[members[start : start + CHUNK]]
        batch -= batch[:, :1].copy()  # a unit that stands still gets exactly 0, without cancellation
        mean = batch.mean(axis=1)
        spread = np.einsum("vbu,vbu->vu", batch, batch) / batch.shape[1] - mean**2
        winner[start : start + CHUNK] = spread.argmin(axis=1)
    return winner
