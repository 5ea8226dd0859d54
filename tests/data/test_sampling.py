"""Correlated factors and combinations held out."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit import schema
from distoolkit.contract import ConfigError, DataError, UnknownNameError
from distoolkit.data import correlate, hold_out


@pytest.fixture(scope="module")
def shapes():
    return dt.load("shapes3d")


def test_held_out_combinations_are_missing_and_nothing_else(shapes):
    train, held = hold_out(shapes, shape="sphere", scale=[6, 7])
    assert held.sizes["sample"] == 480_000 // 4 // 4
    assert train.sizes["sample"] + held.sizes["sample"] == 480_000
    meets = (train["factors"].values[:, 4] == 2) & (train["factors"].values[:, 3] >= 6)
    assert not meets.any()
    assert set(train["factors"].values[:, 4].tolist()) == {0, 1, 2, 3}  # each value alone is still seen
    assert set(held["factors"].values[:, 3].tolist()) == {6, 7}
    assert not train["image"].variable._in_memory


def test_both_sides_load_again_from_their_provenance(shapes):
    part = dt.load("sprites", sample=500)
    for side in hold_out(part, shape="heart", scale=[4, 5]):
        again = dt.load(side.attrs["data"], **schema.attribute(side, "data_options"))
        assert again.identical(side)
    hashes = {side.attrs["data_hash"] for side in (part, *hold_out(part, shape="heart"))}
    assert len(hashes) == 3


def test_a_side_without_images_is_an_error(shapes):
    with pytest.raises(DataError, match="no image is left"):
        hold_out(shapes, shape=[0, 1, 2, 3])


def test_correlated_factors_follow_the_band(shapes):
    band = correlate(shapes, "scale", "orientation", sigma=0.2)
    joint = np.zeros((8, 15))
    np.add.at(joint, tuple(band["factors"].values[:, [3, 5]].T), 1)
    a, b = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 15), indexing="ij")
    expected = 4000 * np.exp(-((a - b) ** 2) / (2 * 0.2**2))  # 4,000 images have each pair of values
    spread = np.sqrt(expected * (1 - expected / 4000)) + 1
    assert np.abs((joint - expected) / spread).max() < 4.5
    others = np.bincount(band["factors"].values[:, 1], minlength=10)
    assert others.std() / others.mean() < 0.02  # the other factors stay uniform
    assert len(set(band["sample"].values.tolist())) == band.sizes["sample"]


def test_a_wide_band_is_a_weak_correlation(shapes):
    def pearson(sigma):
        rows = correlate(shapes, "scale", "orientation", sigma)["factors"].values
        return np.corrcoef(rows[:, 3], rows[:, 5])[0, 1]

    assert pearson(0.1) > 0.9 > pearson(0.2) > pearson(0.4) > pearson(0.7) > 0.1


def test_selections_do_not_depend_on_their_order():
    images = dt.load("sprites", sample=3000)
    first = correlate(hold_out(images, shape=1)[0], "posX", "posY", 0.3, seed=5)
    second = hold_out(correlate(images, "posX", "posY", 0.3, seed=5), shape=1)[0]
    np.testing.assert_array_equal(first["sample"].values, second["sample"].values)
    loaded = dt.load("sprites", sample=3000, without={"shape": 1}, correlate=("posX", "posY", 0.3, 5))
    np.testing.assert_array_equal(loaded["sample"].values, first["sample"].values)
    again = dt.load("sprites", **schema.attribute(loaded, "data_options"))
    assert again.identical(loaded)


def test_the_seed_chooses_which_images_stay(shapes):
    first, again, other = (correlate(shapes, "scale", "shape", seed=s)["sample"].values for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("pair", [("scale", "scale", 0.2), ("scale", "shape", 0), ("scale", "shape", -1), ("scale",)])
def test_correlations_that_make_no_sense_are_refused(pair):
    with pytest.raises(ConfigError, match="correlate"):
        dt.load("shapes3d", correlate=pair)


def test_unknown_factors_get_the_nearest(shapes):
    with pytest.raises(UnknownNameError, match="did you mean 'scale'"):
        correlate(shapes, "scal", "shape")
    with pytest.raises(UnknownNameError, match="no factor 'scal'"):
        hold_out(shapes, scal=1)
    with pytest.raises(UnknownNameError, match="no image has scale"):
        dt.load("shapes3d", only={"scale": 8})


def test_the_same_selection_twice_is_refused(shapes):
    train, _ = hold_out(shapes, shape=1)
    with pytest.raises(DataError, match="without was applied to these images before"):
        hold_out(train, shape=2)


def test_slices_are_refused_since_they_cannot_be_written_down(shapes):
    with pytest.raises(ConfigError, match="give the values as a list"):
        hold_out(shapes, scale=slice(0, 2))


def test_images_without_factors_cannot_be_selected():
    plain = dt.as_images(np.zeros((3, 8, 8), dtype=np.uint8))
    with pytest.raises(UnknownNameError, match="none"):
        hold_out(plain, shape=1)
    with pytest.raises(UnknownNameError, match="none"):
        correlate(plain, "a", "b")


def test_codes_are_held_out_like_images():
    factors = np.random.default_rng(0).integers(0, 3, (90, 2))
    latents = dt.as_latents(np.zeros((90, 4)), factors, ["hue", "size"])
    seen, held = hold_out(latents, hue=1, size=[0, 2])
    assert seen.sizes["sample"] + held.sizes["sample"] == 90
    assert (held["factors"].values[:, 0] == 1).all()
