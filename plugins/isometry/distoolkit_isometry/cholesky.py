"""Sparse Cholesky by nested dissection: the work is done on dense fronts, so it runs at the speed of BLAS.

SciPy's only sparse direct solver (SuperLU) works with narrow panels and an ordering that knows nothing of the
geometry; for the matrices of `hessian` this one is several times as fast. (Multifrontal method: Duff and Reid 1983.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import blas, cholesky, solve_triangular
from scipy.sparse import csr_array

from distoolkit_isometry.dissection import Front, Index
from distoolkit_isometry.neighbours import Array


@dataclass(frozen=True)
class _Block:
    """Columns ``start:stop`` of the factor: a dense triangle, and the rows below it that are not zero."""

    start: int
    stop: int
    below: Index
    triangle: Array
    panel: Array


class Cholesky:
    """The factor of ``matrix + shift * I``, where the matrix is symmetric and positive semidefinite.

    Raises
    ------
    numpy.linalg.LinAlgError
        The shifted matrix is not positive definite in double precision.
    """

    def __init__(self, matrix: csr_array, fronts: list[Front], shift: float) -> None:
        self.order = np.concatenate([front.rows for front in fronts])
        self.place = np.argsort(self.order)
        permuted = csr_array(matrix[self.order][:, self.order])
        self.blocks: list[_Block] = []
        updates: dict[int, tuple[Index, Array]] = {}
        local = np.empty(len(self.order), dtype=np.intp)
        start = 0
        for number, front in enumerate(fronts):
            stop = start + len(front.rows)
            children = [updates.pop(child) for child in front.children]
            below, dense = _assemble(permuted, start, stop, children, local, shift)
            block, update = _eliminate(dense, start, stop, below)
            self.blocks.append(block)
            updates[number] = below, update
            start = stop

    @property
    def entries(self) -> int:
        """Number of entries of the factor."""
        return sum(b.triangle.shape[0] * (b.triangle.shape[0] + 1) // 2 + b.panel.size for b in self.blocks)

    def solve(self, right: Array) -> Array:
        """Solve for one (N, r) block of right-hand sides."""
        x = right[self.order]
        for b in self.blocks:
            x[b.start : b.stop] = solve_triangular(b.triangle, x[b.start : b.stop], lower=True, check_finite=False)
            x[b.below] -= b.panel @ x[b.start : b.stop]
        for b in reversed(self.blocks):
            known = x[b.start : b.stop] - b.panel.T @ x[b.below]
            x[b.start : b.stop] = solve_triangular(b.triangle, known, lower=True, trans=1, check_finite=False)
        return np.asarray(x[self.place])


def _assemble(
    matrix: csr_array, start: int, stop: int, children: list[tuple[Index, Array]], local: Index, shift: float
) -> tuple[Index, Array]:
    """Sum a front's own entries and what its children left, as the upper triangle of one dense matrix."""
    own = stop - start
    ends = matrix.indptr[start : stop + 1]
    columns, values = matrix.indices[ends[0] : ends[-1]], matrix.data[ends[0] : ends[-1]]
    rows = np.repeat(np.arange(own), np.diff(ends))
    later = columns >= start
    rows, columns, values = rows[later], columns[later], values[later]
    below = np.unique(np.concatenate([columns, *(index for index, _ in children)]))
    below = below[below >= stop]
    local[start:stop], local[below] = np.arange(own), own + np.arange(len(below))
    dense = np.zeros((own + len(below),) * 2)
    dense[rows, local[columns]] = values
    dense[np.arange(own), np.arange(own)] += shift
    for index, update in children:
        here = local[index]
        dense[here[:, None], here] += update
    return below, dense


def _eliminate(dense: Array, start: int, stop: int, below: Index) -> tuple[_Block, Array]:
    """Factor the leading block; return it, and the Schur complement (its upper triangle)."""
    own, lower = stop - start, dense.T  # the transpose is in LAPACK's order: nothing is copied
    triangle = cholesky(lower[:own, :own], lower=True, check_finite=False)
    if not len(below):
        return _Block(start, stop, below, triangle, np.zeros((0, own))), np.zeros((0, 0))
    panel = blas.dtrsm(1.0, triangle, lower[own:, :own], side=1, lower=1, trans_a=1)
    update = blas.dsyrk(-1.0, panel, beta=1.0, c=lower[own:, own:], lower=1)
    return _Block(start, stop, below, triangle, panel), update.T
