"""Point clouds and images whose factors are known."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]


def roll(count: int, seed: int = 0, copies: int = 1, size: int = 20) -> tuple[Array, Array]:
    """Roll up rectangles of 4 by 3 without stretching them, and turn the product into ``size`` dimensions.

    Each rectangle is bent along an Archimedean spiral, parameterised by arc length.
    """
    generator = np.random.default_rng(seed)
    angle = np.linspace(3, 9, 20_001)
    x, y = 0.2 * angle * np.cos(angle), 0.2 * angle * np.sin(angle)
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    factors, parts = [], []
    for _ in range(copies):
        z = generator.uniform(0, 1, (count, 2)) * [4, 3]
        at = np.interp(z[:, 0], length, angle)
        factors.append(z)
        parts.append(np.stack([0.2 * at * np.cos(at), 0.2 * at * np.sin(at), z[:, 1]], axis=1))
    turn, _ = np.linalg.qr(generator.standard_normal((size, 3 * copies)))
    return np.hstack(parts) @ turn.T, np.hstack(factors)


def matched(factors: Array, code: Array) -> Array:
    """Absolute correlation of each factor with the column assigned to it."""
    width = factors.shape[1]
    correlation = np.abs(np.corrcoef(factors.T, code.T)[:width, width:])
    row, column = linear_sum_assignment(-correlation)
    return np.asarray(correlation[row, column])


def affine_r2(factors: Array, code: Array) -> Array:
    """Share of each factor's variance that an affine function of the code explains."""
    design = np.column_stack([np.ones(len(code)), code])
    rest = factors - design @ np.linalg.lstsq(design, factors, rcond=None)[0]
    return np.asarray(1 - rest.var(axis=0) / factors.var(axis=0))


@pytest.fixture
def make_roll() -> Callable[..., tuple[Array, Array]]:
    return roll


@pytest.fixture
def match() -> Callable[[Array, Array], Array]:
    return matched


@pytest.fixture
def r2() -> Callable[[Array, Array], Array]:
    return affine_r2
