"""The Hessian operator of a point cloud: rows that vanish on functions that are linear on the manifold.

Donoho and Grimes (PNAS 2003): on a manifold that is locally isometric to an open connected set of R^d, the null
space of the quadratic form ``H(u) = integral |Hess u|^2`` is spanned by the constant and the d isometric
coordinates. Each neighbourhood gives an estimate of the Hessian in its tangent coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from distoolkit_isometry.neighbours import Array

BLOCK = 4096  # neighbourhoods at a time: a few tens of MB
RIDGE = 0.01
SCALE_LIMITS = (1e-4, 1e2)


def second_order(latents: int) -> int:
    """Return the number of second derivatives of a function of ``latents`` variables."""
    return latents * (latents + 1) // 2


def fewest_neighbours(latents: int) -> int:
    """Return the least size of a neighbourhood, itself included: constant, linear and quadratic terms, and one."""
    return 2 + latents + second_order(latents)


def usual_neighbours(latents: int) -> int:
    """Return a size that is well above the least one: 16, 15, 25, 30 for 1 to 4 latents, then 1.6 times the terms."""
    return {1: 16, 2: 15, 3: 25, 4: 30}.get(latents, round(1.6 * (1 + latents + second_order(latents))))


def penalty(points: Array, neighbours: NDArray[np.intp], latents: int, ridge: float = RIDGE) -> csr_array:
    """Sum the penalties of all neighbourhoods: sparse, symmetric, positive semidefinite, and M 1 = 0.

    With ``1`` the constant, U the tangent coordinates, W an orthonormal basis of the second-order terms beside
    them (the thin QR decomposition of [1, U, products of U]) and h the spread of the tangent coordinates, a
    neighbourhood of k points penalises::

        h^-4 [ (1 - ridge) W W'  +  ridge (I - 1 1'/k - U U') ]

    W takes second differences, which are second derivatives times h^2; the weight turns them into derivatives.
    Without it, wherever the points are sparse a small error counts for much and the code bends.

    Parameters
    ----------
    points
        (N, p).
    neighbours
        (N, k) indices.
    latents
        d, the dimension of the manifold.
    ridge
        0 is the Hessian form of Donoho and Grimes. It leaves third and higher orders free, and where few
        neighbourhoods meet, a spike on a handful of points then costs next to nothing and passes for a coordinate;
        a hundredth on those orders cures it. 1 penalises everything that is not linear: local tangent space
        alignment, which is what scikit-learn computes under the name "hessian".
    """
    rows, spreads = [], []
    for patches in blocks(points, neighbours):
        tangent, singular = tangent_coordinates(patches, latents)
        rows.append(_rows(tangent, ridge))
        spreads.append((singular[:, :latents] ** 2).mean(axis=1))
    return _assemble(np.concatenate(rows), neighbours, _scale_weights(np.concatenate(spreads)), latents, ridge)


def _assemble(rows: Array, neighbours: NDArray[np.intp], scale: Array, latents: int, ridge: float) -> csr_array:
    """Return the sum of A' diag(weights) A and of the ridge's multiple of the identity."""
    count, each, width = rows.shape
    columns = np.repeat(neighbours[:, None], each, axis=1).ravel()
    ends = np.arange(0, count * each * width + 1, width)
    operator = csr_array((rows.ravel(), columns, ends), shape=(count * each, count))
    weighted = operator.copy()
    weighted.data *= np.repeat((scale[:, None] * _row_weights(latents, ridge)).ravel(), width)
    diagonal = ridge * np.bincount(neighbours.ravel(), np.repeat(scale, width), minlength=count)
    return csr_array(operator.T @ weighted + diags_array(diagonal, format="csr"))


def _rows(tangent: Array, ridge: float) -> Array:
    """Return (n, r, k): the second-order rows, then the constant and linear ones that the ridge leaves out."""
    count, width, _ = tangent.shape
    parts = []
    if ridge < 1:
        parts.append(second_order_basis(tangent))
    if ridge > 0:
        parts += [tangent, np.full((count, width, 1), width**-0.5)]
    return np.concatenate(parts, axis=2).transpose(0, 2, 1)


def _row_weights(latents: int, ridge: float) -> Array:
    """Return the weight of each of `_rows`; the ridge is a multiple of the identity less those it leaves out."""
    second = [1 - ridge] * second_order(latents) if ridge < 1 else []
    return np.array(second + ([-ridge] * (latents + 1) if ridge > 0 else []))


def _scale_weights(squared: Array) -> Array:
    """Return h^-4 relative to its median, within limits that keep the matrix well conditioned."""
    typical = np.median(squared)
    return np.clip((typical / np.maximum(squared, 1e-9 * typical)) ** 2, *SCALE_LIMITS)


def blocks(points: Array, neighbours: NDArray[np.intp]) -> Iterator[Array]:
    """Gather the centred neighbourhoods (n, k, p), a block at a time, in double precision."""
    for start in range(0, len(neighbours), BLOCK):
        patches = points[neighbours[start : start + BLOCK]].astype(np.float64)
        yield patches - patches.mean(axis=1, keepdims=True)


def tangent_coordinates(patches: Array, latents: int) -> tuple[Array, Array]:
    """Take the leading left singular vectors of centred neighbourhoods.

    Returns
    -------
    tangent
        (n, k, d) orthonormal columns, orthogonal to the constant: whitened tangent coordinates.
    spread
        (n, min(k, p)) singular values in decreasing order.
    """
    if patches.shape[2] < patches.shape[1]:
        left, spread, _ = np.linalg.svd(patches, full_matrices=False)
        return left[:, :, :latents], spread
    squares, left = np.linalg.eigh(patches @ patches.transpose(0, 2, 1))
    return left[:, :, : -latents - 1 : -1], np.sqrt(np.maximum(squares[:, ::-1], 0))


def second_order_basis(tangent: Array) -> Array:
    """Return (n, k, d(d+1)/2): an orthonormal basis of the products of tangent coordinates, beside 1 and U."""
    first, second = np.triu_indices(tangent.shape[2])
    products = tangent[:, :, first] * tangent[:, :, second]
    products /= np.maximum(np.linalg.norm(products, axis=1, keepdims=True), np.finfo(float).tiny)
    for _ in range(2):  # twice is enough: one pass loses digits where a product is nearly linear
        products -= products.mean(axis=1, keepdims=True)
        products -= tangent @ (tangent.transpose(0, 2, 1) @ products)
    return _orthonormal(products)


def _orthonormal(columns: Array) -> Array:
    """Thin QR of each block; a block of lower rank (points on a lattice) gets zeros for what it lacks."""
    basis, triangle = np.linalg.qr(columns)
    size = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
    for i in np.flatnonzero((size < 1e-8).any(axis=1)):
        left, spread, _ = np.linalg.svd(columns[i], full_matrices=False)
        basis[i] = left * (spread > 1e-8)
    return np.asarray(basis)
