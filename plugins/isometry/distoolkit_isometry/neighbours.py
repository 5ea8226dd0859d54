"""Who is near whom: fewer dimensions, no duplicates, neighbourhoods, one connected piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Array = NDArray[np.floating]

KD_TREE_DIMS = 16  # above this a kd-tree prunes little, and whole rows of distances by BLAS are faster
THIN = 64  # entries of a point that are looked at first for duplicates
SMALL_DIMS = 300  # up to here the covariance matrix is decomposed whole


@dataclass(frozen=True)
class Subspace:
    """An affine subspace that holds nearly all of the variance.

    Attributes
    ----------
    mean
        (D,) centre.
    basis
        (D, p) orthonormal columns, in the order of decreasing variance.
    kept
        Share of the variance that lies in it.
    """

    mean: Array
    basis: Array
    kept: float

    def project(self, points: Array) -> Array:
        """Map (N, D) points to their (N, p) coordinates."""
        return np.asarray(points @ self.basis - self.mean @ self.basis)


def principal_subspace(points: Array, components: int, seed: int = 0) -> Subspace:
    """Find the subspace of largest variance, so that no later step depends on the number of pixels.

    Distances and tangents are unchanged up to the part that is dropped. Directions with less than 1e-12 of the
    largest variance hold round-off only, and are dropped too.

    Parameters
    ----------
    points
        (N, D).
    components
        The most dimensions to keep.
    seed
        Of the random start; it is used only where D is above 300.
    """
    mean = points.mean(axis=0)
    total = float(np.vdot(points, points)) - len(points) * float(mean @ mean)
    if points.shape[1] <= SMALL_DIMS:
        centred = points - mean
        variance, basis = np.linalg.eigh(centred.T @ centred)
        variance, basis = variance[::-1], basis[:, ::-1]
    else:
        variance, basis = _dominant(points, mean, components, total, seed)
    keep = np.flatnonzero(variance[:components] > 1e-12 * max(float(variance[0]), np.finfo(float).tiny))
    kept = float(variance[keep].sum()) / total if total > 0 else 1.0
    return Subspace(mean, np.ascontiguousarray(basis[:, keep]), min(kept, 1.0))


def _dominant(points: Array, mean: Array, components: int, total: float, seed: int) -> tuple[Array, Array]:
    """Squared singular values and right vectors by subspace iteration (Halko, Martinsson, Tropp 2011).

    The block starts narrow and is doubled until it holds all but a millionth of the variance. The centred points
    are never formed: that copy costs more than the products.
    """
    generator, rank = np.random.default_rng(seed), 32
    while True:
        rank = min(rank, components + 16, *points.shape)
        right = generator.standard_normal((points.shape[1], rank)).astype(points.dtype)
        left = points @ right - mean @ right
        for _ in range(2 if rank > 32 else 1):
            left = np.linalg.qr(left)[0]
            right = np.linalg.qr(points.T @ left - np.outer(mean, left.sum(axis=0)))[0]
            left = points @ right - mean @ right
        variance, turn = np.linalg.eigh(left.T @ left)
        if variance.sum() >= (1 - 1e-6) * total or rank >= min(components + 16, *points.shape):
            return variance[::-1], right @ turn[:, ::-1]
        rank *= 2


def distinct(points: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Merge exact duplicates.

    Returns
    -------
    first
        (n,) index of the first of each group of equal points, in the order of the data.
    member
        (N,) the group that each point belongs to.
    """
    thinned = np.ascontiguousarray(points[:, :: -(-points.shape[1] // THIN)])
    keys = _hashes(thinned)
    if len(np.unique(keys)) < len(points):  # equal there: now the whole rows decide
        keys = _hashes(points)
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[member.ravel()]


def _hashes(rows: NDArray[Any]) -> NDArray[np.int64]:
    """64-bit hashes: that two of 100,000 different rows agree has a chance of 3e-10, and would cost one point."""
    return np.array([hash(row.tobytes()) for row in rows])


def nearest(points: Array, count: int) -> NDArray[np.intp]:
    """Return (N, count): for each point its nearest ones, itself first. The points must be distinct.

    A point belongs to its own neighbourhood: otherwise one that nobody lists would have no equation at all,
    and a spike on it would pass for a coordinate.
    """
    if points.shape[1] <= KD_TREE_DIMS:
        found = np.asarray(cKDTree(points).query(points, count)[1]).reshape(len(points), count)
        return _own_first(found)
    squares = np.einsum("ij,ij->i", points, points)
    block = max(1, 20_000_000 // len(points))
    rows = [_nearest_rows(points[i : i + block] @ points.T, squares, i, count) for i in range(0, len(points), block)]
    return np.concatenate(rows)


def _nearest_rows(products: Array, squares: Array, start: int, count: int) -> NDArray[np.intp]:
    distance = squares - 2 * products  # short of |x_i|^2, which is the same along a row
    here = np.arange(len(distance))
    distance[here, start + here] = -np.inf
    found = np.argpartition(distance, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(distance, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _own_first(found: NDArray[np.intp]) -> NDArray[np.intp]:
    """Put each point at the head of its own list; with round-off ties the tree may give it second."""
    own = np.arange(len(found))
    for i in np.flatnonzero(found[:, 0] != own):
        rest = found[i][found[i] != i]
        found[i] = np.r_[i, rest[: found.shape[1] - 1]]
    return found


def graph(points: Array, neighbours: NDArray[np.intp]) -> csr_array:
    """Return the (N, N) sparse matrix of distances from each point to its neighbours."""
    count, width = neighbours.shape
    length = np.linalg.norm(points[neighbours[:, 1:]] - points[:, None], axis=2).ravel()
    ends = np.arange(0, count * (width - 1) + 1, width - 1)
    tiny = np.finfo(float).tiny  # an explicit zero would read as "no edge"
    return csr_array((length + tiny, neighbours[:, 1:].ravel(), ends), shape=(count, count))


def pieces(neighbours: NDArray[np.intp]) -> NDArray[np.intp]:
    """Label the connected pieces of the neighbourhood graph, the largest being 0."""
    count, width = neighbours.shape
    ends = np.arange(0, count * width + 1, width)
    links = csr_array((np.ones(neighbours.size, np.int8), neighbours.ravel(), ends), shape=(count, count))
    _, label = connected_components(links, directed=False)
    order = np.argsort(-np.bincount(label), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[label])
