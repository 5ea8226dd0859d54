"""The door: names, options, provenance."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

import distoolkit as dt
from distoolkit import registry, schema
from distoolkit.contract import ConfigError, DataError, DataSource, UnknownNameError
from distoolkit.data.options import REQUIRED, options_of


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'sprites'"):
        dt.load("sprits")


def test_a_misspelt_option_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="no option of sprites 'sampel'; did you mean 'sample'"):
        dt.load("sprites", sampel=3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 65}, "size = 65 is not allowed: give 64 or 32"),
        ({"size": "64"}, "size = '64' is not allowed"),
        ({"size": 64.0}, "size = 64.0 is not allowed"),
        ({"sample": 1.5}, "sample = 1.5 is not allowed: give a whole number or None"),
        ({"seed": -1}, "seed = -1 is not allowed: give 0 or more"),
        ({"seed": True}, "seed = True is not allowed: give a whole number"),
    ],
)
def test_an_option_of_the_wrong_type_is_refused(given, said):
    with pytest.raises(ConfigError) as caught:
        dt.load("sprites", **given)
    assert said in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigError, match=r"size = 1.*seed = 'x'"):
        dt.load("sprites", size=1, seed="x")


def test_a_required_option_is_asked_for():
    with pytest.raises(ConfigError, match="folder needs path: give a path"):
        dt.load("folder")


def test_options_are_read_off_the_signature():
    options = options_of(registry.find("datasets", "sprites"))
    assert list(options) == ["size", "sample", "seed", "only", "without", "correlate"]
    assert options["size"].choices == (64, 32)
    assert options["sample"].default is None
    assert options_of(registry.find("datasets", "folder"))["path"].default is REQUIRED


@pytest.mark.parametrize("name", ["sprites", "shapes3d", "digits"])
def test_a_sample_is_distinct_and_depends_on_the_seed_alone(name):
    first, again, other = (dt.load(name, sample=40, seed=s) for s in (1, 1, 2))
    assert len(set(first["sample"].values.tolist())) == 40
    np.testing.assert_array_equal(first["sample"].values, again["sample"].values)
    np.testing.assert_array_equal(first["image"].values, again["image"].values)
    assert not np.array_equal(first["sample"].values, other["sample"].values)
    whole = dt.load(name)["image"][first["sample"].values].values
    np.testing.assert_array_equal(first["image"].values, whole)


def test_a_sample_of_all_is_a_shuffle():
    assert sorted(dt.load("digits", sample=1797)["sample"].values.tolist()) == list(range(1797))


@pytest.mark.parametrize("sample", [0, -1, 737281])
def test_a_sample_that_cannot_be_drawn_is_refused(sample):
    with pytest.raises(DataError, match="there are 737280 images"):
        dt.load("sprites", sample=sample)


def test_the_hash_tells_data_apart():
    loads = [{}, {"size": 32}, {"sample": 10}, {"sample": 10, "seed": 1}]
    hashes = [dt.load("sprites", **o).attrs["data_hash"] for o in loads]
    assert len(set(hashes)) == 4
    assert dt.load("sprites", sample=10).attrs["data_hash"] == hashes[2]


def test_name_and_options_in_the_attributes_load_the_same_images_again():
    images = dt.load("digits", sample=np.int64(5), seed=3)
    again = dt.load(images.attrs["data"], **schema.attribute(images, "data_options"))
    assert again.identical(images)
    assert images.attrs["licence"]


def test_a_saved_data_set_opens_as_it_was(tmp_path):
    images = dt.load("shapes3d", sample=6)
    opened = schema.open(schema.save(images, tmp_path / "images.nc"))
    np.testing.assert_array_equal(opened["image"].values, images["image"].values)
    assert opened.attrs == images.attrs


def test_lazy_images_pickle_small():
    images = dt.load("sprites", sample=100)
    copy = pickle.loads(pickle.dumps(images))  # for a worker of a sweep
    assert len(pickle.dumps(images)) < 40_000
    np.testing.assert_array_equal(copy["image"].values, images["image"].values)
    assert copy.sel(shape=0).sizes == images.sel(shape=0).sizes


def test_a_strangers_loader_is_checked_like_ours(tmp_path, monkeypatch):
    def strange(path: str | os.PathLike[str] = tmp_path):
        return "not a Dataset"

    source = DataSource(name="strange", summary="", load=strange)
    monkeypatch.setitem(registry.shared().records["datasets"], "strange", source)
    with pytest.raises(dt.contract.SchemaError, match=r"expected an xarray.Dataset"):
        dt.load("strange")
