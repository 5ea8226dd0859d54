"""The isometry plugin's negative controls: each breaks one assumption, and `hessian_ica` has to say so.

The value of a row is the share of the data seeds on which every expected doubt was raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.isometry import SEEDS, Array, matched, roll, solve, worst_r2
from bench.measure import Row


@dataclass(frozen=True)
class Control:
    """Data that break an assumption.

    Attributes
    ----------
    draw
        From a seed to points (N, D) and true factors (N, d).
    doubts
        Words of the doubts that have to be raised.
    """

    draw: Callable[[int], tuple[Array, Array]]
    doubts: tuple[str, ...]


def rows() -> Iterator[Row]:
    """Solve each control on five seeds; the note tells how good the code was."""
    for name, control in CONTROLS.items():
        warned, worst, affine = 0, [], []
        for seed in range(SEEDS):
            points, factors = control.draw(seed)
            found = solve(points, factors.shape[1])
            warned += all(any(words in doubt for doubt in found.doubts) for words in control.doubts)
            worst.append(matched(factors[found.index], found.code).min())
            affine.append(worst_r2(factors[found.index], found.code))
        note = (
            f"worst factor {min(worst):.3f} to {max(worst):.3f}, worst affine R2 {min(affine):.3f} to {max(affine):.3f}"
        )
        yield Row(f"{name}: {', '.join(control.doubts)}", warned / SEEDS, "of the seeds", 1.0, True, note)


def gaussian_factors(seed: int) -> tuple[Array, Array]:
    """A small blob whose place is Gaussian."""
    z = 1.4 * np.random.default_rng(seed).standard_normal((2000, 2))
    return blob(z[:, 0], z[:, 1]), z


def narrow_factor(seed: int) -> tuple[Array, Array]:
    """A blob that moves by 12 pixels, and whose width changes by a fifth of one."""
    generator = np.random.default_rng(seed)
    z = generator.uniform([-6, -6, 2.65], [6, 6, 2.85], (2000, 3))
    return blob(z[:, 0], z[:, 1], z[:, 2], side=36), z


def factors_on_a_grid(seed: int) -> tuple[Array, Array]:
    """A small blob at whole pixels: 121 places for 2000 images."""
    z = np.random.default_rng(seed).integers(-5, 6, (2000, 2)).astype(np.float64)
    return blob(z[:, 0], z[:, 1]), z


def closed_factor(seed: int) -> tuple[Array, Array]:
    """A small blob that goes round a circle."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, 2000)
    return blob(5 * np.cos(angle), 5 * np.sin(angle)), angle[:, None]


def place_and_brightness(seed: int) -> tuple[Array, Array]:
    """A blob of which a step changes more pixels, the brighter it is."""
    z = np.random.default_rng(seed).uniform([-8, 0.3], [8, 1], (2500, 2))
    return z[:, 1:] * blob(z[:, 0], 0 * z[:, 0], side=32), z


def angle_and_radius(seed: int) -> tuple[Array, Array]:
    """A blob whose place is told in polar coordinates: a turn takes it farther, the farther out it is."""
    z = np.random.default_rng(seed).uniform([0, 1.5], [0.9 * np.pi, 7], (2500, 2))
    return blob(z[:, 1] * np.cos(z[:, 0]), z[:, 1] * np.sin(z[:, 0]) - 4, 1.5, side=28), z


def dependent_factors(seed: int) -> tuple[Array, Array]:
    """A blob whose places across and down are never more than 4 pixels apart."""
    z = np.random.default_rng(seed).uniform(-5, 5, (8000, 2))
    z = z[np.abs(z[:, 0] - z[:, 1]) < 4][:2500]
    return blob(z[:, 0], z[:, 1]), z


def hard_edges(seed: int) -> tuple[Array, Array]:
    """A black and white square: nothing changes until an edge reaches the next pixel."""
    z = np.random.default_rng(seed).uniform(-4, 4, (2500, 2))
    at = np.arange(24) - 11.5
    across, down = (np.abs(at - z[:, [i]]) < 3 for i in (0, 1))
    return (down[:, :, None] & across[:, None, :]).reshape(len(z), -1).astype(np.float64), z


def noise(seed: int) -> tuple[Array, Array]:
    """A rolled-up sheet with noise as large as its points are apart."""
    points, z = roll(2000, seed)
    return points + 0.05 * np.random.default_rng(seed).standard_normal(points.shape), z


def blob(x: Array, y: Array, width: Array | float = 1.3, side: int = 24) -> Array:
    """Return (N, side * side): a Gaussian blob for each place, counted in pixels from the middle."""
    at = np.arange(side) + 0.5 - side / 2
    scale = 2 * np.reshape(width, (-1, 1)) ** 2
    across, down = np.exp(-((at - x[:, None]) ** 2) / scale), np.exp(-((at - y[:, None]) ** 2) / scale)
    return np.asarray((down[:, :, None] * across[:, None, :]).reshape(len(x), -1))


CONTROLS = {
    "Gaussian factors": Control(gaussian_factors, ("look Gaussian",)),
    "narrow factor": Control(narrow_factor, ("eigengap", "not independent")),
    "factors on a grid": Control(factors_on_a_grid, ("exact duplicates",)),
    "closed factor": Control(closed_factor, ("eigengap",)),
    "place and brightness": Control(place_and_brightness, ("not independent",)),
    "angle and radius": Control(angle_and_radius, ("not independent",)),
    "dependent factors": Control(dependent_factors, ("not independent",)),
    "hard edges": Control(hard_edges, ("exact duplicates", "off its tangent plane")),
    "noise": Control(noise, ("off its tangent plane", "eigengap")),
}
