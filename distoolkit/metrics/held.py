"""Batches of points in which one factor is held: the raw material of the FactorVAE and BetaVAE scores."""

from __future__ import annotations

import numpy as np

from distoolkit.contract import DataError
from distoolkit.metrics.table import Floats, Ints, Table

CHUNK = 1024


def draw_held(table: Table, generator: np.random.Generator, count: int, batch: int, sets: int = 1) -> tuple[Ints, Ints]:
    """Draw batches of rows that share the value of one factor.

    The factor is uniform, its value that of a row drawn from the table, the batch drawn with replacement from the rows
    with that value. Values that a single row has are passed over: one point has no variance.

    Returns
    -------
    The held factor (count,) and the rows (count, sets, batch): ``sets`` batches for each held value.

    Raises
    ------
    DataError
        No two rows share the value of any factor.
    """
    groups = [_Groups(column) for column in table.factors.T]
    usable = np.array([k for k, g in enumerate(groups) if len(g.eligible)])
    if not len(usable):
        raise DataError("no two samples share the value of a factor: there is nothing to hold. Encode more images")
    factor = usable[generator.integers(len(usable), size=count)]
    rows = np.empty((count, sets, batch), dtype=np.int64)
    for k in usable:
        rows[factor == k] = groups[k].draw(generator, int(np.sum(factor == k)), sets * batch).reshape(-1, sets, batch)
    return factor, rows


class _Groups:
    """The rows of a table by the value of one factor."""

    def __init__(self, column: Ints) -> None:
        self.order = np.argsort(column.astype(np.int32), kind="stable")
        self.count = np.bincount(column)
        self.first = np.cumsum(self.count) - self.count
        self.eligible = column[self.count[column] >= 2]

    def draw(self, generator: np.random.Generator, count: int, size: int) -> Ints:
        value = self.eligible[generator.integers(len(self.eligible), size=count)]
        place = generator.random((count, size), dtype=np.float32) * self.count[value, None]
        place = np.minimum(place.astype(np.int64), self.count[value, None] - 1)  # float32 may round up to 1
        return self.order[self.first[value, None] + place]


def replay_held(
    table: Table, generator: np.random.RandomState, count: int, batch: int, sets: int = 1
) -> tuple[Ints, Ints]:
    """Draw as disentanglement_lib does, number by number, from a table that holds the whole factor grid.

    With one set the batch's own first row is what the others are held to (FactorVAE score); with two, the second
    batch takes the first one's values of the held factor, row by row (BetaVAE score). Shapes as in `draw_held`.
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
