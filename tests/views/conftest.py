"""Small Datasets of every kind, whose numbers can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from distoolkit import schema


@pytest.fixture
def latents(tiny_images: xr.Dataset) -> xr.Dataset:
    """Codes of the 48 tiny images: z0 is x, z1 is y (slightly noisy), z2 is noise, the unit `style` has two entries."""
    factors = tiny_images["factors"].values
    noise = np.random.default_rng(0).normal(0, 0.1, (48, 5))
    code = noise.copy()
    code[:, 0] = factors[:, 1]
    code[:, 1] += factors[:, 2]
    units = [schema.Unit("z0"), schema.Unit("z1"), schema.Unit("z2"), schema.Unit("style", 2)]
    made = schema.as_latents(
        code,
        factors,
        ["size", "x", "y"],
        units,
        factor_kinds=["categorical", "ordered", "circular"],
        name="tiny",
    )
    return schema.stamp(made, "latents", method="hand_made", seed=3, config={"latents": 5})


@pytest.fixture
def traversal() -> xr.Dataset:
    """Three units, five steps; the grey level of every image is 50 * unit + step."""
    level = 50 * np.arange(3)[:, None] + np.arange(5)
    image = np.broadcast_to(level[:, :, None, None, None], (3, 5, 8, 8, 1)).astype(np.uint8)
    made = xr.Dataset(
        {"image": (("unit", "step", "y", "x", "channel"), image)},
        coords={"unit": ["z0", "z1", "z2"], "value": ("step", [-2.0, -1.0, 0.0, 1.0, 2.0])},
    )
    return schema.stamp(made, "traversal", method="hand_made", seed=3)


@pytest.fixture
def scores() -> xr.Dataset:
    """Two scores and a 2x3 matrix."""
    made = xr.Dataset(
        {
            "score": ("metric", [0.25, 0.04]),
            "mutual_information": (("factor", "unit"), [[0.9, 0.1, 0.0], [0.0, 0.2, 0.7]]),
            "importance": (("unit", "factor"), [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]),
        },
        coords={
            "metric": ["mig", "mse"],
            "higher_is_better": ("metric", [True, False]),
            "factor": ["shape", "x"],
            "unit": ["z0", "z1", "z2"],
        },
    )
    return schema.stamp(made, "scores", method="hand_made", seed=3)


@pytest.fixture
def history() -> xr.Dataset:
    """Ten steps in two stages; `kl` is reported in the second stage only."""
    made = xr.Dataset(
        {"loss": ("step", np.linspace(10, 1, 10)), "kl": ("step", [np.nan] * 4 + [0.5] * 6)},
        coords={
            "step": np.arange(10),
            "stage": ("step", ["warm"] * 4 + ["train"] * 6),
            "seconds": ("step", np.arange(10) / 10),
        },
    )
    return schema.stamp(made, "history", method="hand_made", seed=3)
