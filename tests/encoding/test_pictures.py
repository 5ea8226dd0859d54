from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataError, RunError, UnknownNameError
from distoolkit.encoding import encode, swap, traverse
from tests.encoding.conftest import Drawing, Row, method


def first_row(dataset: xr.Dataset) -> Any:
    return dataset["image"].values[..., 0, :, 0]


def test_a_scalar_unit_takes_the_values_and_nothing_else_moves(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    latents = encode(run, images)
    moved = traverse(run, latents, sample=3, units=["left"], steps=5)
    schema.check(moved, "traversal")
    values = moved["value"].values[0]
    expected = np.quantile(latents["code"].values[:, 0], [0.05, 0.95])
    np.testing.assert_allclose(values[[0, -1]], expected)
    np.testing.assert_allclose(np.diff(values), np.diff(values)[0])
    rows = first_row(moved)[0]
    assert rows[:, 0].tolist() == np.rint(values * 255).astype(int).tolist()
    assert (rows[:, 1:] == images["image"].values[3, 0, 1:, 0]).all()
    assert not moved["image"].values[..., 1:, :, 0].any()


def test_all_units_in_their_order_and_an_inactive_one_stands_still(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    moved = traverse(run, encode(run, images))
    assert moved["unit"].values.tolist() == ["left", "middle", "right"]
    assert dict(moved.sizes) == {"unit": 3, "step": 9, "y": 4, "x": 4, "channel": 1}
    np.testing.assert_allclose(moved["value"].sel(unit="right"), 0.2, rtol=1e-6)
    assert len(np.unique(moved["image"].sel(unit="right").values, axis=0)) == 1
    assert len(np.unique(moved["image"].sel(unit="left").values, axis=0)) == 9


def test_a_vector_unit_moves_along_its_first_principal_component(fitted: Any, images: xr.Dataset) -> None:
    """The middle pixels lie on the line (t, 0.5 t) but for one: the axis is (2, 1) / sqrt 5."""
    run = fitted()
    pixels = images["image"].values.copy()
    t = np.arange(20)
    pixels[:, 0, 1, 0], pixels[:, 0, 2, 0] = 40 + 8 * t, 20 + 4 * t
    line = encode(run, schema.as_images(pixels))
    moved = traverse(run, line, sample=0, units=["middle"], steps=3)
    centre = line["code"].values[:, 1:3].mean(axis=0)
    axis = np.array([2.0, 1.0]) / np.sqrt(5)
    along = (line["code"].values[:, 1:3] - centre) @ axis
    low, high = np.quantile(along, [0.05, 0.95])
    np.testing.assert_allclose(moved["value"].values[0], np.linspace(low, high, 3), rtol=1e-4, atol=1e-6)
    expected = centre + np.linspace(low, high, 3)[:, None] * axis
    assert np.abs(first_row(moved)[0][:, 1:3] / 255 - expected).max() < 1 / 255
    assert (first_row(moved)[0][:, 0] == pixels[0, 0, 0, 0]).all()


def test_what_lies_across_the_axis_stays(fitted: Any) -> None:
    run = fitted()
    pixels = np.zeros((21, 4, 4, 1), dtype=np.uint8)
    pixels[:20, 0, 1, 0] = 50 + 8 * np.arange(20)  # the axis is the second entry
    pixels[:20, 0, 2, 0] = 100
    pixels[20, 0, 1:3, 0] = (100, 160)
    moved = traverse(run, encode(run, schema.as_images(pixels)), sample=20, units=["middle"], steps=4, span=(-0.1, 0.1))
    rows = first_row(moved)[0]
    assert np.abs(rows[:, 2].astype(int) - 160).max() <= 3, "the axis leans a little towards the odd one"
    assert np.all(np.diff(rows[:, 1].astype(int)) > 10)


def test_a_span_is_taken_as_it_is(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    one = encode(run, images.isel(sample=[4]))
    moved = traverse(run, one, units=["right", "left"], steps=2, span=(0.0, 1.0))
    assert moved["unit"].values.tolist() == ["right", "left"]
    assert moved["value"].values.tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert first_row(moved)[0][:, 3].tolist() == [0, 255]
    with pytest.raises(DataError, match=r"one code shows no range of values: give the latents of more images, or span"):
        traverse(run, one)


@pytest.mark.parametrize("several", [[3, 7], np.array([3, 7])], ids=["list", "array"])
def test_several_samples_have_them_in_front(several: Any, fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    latents = encode(run, images)
    moved = traverse(run, latents, sample=several, units=["left"], steps=3)
    schema.check(moved, "traversal")
    assert moved["image"].dims == ("sample", "unit", "step", "y", "x", "channel")
    assert moved["sample"].values.tolist() == [103, 107]
    for position, sample in enumerate(several):
        alone = traverse(run, latents, sample=int(sample), units=["left"], steps=3)
        assert np.array_equal(moved["image"].values[position], alone["image"])
        assert alone["sample"].item() == 100 + sample


def test_a_traversal_carries_provenance_and_can_be_saved(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    moved = traverse(run, encode(run, images))
    assert (moved.attrs["method"], moved.attrs["data"], moved.attrs["train_data"]) == ("row", "rows", "rows")
    run.save(moved)
    assert run.open("traversal")["image"].equals(moved["image"])


def test_a_swap_takes_the_units_from_the_source(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    pixels = images["image"].values[:, 0, :, 0]
    sources, targets = [1, 2], [5, 6, 1]
    swapped = swap(run, images, sources=sources, targets=targets, units=["left", "right"])
    schema.check(swapped, "swap")
    assert swapped["source"].values.tolist() == [101, 102]
    assert swapped["target"].values.tolist() == [105, 106, 101]
    for i, s in enumerate(sources):
        for j, t in enumerate(targets):
            expected = [pixels[s, 0], pixels[t, 1], pixels[t, 2], pixels[s, 3]]
            assert first_row(swapped)[i, j].tolist() == expected
    assert schema.attribute(swapped, "units") == ["left", "right"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"units": ["lefd"]}, UnknownNameError, "no unit 'lefd'; did you mean 'left'"),
        ({"units": []}, DataError, "no unit was named; give some of left, middle, right"),
        ({"sample": 20}, DataError, r"sample = \[20\]: give positions from 0 to 19"),
        ({"sample": [1, -21]}, DataError, r"sample = \[-21\]: give positions from 0 to 19"),
        ({"sample": []}, DataError, r"sample = \[\]: give positions"),
        ({"steps": 1}, DataError, "steps = 1: a traversal needs at least 2"),
    ],
)
def test_what_cannot_be_traversed(
    options: dict[str, Any], error: type[Exception], message: str, fitted: Any, images: xr.Dataset
) -> None:
    run = fitted()
    with pytest.raises(error, match=message):
        traverse(run, encode(run, images), **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"units": ["up"]}, UnknownNameError, "no unit 'up'"),
        ({"sources": [20]}, DataError, r"sources = \[20\]"),
        ({"targets": []}, DataError, r"targets = \[\]"),
    ],
)
def test_what_cannot_be_swapped(
    options: dict[str, Any], error: type[Exception], message: str, fitted: Any, images: xr.Dataset
) -> None:
    with pytest.raises(error, match=message):
        swap(fitted(), images, **({"sources": [0], "targets": [1], "units": ["left"]} | options))


def test_one_unit_may_be_named_alone(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    assert traverse(run, encode(run, images), units="left").sizes["unit"] == 1  # type: ignore[arg-type]


def test_a_model_that_cannot_draw_has_no_pictures(fitted: Any, images: xr.Dataset) -> None:
    run = fitted(Row)
    latents = encode(run, images)
    with pytest.raises(RunError, match="cannot draw a code"):
        traverse(run, latents)
    with pytest.raises(RunError, match="cannot draw a code"):
        swap(run, images, sources=[0], targets=[1], units=["left"])


def test_the_folder_of_an_installed_method_will_do(
    fitted: Any, images: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fitted()
    monkeypatch.setattr(registry, "find", lambda hook, name: method(Drawing))
    latents = encode(str(run.folder), images)
    assert traverse(run.folder, latents)["image"].equals(traverse(run, latents)["image"])


def test_a_swap_holds_the_images_that_it_was_made_of(fitted: Any, images: xr.Dataset) -> None:
    swapped = swap(fitted(Drawing), images, sources=[3], targets=[7, 1], units=["left"])
    np.testing.assert_array_equal(swapped["source_image"], images["image"].isel(sample=[3]))
    np.testing.assert_array_equal(swapped["target_image"], images["image"].isel(sample=[7, 1]))
