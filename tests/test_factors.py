"""Selecting images by the values of their factors, with xarray's ``sel``."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import distoolkit as dt
from distoolkit import schema
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.factors import by_factor


@pytest.fixture(scope="module")
def sprites():
    return dt.load("sprites", sample=2000)


def test_several_conditions_hold_at_once(sprites):
    found = sprites.sel(shape=2, scale=[0, 3], posX=slice(4, 9))
    rows = sprites["factors"].values
    keep = (rows[:, 0] == 2) & np.isin(rows[:, 1], [0, 3]) & (rows[:, 3] >= 4) & (rows[:, 3] <= 9)
    assert 5 < keep.sum() < 200
    np.testing.assert_array_equal(found["sample"].values, sprites["sample"].values[keep])
    np.testing.assert_array_equal(found["factors"].values, rows[keep])


def test_selection_reads_no_picture():
    images = dt.load("shapes3d").sel(shape=3, scale=7)
    assert not images["image"].variable._in_memory
    assert images.sizes["sample"] == 480000 // 32


def test_values_go_by_name_where_they_have_one(sprites):
    hearts = sprites.sel(shape="heart")
    assert hearts.identical(sprites.sel(shape=[2]))
    assert sprites.sel(shape=["square", "heart"]).sizes["sample"] == (sprites["factors"].values[:, 0] != 1).sum()


def test_a_selection_can_be_selected_again(sprites):
    assert sprites.sel(shape=1).sel(scale=2).identical(sprites.sel(shape=1, scale=2))
    assert sprites.sel(shape=1).isel(sample=slice(3)).sel(shape=1).sizes["sample"] == 3


def test_a_value_that_no_image_has_is_an_error(sprites):
    with pytest.raises(UnknownNameError, match=r"no image has scale = \[6\]; there are \[0, 1, 2, 3, 4, 5\]"):
        sprites.sel(scale=6)
    with pytest.raises(UnknownNameError, match="square, ellipse, heart"):
        sprites.sel(shape="star")


def test_a_slice_with_a_step_is_refused(sprites):
    with pytest.raises(DataError, match="no step"):
        sprites.sel(posX=slice(0, 10, 2))


def test_the_sample_number_still_selects(sprites):
    number = int(sprites["sample"][7])
    np.testing.assert_array_equal(sprites.sel(sample=number)["factors"].values, sprites["factors"].values[7])


def test_one_image_keeps_its_factor_values_and_no_index(sprites):
    one = sprites.isel(sample=4)
    assert int(one["shape"]) == sprites["factors"].values[4, 0]


def test_images_from_anywhere_and_names_that_are_taken(tiny_images):
    images = tiny_images  # its factors are size, x and y; x and y are axes of the pictures
    assert {"size"} == {n for n in images.coords if images[n].dims == ("sample",)} - {"sample"}
    assert images.sel(size=1).sizes["sample"] == 24


def test_images_without_factors_are_returned_as_they_are():
    images = dt.as_images(np.zeros((3, 8, 8), dtype=np.uint8))
    assert by_factor(images) is images


@pytest.mark.parametrize("name", ["part.nc", "part.zarr"])
def test_after_saving_the_index_comes_back(sprites, tmp_path, name):
    part = sprites.isel(sample=slice(50))
    again = schema.open(schema.save(part, tmp_path / name))
    assert again.identical(part)
    assert again.sel(shape="heart", scale=slice(0, 3)).identical(part.sel(shape="heart", scale=slice(0, 3)))


def test_codes_are_selected_like_images():
    factors = np.random.default_rng(0).integers(0, 3, (30, 2))
    latents = dt.as_latents(np.zeros((30, 4)), factors, ["hue", "size"])
    assert latents.sel(hue=1, size=[0, 2]).sizes["sample"] == ((factors[:, 0] == 1) & (factors[:, 1] != 1)).sum()


def test_pieces_can_be_put_together_again(sprites):
    part = sprites.isel(sample=slice(60))
    pieces = [part.isel(sample=slice(20)), part.isel(sample=slice(20, 60))]
    whole = xr.concat(pieces, "sample", data_vars="minimal", coords="minimal")
    assert whole.identical(part)
    assert whole.sel(shape=0).identical(part.sel(shape=0))


def test_data_sets_with_the_same_samples_can_be_merged(sprites):
    part = sprites.isel(sample=slice(9))
    extra = xr.Dataset({"score": ("sample", np.arange(9.0))}, coords=part[["factors"]].coords)
    assert xr.merge([part, extra]).sel(shape=0)["score"].dtype == float
