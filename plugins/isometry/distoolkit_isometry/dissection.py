"""Nested dissection: an order of elimination that keeps a sparse factor sparse.

The points lie on a d-dimensional manifold, so a set of them is cut best across its longest *intrinsic* side. The
intrinsic coordinates are geodesic distances to a few far-apart points.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra, maximum_bipartite_matching

from distoolkit_isometry.neighbours import Array

Index = NDArray[np.intp]

LEAF = 100  # rows below which a dense block beats another cut


@dataclass(frozen=True)
class Front:
    """One step of the elimination: the rows that it eliminates, and the fronts that must come before."""

    rows: Index
    children: tuple[int, ...] = field(default=())


def geodesic_coordinates(distances: csr_array, landmarks: int) -> Array:
    """Return (N, landmarks): shortest-path distances to points that are chosen far from one another."""
    columns: list[Array] = []
    nearest = np.full(distances.shape[0], np.inf)
    source = 0
    for _ in range(landmarks + 1):  # the first source is arbitrary: its column only finds a far end
        column = dijkstra(distances, directed=False, indices=source)
        columns.append(column)
        nearest = np.minimum(nearest, column)
        source = int(nearest.argmax())
    return np.stack(columns[1:], axis=1)


def dissect(matrix: csr_array, coordinates: Array) -> list[Front]:
    """Cut the rows of a sparse symmetric matrix into fronts, children before parents; the last is the root."""
    fronts: list[Front] = []
    side = np.zeros(matrix.shape[0], dtype=np.int8)

    def cut(rows: Index) -> int:
        if len(rows) > LEAF:
            left, right = _halves(rows, coordinates)
            at_left, at_right = _separator(matrix, left, right, side)
            left, right = np.setdiff1d(left, at_left), np.setdiff1d(right, at_right)
            separator = np.concatenate([at_left, at_right])
            if len(left) and len(right) and len(separator) < 0.8 * len(rows):
                fronts.append(Front(separator, (cut(left), cut(right))))
                return len(fronts) - 1
        fronts.append(Front(rows))
        return len(fronts) - 1

    cut(np.arange(matrix.shape[0]))
    return fronts


def _halves(rows: Index, coordinates: Array) -> tuple[Index, Index]:
    """Split at the median along the direction of largest spread."""
    spread = coordinates[rows] - coordinates[rows].mean(axis=0)
    along = spread @ np.linalg.eigh(spread.T @ spread)[1][:, -1]
    order = np.argpartition(along, len(rows) // 2)
    return rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]


def _separator(matrix: csr_array, left: Index, right: Index, side: NDArray[np.int8]) -> tuple[Index, Index]:
    """Find the fewest rows that meet every link between two sets (Koenig: a least vertex cover by matching)."""
    side[left], side[right] = 1, 2
    part = matrix[left]
    across = side[part.indices] == 2
    side[left] = side[right] = 0
    here, there = np.repeat(left, np.diff(part.indptr))[across], part.indices[across]
    rows, row = np.unique(here, return_inverse=True)
    columns, column = np.unique(there, return_inverse=True)
    links = csr_array((np.ones(len(row), dtype=np.int8), (row, column)), shape=(len(rows), len(columns)))
    in_rows, in_columns = _least_cover(links)
    return rows[in_rows], columns[in_columns]


def _least_cover(links: csr_array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the rows and columns of a least vertex cover of a bipartite graph."""
    rows, columns = links.shape
    if not links.nnz:
        return np.zeros(rows, dtype=bool), np.zeros(columns, dtype=bool)
    match = maximum_bipartite_matching(links, perm_type="column")
    back = np.full(columns, -1)
    back[match[match >= 0]] = np.flatnonzero(match >= 0)
    reached_row, reached_column = match < 0, np.zeros(columns, dtype=bool)
    fresh = np.flatnonzero(reached_row)
    while len(fresh):  # alternating paths from the unmatched rows
        seen = np.unique(links[fresh].indices)
        seen = seen[~reached_column[seen]]
        reached_column[seen] = True
        fresh = back[seen]  # a maximum matching leaves none of these unmatched
        fresh = fresh[~reached_row[fresh]]
        reached_row[fresh] = True
    return ~reached_row, reached_column
