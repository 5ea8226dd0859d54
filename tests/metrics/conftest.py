"""The reference values, and the codes that they were measured on."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from distoolkit.metrics.table import Points
from distoolkit.testing import codes

DSPRITES = np.array(codes.GRIDS["dsprites"])
TRAIN, TEST = 10_000, 5_000


@pytest.fixture(scope="session")
def reference() -> dict:
    """What other implementations give; reference.json says which and how."""
    return json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))


@cache
def reference_points(name: str) -> tuple[Points, Points]:
    """Training and test points of the reference, in its order and in float64."""
    train = codes.draw_factors(codes.GRIDS["dsprites"], TRAIN)
    test = codes.draw_factors(codes.GRIDS["dsprites"], TEST, skip=TRAIN)
    make = codes.CODES[name]
    return Points(make(train, DSPRITES), train), Points(make(test, DSPRITES), test)


@pytest.fixture(scope="session")
def points():
    """Give ``points(name) -> (train, test)``."""
    return reference_points


@cache
def _grid(name: str):
    return codes.known_code(name, "dsprites")


@pytest.fixture(scope="session")
def whole_grid():
    """Give ``whole_grid(name)``: the latents of all 737,280 combinations of the dSprites grid."""
    return _grid


SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")
