"""Codes made worse on purpose: each fault does what it says and nothing else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from distoolkit import schema
from distoolkit.contract import ConfigError, DataError, Unit, UnknownNameError
from distoolkit.testing import known_code
from distoolkit.widgets import spoil
from distoolkit.widgets.spoiling import rotate, switch_off


@pytest.fixture
def perfect() -> xr.Dataset:
    return known_code("perfect", "small", 400)


def test_nothing_is_changed_without_a_fault(perfect: xr.Dataset) -> None:
    same = spoil(perfect)
    np.testing.assert_array_equal(same["code"], perfect["code"])
    assert same["latent"].values.tolist() == perfect["latent"].values.tolist()
    np.testing.assert_array_equal(same["factors"], perfect["factors"])


@pytest.mark.parametrize("degrees", [5, 45, 90])
def test_a_rotation_keeps_all_distances(degrees: float) -> None:
    code = np.random.default_rng(0).standard_normal((50, 5)) * [1, 2, 3, 4, 5]
    turned = rotate(code, degrees)
    np.testing.assert_allclose(pdist(turned), pdist(code), atol=1e-12)
    assert np.abs(turned - code).max() > 0.1


def test_a_rotation_turns_one_plane_after_the_other() -> None:
    angle, turns = np.deg2rad(30), np.eye(4)
    for j, k in pairwise(range(4)):
        plane = np.eye(4)
        plane[np.ix_([j, k], [j, k])] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        turns = plane @ turns
    np.testing.assert_allclose(rotate(np.eye(4), 30).T, turns, atol=1e-12)


def test_at_90_degrees_the_units_are_themselves_again_in_another_order() -> None:
    code = np.arange(12.0).reshape(3, 4)
    np.testing.assert_allclose(rotate(code, 90), np.c_[-code[:, 1], -code[:, 2], -code[:, 3], code[:, 0]], atol=1e-12)


def test_noise_is_measured_in_deviations_of_each_unit_and_fixed_by_the_seed(perfect: xr.Dataset) -> None:
    wide = perfect.assign(code=perfect["code"] * [1.0, 10.0, 1.0, 1.0])
    added = spoil(wide, noise=0.5)["code"].values - wide["code"].values
    np.testing.assert_allclose(added.std(axis=0) / wide["code"].values.std(axis=0), 0.5, rtol=0.1)
    assert abs(np.corrcoef(added, rowvar=False)[0, 1]) < 0.2
    assert spoil(wide, noise=0.5).identical(spoil(wide, noise=0.5))
    assert not np.allclose(spoil(wide, noise=0.5, seed=1)["code"], spoil(wide, noise=0.5)["code"])


def test_the_last_units_are_switched_off() -> None:
    code = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(switch_off(code, 2), [[0, 1, 6, 7], [4, 5, 6, 7], [8, 9, 6, 7]])
    np.testing.assert_array_equal(switch_off(code, 0), code)
    assert code[0, 2] == 2  # the one that was given stays as it was


def test_copies_and_noise_units_come_after_the_others_under_names_of_their_own(perfect: xr.Dataset) -> None:
    more = spoil(perfect, copies=2, extra=3, noise=0.3)
    names = more["latent"].values.tolist()
    assert names == ["z0", "z1", "z2", "z3", "z0 copy", "z1 copy", "noise0", "noise1", "noise2"]
    code = more["code"].values
    np.testing.assert_array_equal(code[:, 4:6], code[:, :2])
    np.testing.assert_allclose(code[:, 6:].std(axis=0), code[:, :4].std(axis=0).mean(), rtol=0.15)
    assert np.abs(np.corrcoef(code[:, 6:], code[:, :4], rowvar=False)[:3, 3:]).max() < 0.2
    again = spoil(more, copies=1, extra=1)["latent"].values.tolist()
    assert again[9:] == ["z0 copy'", "noise0'"]


def test_a_unit_is_switched_off_before_it_is_copied(perfect: xr.Dataset) -> None:
    code = spoil(perfect, off=4, copies=4)["code"].values
    np.testing.assert_array_equal(code, np.broadcast_to(code[0], code.shape))


def test_the_scale_multiplies_everything(perfect: xr.Dataset) -> None:
    small, large = spoil(perfect, scale=0.1, noise=0.2, extra=1), spoil(perfect, noise=0.2, extra=1)
    np.testing.assert_allclose(small["code"], 0.1 * large["code"], rtol=1e-6)


def test_it_says_what_was_done_and_drops_what_no_longer_holds() -> None:
    factors = np.arange(20)[:, None] % 4
    whole = schema.as_latents(
        np.random.default_rng(0).standard_normal((20, 3)),
        factors,
        units=[Unit("pair", 2), Unit("one")],
        code_std=np.ones((20, 3)),
        reconstruction_mse=np.ones(20),
    )
    spoilt = spoil(whole, rotation=90)
    schema.check(spoilt, "latents")
    assert set(spoilt.data_vars) == {"code", "factors"}
    assert spoilt["latent"].values.tolist() == ["pair", "one"]  # vectors are reduced first
    assert schema.attribute(spoilt, "damage") == {
        "rotation": 90.0,
        "noise": 0.0,
        "off": 0,
        "copies": 0,
        "extra": 0,
        "scale": 1.0,
    }


def test_faults_that_there_are_not_are_refused(perfect: xr.Dataset) -> None:
    with pytest.raises(UnknownNameError, match="'rotation'"):
        spoil(perfect, rotate=30)
    with pytest.raises(ConfigError, match="noise = -1"):
        spoil(perfect, noise=-1.0)
    with pytest.raises(DataError, match="copies = 5, but this code has 4 units"):
        spoil(perfect, copies=5)
