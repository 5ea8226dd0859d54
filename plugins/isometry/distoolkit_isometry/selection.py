"""Which points can be solved for: not those that hang on to the others by a thread, or not at all.

The null space of the penalty holds every function that is free somewhere. One point off the manifold is enough: its
own neighbourhood alone knows it, and a spike on it costs nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distoolkit.contract import DataError
from distoolkit_isometry.neighbours import Array, nearest, pieces

Index = NDArray[np.intp]

FAR = 3.0  # neighbourhood radii from its nearest point: such a point is off the manifold
LEAST_SHARE = 0.95  # of the points: a piece that holds it is used alone, smaller ones must be joined
MOST_GROWTH = 4  # times the neighbours asked for, to join pieces
SPIKE = 50.0  # kurtosis of a component that is a spike on few points; a Laplace factor has 6


def connected(points: Array, size: int) -> tuple[Index, Index]:
    """Find neighbourhoods that hang together: without outliers and crumbs, with more neighbours to join larger pieces.

    Returns
    -------
    keep
        (n,) the points that are used.
    neighbours
        (n, k) indices among them.

    Raises
    ------
    DataError
        The points stay in pieces, whatever is done.
    """
    around = nearest(points, size)
    off = outliers(points, around)
    inside = np.flatnonzero(~off)
    points = points[inside]
    for width in range(size, min(MOST_GROWTH * size, len(points) // 2) + 1, max(1, size // 2)):
        if width > size or off.any():
            around = nearest(points, width)
        label = pieces(around)
        sizes = np.bincount(label)
        if len(sizes) == 1:
            return inside, around
        if sizes[0] >= LEAST_SHARE * len(points):
            keep = np.flatnonzero(label == 0)
            return inside[keep], nearest(points[keep], width)
    raise DataError(
        f"the points fall into {len(sizes)} separate pieces of sizes {sizes[:6].tolist()}, even with {width} "
        "neighbours: there is a discrete factor. Fit each piece by itself"
    )


def outliers(points: Array, neighbours: Index) -> NDArray[np.bool_]:
    """Mark points that are much farther from their nearest one than neighbourhoods there are wide."""
    to_nearest = np.linalg.norm(points[neighbours[:, 1]] - points, axis=1)
    radius = np.linalg.norm(points[neighbours[:, -1]] - points, axis=1)
    return np.asarray(to_nearest > FAR * np.median(radius[neighbours[:, 1:]], axis=1))


def spikes(components: Array) -> NDArray[np.bool_]:
    """Mark the points on which a component of variance 1 is a spike; usually there are none."""
    spiked = components[:, (components**4).mean(axis=0) > SPIKE]
    return np.asarray((np.abs(spiked) > 0.5 * np.abs(spiked).max(axis=0, initial=0)).any(axis=1))
