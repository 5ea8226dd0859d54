"""Codes whose scores are known or easily reasoned about, as latent Datasets. Nothing here is random at run time.

The factor rows come from `numpy.random.RandomState`, the noise from a hash of the factor row, so that the same
representation can be rebuilt anywhere, bit for bit, and a metric compared with another implementation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.config import unknown
from distoolkit.contract import Unit, UnknownNameError

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

GRIDS: dict[str, tuple[int, ...]] = {
    "tiny": (2, 3, 4),
    "small": (3, 4, 5, 6),
    "dsprites": (3, 6, 40, 32, 32),
    "shapes3d": (10, 10, 10, 8, 4, 15),
}
"""Number of values of each factor: two small grids, and those of dSprites and 3D Shapes."""


def known_code(name: str, grid: str = "small", count: int = 0, *, skip: int = 0) -> xr.Dataset:
    """Make one of the known codes.

    Parameters
    ----------
    name
        One of `CODES`.
    grid
        One of `GRIDS`.
    count
        Number of factor rows, drawn with replacement; 0 for the whole grid, each combination once.
    skip
        Number of rows that are drawn before and thrown away.

    Returns
    -------
    Latents with factors.
    """
    for what, given, there in (("known code", name, CODES), ("factor grid", grid, GRIDS)):
        if given not in there:
            raise UnknownNameError(unknown(what, given, there))
    sizes = GRIDS[grid]
    factors = draw_factors(sizes, count, skip=skip) if count else whole_grid(sizes)
    if name == "single_factor":
        factors, sizes = factors[:, -1:], sizes[-1:]
    units = [f"pair{k}" for k in range(len(sizes))] if name == "vector" else None
    code = CODES[name](factors, np.asarray(sizes))
    layout = [Unit(unit, 2) for unit in units] if units else None
    return schema.as_latents(code, factors, units=layout, factor_sizes=sizes, name=f"{name} code of the {grid} grid")


def draw_factors(sizes: tuple[int, ...], count: int, *, skip: int = 0, seed: int = 0) -> Ints:
    """Draw factor rows uniformly with replacement, column by column: ``skip`` rows, then the ``count`` returned."""
    generator = np.random.RandomState(seed)
    tables = [np.stack([generator.randint(n, size=rows) for n in sizes], axis=1) for rows in (skip, count) if rows]
    return tables[-1].astype(np.int64)


def whole_grid(sizes: tuple[int, ...]) -> Ints:
    """Return every combination of factor values once, the last factor running fastest."""
    return np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1).astype(np.int64)


def noise(factors: Ints, sizes: Ints, column: int) -> Floats:
    """Hash factor rows (splitmix64) into a column of uniform noise with mean 0 and variance 1."""
    row = np.ravel_multi_index(tuple(factors.T), tuple(sizes)).astype(np.uint64)
    x = row * np.uint64(64) + np.uint64(column) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return np.asarray(np.sqrt(12) * ((x >> np.uint64(11)).astype(np.float64) * 2.0**-53 - 0.5))


def perfect(factors: Ints, sizes: Ints) -> Floats:
    """Each unit is one factor, scaled to [-1, 1]."""
    return 2 * factors / (sizes - 1) - 1


def permuted(factors: Ints, sizes: Ints) -> Floats:
    """The perfect code with its units in another order, every second one upside down."""
    return np.roll(perfect(factors, sizes), -2, axis=1) * _signs(len(sizes))


def permuted_noisy(factors: Ints, sizes: Ints) -> Floats:
    """The permuted code plus noise of standard deviation 0.25."""
    return permuted(factors, sizes) + 0.25 * _noises(factors, sizes, len(sizes))


def noisy(factors: Ints, sizes: Ints) -> Floats:
    """The perfect code plus noise of standard deviation 0.5."""
    return perfect(factors, sizes) + 0.5 * _noises(factors, sizes, len(sizes))


def rotated(factors: Ints, sizes: Ints) -> Floats:
    """Rotate the perfect code by 30 degrees in one plane after the other."""
    code = perfect(factors, sizes)
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    for k in range(len(sizes) - 1):
        code[:, k], code[:, k + 1] = c * code[:, k] - s * code[:, k + 1], s * code[:, k] + c * code[:, k + 1]
    return code


def duplicated(factors: Ints, sizes: Ints) -> Floats:
    """The perfect code, and once more at half the size."""
    code = perfect(factors, sizes)
    return np.concatenate([code, 0.5 * code], axis=1)


def constant(factors: Ints, sizes: Ints) -> Floats:
    """The perfect code and one unit that never changes."""
    return np.concatenate([perfect(factors, sizes), np.full((len(factors), 1), 0.3)], axis=1)


def partly_inactive(factors: Ints, sizes: Ints) -> Floats:
    """Ten units: the factors with noise of 0.1, the last mixed with the first; the others noise of 0.01."""
    code = perfect(factors, sizes)
    code[:, -1] = 0.5 * code[:, -1] + 0.5 * code[:, 0]
    code += 0.1 * _noises(factors, sizes, len(sizes))
    idle = [0.01 * noise(factors, sizes, j) for j in range(len(sizes), 10)]
    return np.concatenate([code, np.stack(idle, axis=1)], axis=1)


def single_latent(factors: Ints, sizes: Ints) -> Floats:
    """One unit, which is the last factor."""
    return perfect(factors, sizes)[:, -1:]


def random(factors: Ints, sizes: Ints) -> Floats:
    """Ten units of noise."""
    return _noises(factors, sizes, 10)


def vector(factors: Ints, sizes: Ints) -> Floats:
    """Units of two entries: each factor along a slanted line in its plane."""
    code = perfect(factors, sizes)
    return np.stack([0.8 * code, -0.6 * code], axis=2).reshape(len(code), -1)


def _noises(factors: Ints, sizes: Ints, width: int) -> Floats:
    return np.stack([noise(factors, sizes, j) for j in range(width)], axis=1)


def _signs(width: int) -> Floats:
    return np.where(np.arange(width) % 2, -1.0, 1.0)


CODES: dict[str, Callable[[Ints, Ints], Floats]] = {
    "perfect": perfect,
    "permuted": permuted,
    "permuted_noisy": permuted_noisy,
    "noisy": noisy,
    "rotated": rotated,
    "duplicated": duplicated,
    "constant": constant,
    "partly_inactive": partly_inactive,
    "single_latent": single_latent,
    "single_factor": perfect,
    "random": random,
    "vector": vector,
}
"""Name -> ``(factors, sizes) -> code``, each documented where it is defined."""
