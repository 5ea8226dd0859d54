"""How many dimensions the neighbourhoods have, and how flat they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distoolkit_isometry.hessian import blocks, tangent_coordinates
from distoolkit_isometry.neighbours import Array

MOST = 16  # dimensions that are looked at
NEGLIGIBLE = 1e-3  # share of the variance below which a direction is curvature or noise, whatever its ratios


@dataclass(frozen=True)
class Locality:
    """What the neighbourhoods look like.

    Attributes
    ----------
    spectrum
        (m,) variance along the principal directions of a neighbourhood, as shares; median over all.
    suggested
        The dimension after which the spectrum falls most.
    two_nn
        The two-nearest-neighbours estimate (Facco et al. 2017), which looks at the finest scale and counts noise.
    radius
        Median distance to the farthest neighbour.
    """

    spectrum: Array
    suggested: int
    two_nn: float
    radius: float

    def off_tangent(self, latents: int) -> float:
        """Share of a neighbourhood's variance that lies off its tangent plane: curvature within it, and noise."""
        return float(max(1 - self.spectrum[:latents].sum(), 0.0))


def locality(points: Array, neighbours: NDArray[np.intp]) -> Locality:
    """Measure the neighbourhoods of a point cloud."""
    most = min(MOST, neighbours.shape[1] - 1, points.shape[1])
    spreads = np.concatenate([tangent_coordinates(patches, 1)[1] for patches in blocks(points, neighbours)])
    shares = spreads**2 / (spreads**2).sum(axis=1, keepdims=True)
    spectrum = np.median(shares[:, :most], axis=0)
    first = np.linalg.norm(points[neighbours[:, 1]] - points, axis=1)
    second = np.linalg.norm(points[neighbours[:, 2]] - points, axis=1)
    radius = float(np.median(np.linalg.norm(points[neighbours[:, -1]] - points, axis=1)))
    return Locality(spectrum, _largest_fall(spectrum), _two_nn(first, second), radius)


def _largest_fall(spectrum: Array) -> int:
    """Return the number of directions before the largest ratio of neighbours in the spectrum."""
    padded = np.maximum(np.append(spectrum, 0), NEGLIGIBLE)
    return int(np.argmax(padded[:-1] / padded[1:])) + 1


def _two_nn(first: Array, second: Array) -> float:
    """Maximum likelihood from the ratios of the two nearest distances; NaN on a lattice, where they are equal."""
    total = float(np.log(second / first).sum())
    return len(first) / total if total > 0.01 * len(first) else float("nan")
