"""The smooth end of a penalty's spectrum: the coordinates of the manifold, by block inverse iteration."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array

from distoolkit_isometry.cholesky import Cholesky
from distoolkit_isometry.dissection import dissect, geodesic_coordinates
from distoolkit_isometry.hessian import second_order
from distoolkit_isometry.neighbours import Array

SHIFT = 1e-12  # relative to the mean diagonal: far below the smallest eigenvalue that matters, above round-off
DENSE = 400  # up to here the whole spectrum costs less than a factorisation
MOST_ROUNDS = 60
TOLERANCE = 1e-8  # of the eigenvalues, whose error is the square of the vectors'
ROUND_OFF = 1e-15


@dataclass(frozen=True)
class NullSpace:
    """What is nearly annihilated by a penalty, apart from the constant.

    Attributes
    ----------
    coordinates
        (N, d), mean 0, covariance the identity.
    eigenvalues
        The smallest eigenvalues without the constant's, in increasing order, relative to the mean diagonal:
        the d of the coordinates, and some more.
    """

    coordinates: Array
    eigenvalues: Array

    @property
    def gap(self) -> float:
        """First eigenvalue after the coordinates over the last of the coordinates; near 1 means no null space."""
        return gap_after(self.eigenvalues, self.coordinates.shape[1])


def gap_after(eigenvalues: Array, latents: int) -> float:
    """Return the ratio of eigenvalue ``latents + 1`` to eigenvalue ``latents``, with round-off as the least."""
    return float(max(eigenvalues[latents], ROUND_OFF) / max(eigenvalues[latents - 1], ROUND_OFF))


def null_space(penalty: csr_array, distances: csr_array, latents: int, seed: int = 0) -> NullSpace:
    """Find the d smoothest functions that are orthogonal to the constant.

    The constant is removed by projection, not by its place in the spectrum: near round-off the eigenvalues of the
    constant and of the coordinates change places. The block holds the quadratic functions too, so that each round
    shrinks the error by the ratio of a linear function's eigenvalue to a cubic one's.

    Parameters
    ----------
    penalty
        (N, N) from `hessian.penalty`.
    distances
        (N, N) neighbourhood graph; it only guides the order of elimination.
    latents
        d.
    """
    count = penalty.shape[0]
    scale = float(penalty.diagonal().mean())
    width = min(latents + second_order(latents) + 3, count - 1)
    if count <= max(DENSE, 4 * width):
        values, vectors = _dense(penalty.toarray(), width)
    else:
        values, vectors = _iterate(penalty, distances, scale, latents, width, seed)
    return NullSpace(np.sqrt(count) * vectors[:, :latents], values / scale)


def _dense(matrix: Array, width: int) -> tuple[Array, Array]:
    """All eigenvectors at once, with the constant lifted out of the way."""
    lifted = matrix + np.trace(matrix) / len(matrix)
    values, vectors = eigh(lifted, subset_by_index=(0, width - 1))
    return values, vectors


def _iterate(
    matrix: csr_array, distances: csr_array, scale: float, latents: int, width: int, seed: int
) -> tuple[Array, Array]:
    factor = _factor(matrix, distances, scale, latents)
    block: Array = np.random.default_rng(seed).standard_normal((matrix.shape[0], width))
    values: Array = np.zeros(width)
    old: Array = np.full(width, np.inf)
    for _ in range(MOST_ROUNDS):
        block = _orthonormal(factor.solve(_orthonormal(block)))
        values, turn = eigh(block.T @ (matrix @ block))
        block = block @ turn
        if np.abs(values - old)[: latents + 1].max() <= TOLERANCE * values[latents] + ROUND_OFF * scale:
            return values, block
        old = values
    warnings.warn(
        f"the eigenvalues had not settled after {MOST_ROUNDS} rounds (last change "
        f"{np.abs(values - old)[: latents + 1].max() / scale:.1e}); the code may be unreliable",
        RuntimeWarning,
        stacklevel=4,
    )
    return values, block


def _factor(matrix: csr_array, distances: csr_array, scale: float, latents: int) -> Cholesky:
    fronts = dissect(matrix, geodesic_coordinates(distances, 2 * latents))
    for shift in (SHIFT, 100 * SHIFT):
        try:
            return Cholesky(matrix, fronts, shift * scale)
        except np.linalg.LinAlgError:
            continue  # round-off ate the shift: a larger one changes the speed, not the vectors
    return Cholesky(matrix, fronts, 1e4 * SHIFT * scale)


def _orthonormal(block: Array) -> Array:
    """Orthonormal columns, all orthogonal to the constant."""
    return np.asarray(np.linalg.qr(block - block.mean(axis=0))[0])
