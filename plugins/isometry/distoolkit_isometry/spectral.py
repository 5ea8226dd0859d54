"""Hessian eigenmaps and ICA, from points to a code with its doubts. The algorithm box of the method."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from distoolkit.contract import DataError
from distoolkit_isometry import doubts as doubt
from distoolkit_isometry.dimension import Locality, locality
from distoolkit_isometry.hessian import RIDGE, fewest_neighbours, penalty, usual_neighbours
from distoolkit_isometry.ica import Independent, independent
from distoolkit_isometry.neighbours import Array, Subspace, distinct, graph, principal_subspace
from distoolkit_isometry.nullspace import NullSpace, null_space
from distoolkit_isometry.selection import Index, connected, spikes

EDGES = 100_000  # neighbour pairs that the units are fitted on
ROUNDS = 6  # of leaving out points that carry a spike


@dataclass(frozen=True)
class Solution:
    """A code that is linear in the factors where the assumptions hold, and what speaks for and against them.

    Attributes
    ----------
    index
        (n,) which of the given points were used: no duplicates, one connected piece.
    points
        (n, p) their coordinates in the principal subspace.
    neighbours
        (n, k) indices into ``points``, each point itself first.
    code
        (n, d) one column a factor, in the order of decreasing length.
    scale
        (d,) standard deviation of each column: the length of the factor in the distance of the points, if the
        units were restored, else 1.
    subspace, locality, null, ica
        What the steps found.
    doubts
        One sentence for each assumption that looks broken; empty is good.
    """

    index: Index
    points: Array
    neighbours: Index
    code: Array
    scale: Array
    subspace: Subspace
    locality: Locality
    null: NullSpace
    ica: Independent
    doubts: tuple[str, ...]


def hessian_ica(
    points: Array,
    latents: int,
    *,
    neighbours: int = 0,
    ridge: float = RIDGE,
    components: int = 64,
    contrast: str = "cumulants",
    restarts: int = 8,
    scale: str = "isometric",
    seed: int = 0,
) -> Solution:
    """Recover independent factors from points on a manifold that is locally isometric to them.

    Horan, Richardson and Weiss (NeurIPS 2021): local isometry together with non-Gaussian factors is enough. It is
    enough, too, that the metric is *constant* in the factors (each may have its own unit of length).

    Parameters
    ----------
    points
        (N, D): pixels, or the features of any model.
    latents
        d, the number of factors.
    neighbours
        Size of a neighbourhood, the point itself included; 0 takes the usual one for d.
    ridge
        Share of the weight on third and higher orders; see `distoolkit_isometry.hessian.penalty`.
    components
        The most principal components to keep; distances are taken in them.
    contrast, restarts
        See `distoolkit_isometry.ica.independent`.
    scale
        ``"isometric"`` restores each factor's length in the distance of the points, ``"unit"`` leaves variance 1.
    seed
        Of the ICA starts and the random starts of the linear algebra.

    Warns
    -----
    IsometryWarning
        For each entry of ``doubts``.

    Raises
    ------
    DataError
        Values that are not finite, too few points, or points that fall into separate pieces.
    """
    _check(points)
    given, size = len(points), neighbours or usual_neighbours(latents)
    first, _ = distinct(points)
    _check_counts(given, len(first), latents, size)
    if len(first) < len(points):
        points = points[first]
    subspace = principal_subspace(points, components, seed)
    if subspace.basis.shape[1] < latents:
        raise DataError(
            f"{latents} latents, but the points span only {subspace.basis.shape[1]} dimensions: ask for fewer latents"
        )
    coordinates = subspace.project(points).astype(np.float64)
    keep, around, null, ica = _solve(coordinates, size, latents, ridge, contrast, restarts, seed)
    coordinates = coordinates[keep]
    local = locality(coordinates, around)
    code = null.coordinates @ ica.rotation
    lengths = edge_scale(coordinates, around, code)
    order, signs = np.argsort(-lengths), _signs(code)
    units = lengths if scale == "isometric" else np.ones(latents)
    code = (code * signs * units)[:, order]
    found = Solution(
        first[keep], coordinates, around, code, units[order], subspace, local, null, _reordered(ica, order, signs), ()
    )
    return _with_doubts(found, given, len(first), size)


def _solve(
    points: Array, size: int, latents: int, ridge: float, contrast: str, restarts: int, seed: int
) -> tuple[Index, Index, NullSpace, Independent]:
    """Solve, leave out the points on which a component is a spike, and solve again until there is none.

    Returns
    -------
    keep, neighbours
        As in `connected`.
    null, ica
        Of the points that were kept.
    """
    keep, around = connected(points, size)
    for attempt in range(ROUNDS):
        chosen = points[keep]
        null = null_space(penalty(chosen, around, latents, ridge), graph(chosen, around), latents, seed)
        ica = independent(null.coordinates, contrast, restarts, seed)
        loose = spikes(null.coordinates @ ica.rotation)
        if not loose.any() or attempt == ROUNDS - 1:
            break
        held, around = connected(chosen[~loose], size)
        keep = keep[~loose][held]
    return keep, around, null, ica


def edge_scale(points: Array, neighbours: Index, code: Array) -> Array:
    """Return (d,) the factor by which each column of a code must be stretched to measure distances of the points.

    Least squares of squared distance on squared code differences over neighbour pairs, with non-negative weights.
    """
    count, width = neighbours.shape
    start, end = np.repeat(np.arange(count), width - 1), neighbours[:, 1:].ravel()
    if len(start) > EDGES:
        some = np.random.default_rng(0).choice(len(start), EDGES, replace=False)
        start, end = start[some], end[some]
    squared = ((points[start] - points[end]) ** 2).sum(axis=1)
    steps = (code[start] - code[end]) ** 2
    orthogonal, triangle = np.linalg.qr(steps)
    weights, _ = nnls(triangle, orthogonal.T @ squared)
    common = float(steps.sum(axis=1) @ squared / (steps.sum(axis=1) ** 2).sum())
    return np.sqrt(np.where(weights > 0, weights, common))


def _check(points: Array) -> None:
    if points.ndim != 2 or 0 in points.shape:
        raise DataError(f"points have shape {points.shape}; give (N, D)")
    if not np.isfinite(np.vdot(points, points)):
        raise DataError(f"{int((~np.isfinite(points)).any(axis=1).sum())} of {len(points)} points hold NaN or infinity")


def _check_counts(given: int, different: int, latents: int, size: int) -> None:
    if different == 1:
        raise DataError(f"all {given} points are equal: there is nothing that varies")
    least = fewest_neighbours(latents)
    if size < least:
        raise DataError(
            f"neighbours = {size} is too few for {latents} latents: the second-order terms need at least {least}; "
            f"{usual_neighbours(latents)} is usual, 0 chooses it"
        )
    if different < 2 * size:
        raise DataError(
            f"{different} different points (of {given}) are too few for neighbourhoods of {size}: give at least "
            f"{2 * size}, or ask for fewer latents"
        )


def _signs(code: Array) -> Array:
    """Give each column the sign that makes its third moment positive, so that repeated fits agree."""
    return np.where((code**3).sum(axis=0) < 0, -1.0, 1.0)


def _reordered(ica: Independent, order: Index, signs: Array) -> Independent:
    return Independent((ica.rotation * signs)[:, order], ica.negentropy[order], ica.threshold, ica.agreement)


def _with_doubts(found: Solution, given: int, different: int, size: int) -> Solution:
    latents = found.code.shape[1]
    sentences = (
        doubt.duplicates(given, different),
        doubt.dropped(different, len(found.index)),
        doubt.joined(size, found.neighbours.shape[1]),
        doubt.dimension(found.locality, latents),
        doubt.curvature(found.locality, latents),
        doubt.gap(found.null),
        doubt.spiked(int(spikes(found.code / found.code.std(axis=0)).sum())),
        doubt.gaussian(found.ica),
        doubt.dependence(found.code),
    )
    said = tuple(s for s in sentences if s)
    for sentence in said:
        warnings.warn(sentence, doubt.IsometryWarning, stacklevel=3)
    return Solution(**{**vars(found), "doubts": said})
