"""The Datasets that travel: what the makers refuse, what check reports, and that files hold what was saved."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import distoolkit as dt
from distoolkit import schema
from distoolkit.contract import DataError, SchemaError

RANDOM = np.random.default_rng(0)


def latents(**extra) -> xr.Dataset:
    units = [dt.Unit("content", 3), dt.Unit("style", 2)]
    return dt.as_latents(RANDOM.normal(size=(20, 5)), RANDOM.integers(0, 3, (20, 2)), ["shape", "size"], units, **extra)


def test_images_carry_factors_with_sizes_and_kinds(tiny_images):
    assert tiny_images["image"].dtype == np.uint8
    assert tiny_images["factor_size"].values.tolist() == [2, 4, 6]
    assert set(tiny_images["factor_kind"].values) == {"ordered"}
    assert tiny_images.attrs["kind"] == "images"


def test_float_images_are_scaled_to_bytes():
    images = dt.as_images(np.array([[[0.0, 1.0], [0.5, 0.25]]]))
    assert images["image"].values.ravel().tolist() == [0, 255, 128, 64]
    assert images["image"].dims == ("sample", "y", "x", "channel")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"shape \(4, 4\)"),
        (np.zeros((0, 4, 4), np.uint8), r"no images: the shape is \(0, 4, 4, 1\)"),
        ([np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)], r"not of one size: \[\(4, 4\), \(5, 4\)\]"),
        (np.zeros((2, 3, 4, 4), np.uint8), "4 channels"),
        (np.zeros((2, 4, 4), np.int64), "dtype int64"),
        (np.full((2, 4, 4), np.nan), "2 images hold NaN"),
        (np.full((2, 4, 4), 255.0), "range from 255 to 255"),
    ],
)
def test_images_that_cannot_be_used_are_refused(array, message):
    with pytest.raises(DataError, match=message):
        dt.as_images(array)


@pytest.mark.parametrize(
    ("factors", "options", "message"),
    [
        (np.zeros((3, 1), int), {}, r"shape \(3, 1\).*\(2, factor\)"),
        (np.zeros((2, 1)), {}, "dtype float64"),
        (np.full((2, 1), -1), {}, "hold -1"),
        (np.zeros((2, 1), int), {"factor_names": ["a", "b"]}, "2 factor names for 1"),
        (np.zeros((2, 2), int), {"factor_names": ["a", "a"]}, "repeat"),
        (np.ones((2, 1), int), {"factor_sizes": [1]}, r"reach \[1\] but the sizes are \[1\]"),
        (np.zeros((2, 1), int), {"factor_kinds": ["round"]}, "round"),
    ],
)
def test_factors_that_do_not_fit_are_refused(factors, options, message):
    with pytest.raises(DataError, match=message):
        dt.as_images(np.zeros((2, 4, 4), np.uint8), factors, **options)


def test_codes_name_their_units():
    ours = latents()
    assert ours["latent"].values.tolist() == ["content.0", "content.1", "content.2", "style.0", "style.1"]
    assert schema.units(ours) == ["content", "style"]
    assert schema.units(dt.as_latents(np.zeros((2, 3)))) == ["z0", "z1", "z2"]


@pytest.mark.parametrize(
    ("code", "units", "message"),
    [
        (np.zeros(3), None, r"shape \(3,\)"),
        (np.array([[np.nan], [1.0]]), None, "1 of 2 codes"),
        (np.zeros((2, 3)), ["a", "b"], "2 entries but the code has 3"),
        (np.zeros((2, 2)), ["a", "a"], "repeat"),
    ],
)
def test_codes_that_cannot_be_used_are_refused(code, units, message):
    with pytest.raises(DataError, match=message):
        dt.as_latents(code, units=units)


def test_check_reports_every_fault_at_once():
    broken = latents().drop_vars("unit").assign_attrs(flag=True)
    broken["code"] = broken["code"] * np.nan
    with pytest.raises(SchemaError) as caught:
        schema.check(broken)
    for fault in ("coordinate unit", "'flag' is bool", "code holds NaN"):
        assert fault in str(caught.value)


def test_check_refuses_another_version_another_kind_and_no_dataset():
    ours = latents()
    with pytest.raises(SchemaError, match="schema 'distoolkit/0'"):
        schema.check(ours.assign_attrs(schema="distoolkit/0"))
    with pytest.raises(SchemaError, match="kind 'latents', expected 'images'"):
        schema.check(ours, "images")
    with pytest.raises(SchemaError, match="given ndarray"):
        schema.check(np.zeros(3))


def test_stamp_keeps_what_netcdf_cannot_hold():
    stamped = schema.stamp(latents(), "latents", config={"beta": 4, "deep": None}, seed=3, nothing=None)
    assert stamped.attrs["seed"] == 3
    assert "nothing" not in stamped.attrs
    assert schema.attribute(stamped, "config") == {"beta": 4, "deep": None}
    assert schema.attribute(stamped, "seed") == 3
    assert schema.attribute(stamped, "absent", "default") == "default"


@pytest.mark.parametrize("name", ["x.nc", "x.zarr"])
def test_what_is_saved_comes_back_identical_and_replaces_the_old(tmp_path, name, tiny_images):
    for dataset in (latents(code_std=np.ones((20, 5))), tiny_images):
        path = schema.save(dataset, tmp_path / name)
        assert schema.open(path).identical(dataset)
        assert [p.name for p in tmp_path.iterdir()] == [name]


def test_open_explains_what_it_cannot_read(tmp_path):
    with pytest.raises(SchemaError, match="there is no"):
        schema.open(tmp_path / "absent.nc")
    (tmp_path / "broken.nc").write_bytes(b"not a Dataset")
    with pytest.raises(SchemaError, match="cannot be read"):
        schema.open(tmp_path / "broken.nc")
    with pytest.raises(SchemaError, match=r"end its name in \.nc"):
        schema.save(latents(), tmp_path / "x.csv")


def test_a_truncated_file_is_refused(tmp_path):
    path = schema.save(latents(), tmp_path / "x.nc")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SchemaError, match="cannot be read"):
        schema.open(path)


def test_scalars_are_the_first_principal_component_of_each_unit():
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=200)
    block = np.outer(hidden, [3.0, 4.0]) + 0.01 * rng.normal(size=(200, 2))
    code = np.column_stack([block, rng.normal(size=200)])
    reduced = schema.scalars(dt.as_latents(code, units=[dt.Unit("vector", 2), dt.Unit("number")]))
    assert reduced.attrs["reduced"] == "pca1"
    assert reduced["code"].shape == (200, 2)
    assert reduced["latent"].values.tolist() == ["vector", "number"]
    np.testing.assert_allclose(reduced["code"].values[:, 1], code[:, 2], rtol=1e-6)
    np.testing.assert_allclose(reduced["code"].values[:, 0], 5 * (hidden - hidden.mean()), atol=0.1)
    schema.check(reduced)


def test_scalars_leave_a_scalar_code_alone():
    ours = dt.as_latents(RANDOM.normal(size=(10, 4)))
    assert schema.scalars(ours).attrs["reduced"] == "none"
    np.testing.assert_array_equal(schema.scalars(ours)["code"], ours["code"])


def test_the_fingerprint_sees_shape_dtype_and_content():
    zeros = np.zeros((2, 3), np.uint8)
    hashes = {schema.fingerprint(a) for a in (zeros, zeros.T, zeros.astype(np.int8), zeros + 1)}
    assert len(hashes) == 4
    assert schema.fingerprint(zeros) == schema.fingerprint(zeros.copy())
