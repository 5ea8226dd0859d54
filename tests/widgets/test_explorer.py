"""The explorer, by its traits: what the sliders say, what is drawn, and what is drawn only when it must be."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from distoolkit import schema
from distoolkit.contract import DistoolkitError
from distoolkit.widgets import Explorer, explore
from distoolkit.widgets import explorer as module


def shown(image: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image.value)))


@pytest.fixture
def painter(run_of: Any, models: Any, tiny_images: xr.Dataset) -> Explorer:
    return explore(run_of(models["painter"]), tiny_images, device="cpu")


def quarters(image: np.ndarray) -> np.ndarray:
    return image.reshape(2, 8, 2, 8).mean(axis=(1, 3)).ravel() / 255


def test_it_starts_at_the_code_of_the_first_image(painter: Explorer, tiny_images: xr.Dataset) -> None:
    first = tiny_images["image"][0].values
    np.testing.assert_allclose(painter.code, quarters(first[..., 0]), atol=1e-6)
    values = [painter.sliders[f"z{j}"].value for j in range(4)]
    np.testing.assert_allclose(values, painter.code, atol=1e-6)
    assert shown(painter.source).shape == (192, 192)  # 16 pixels, 12 times
    np.testing.assert_array_equal(shown(painter.source)[6::12, 6::12], first[..., 0])
    np.testing.assert_allclose(quarters(painter.picture[..., 0]), painter.code, atol=1 / 255)


def test_sliders_are_in_the_order_of_activity_over_the_range_of_the_codes(
    painter: Explorer, tiny_images: xr.Dataset
) -> None:
    code = np.stack([quarters(i[..., 0]) for i in tiny_images["image"].values])
    assert list(painter.sliders) == [f"z{j}" for j in np.argsort(-code.var(axis=0), kind="stable")]
    low, high = np.quantile(code[:, 1], [0.01, 0.99])
    assert painter.sliders["z1"].min <= low + 1e-6
    assert painter.sliders["z1"].max == pytest.approx(high, abs=1e-6)


def test_a_slider_paints_its_own_quarter_only(painter: Explorer) -> None:
    before = painter.picture.copy()
    painter.sliders["z3"].value = painter.sliders["z3"].max
    after = painter.picture
    assert painter.code[3] == pytest.approx(painter.sliders["z3"].max)
    np.testing.assert_array_equal(after[:8], before[:8])
    np.testing.assert_array_equal(after[8:, :8], before[8:, :8])
    assert (after[8:, 8:] == np.rint(255 * painter.code[3])).all()
    np.testing.assert_array_equal(shown(painter.result)[6::12, 6::12], after[..., 0])


def test_a_value_that_the_browser_rounded_is_not_taken_for_a_move(painter: Explorer) -> None:
    code, moved = painter.code.copy(), painter.moved
    unit = next(u for u in painter.sliders if u != moved)
    slider = painter.sliders[unit]
    slider.value += 0.4 * slider.step if slider.value < slider.max else -0.4 * slider.step
    assert painter.moved == moved
    np.testing.assert_array_equal(painter.code, code)
    slider.value += 0.6 * slider.step if slider.value < slider.max - slider.step else -0.6 * slider.step
    assert painter.moved == unit


def test_reset_takes_back_every_move(painter: Explorer) -> None:
    before, code = painter.picture.copy(), painter.code.copy()
    for slider in painter.sliders.values():
        slider.value = slider.max
    assert not np.array_equal(painter.picture, before)
    painter.reset.click()
    np.testing.assert_array_equal(painter.picture, before)
    np.testing.assert_allclose(painter.code, code)
    np.testing.assert_allclose([painter.sliders[f"z{j}"].value for j in range(4)], code, atol=1e-6)


def test_another_image_sets_the_sliders_and_says_its_factors(painter: Explorer, tiny_images: xr.Dataset) -> None:
    painter.picker.value = 47
    assert painter.sample == 47
    np.testing.assert_allclose(painter.code, quarters(tiny_images["image"][47].values[..., 0]), atol=1e-6)
    assert "size 1, x 3, y 5" in painter.about.value


def test_an_image_outside_the_usual_range_widens_its_slider(
    run_of: Any, models: Any, tiny_images: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFERENCE", 4)  # the ranges come from four images only
    explorer = explore(run_of(models["painter"]), tiny_images, device="cpu")
    codes = np.stack([quarters(i[..., 0]) for i in tiny_images["image"].values])
    extreme = int(codes[:, 0].argmax())
    assert codes[extreme, 0] > explorer.sliders["z0"].max
    explorer.sample = extreme
    np.testing.assert_allclose(explorer.code, codes[extreme], atol=1e-6)
    explorer.sample = 0
    assert explorer.sliders["z0"].max < codes[extreme, 0]  # the usual range again


def test_the_traversal_is_of_the_unit_moved_last_and_not_drawn_again_along_it(painter: Explorer) -> None:
    draws: list[int] = []
    draw = painter.space.draw
    object.__setattr__(painter.space, "draw", lambda code: (draws.append(len(code)), draw(code))[1])
    unit = "z2" if painter.moved != "z2" else "z1"
    slider = painter.sliders[unit]
    slider.value = slider.max
    assert painter.moved == unit
    assert f"traversal of {unit}" in painter.caption.value
    assert draws == [1, 9]
    strip = painter.strip.value
    slider.value = (slider.min + slider.max) / 2
    assert draws == [1, 9, 1]
    assert painter.strip.value == strip
    expected = painter.space.traversal(painter.code, painter._axis[unit])
    row = shown(painter.strip)
    np.testing.assert_array_equal(row[::5, : 16 * 5 : 5], expected[0, ..., 0])


def test_a_vector_unit_has_one_slider(run_of: Any, models: Any, tiny_images: xr.Dataset) -> None:
    explorer = explore(run_of(models["pair"]), tiny_images, device="cpu")
    assert set(explorer.sliders) == {"top", "left", "right"}
    before = explorer.code.copy()
    slider = explorer.sliders["top"]
    slider.value = slider.max
    assert explorer._axis["top"].position(explorer.code) == pytest.approx(slider.max, abs=1e-6)
    np.testing.assert_array_equal(explorer.code[2:], before[2:])


def test_a_model_that_cannot_draw_says_so_and_shows_the_nearest_image(
    run_of: Any, models: Any, tiny_images: xr.Dataset
) -> None:
    explorer = explore(run_of(models["quarters"]), tiny_images, device="cpu")
    assert "has no decode()" in explorer.children[0].value
    np.testing.assert_array_equal(explorer.picture, tiny_images["image"][0])  # the image nearest to its own code
    explorer.sample = 30
    # several squares share a code here, so the picture may be another one, of the same code
    np.testing.assert_allclose(quarters(explorer.picture[..., 0]), explorer.code, atol=1e-6)
    explorer.sliders["z0"].value = explorer.sliders["z0"].max
    assert any(np.array_equal(explorer.picture, image) for image in tiny_images["image"].values)


def test_the_nearest_image_is_the_one_nearest_in_standard_deviations() -> None:
    code = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 100.0]])
    draw = module.nearest(code, np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1))
    # 30 along the wide entry is less far than 0.9 along the narrow one
    np.testing.assert_array_equal(draw(np.array([[0.0, 30.0], [0.9, 0.0], [0.0, 99.0]])).ravel(), [0, 1, 2])


def test_it_has_a_still_picture_for_a_reader_without_a_kernel(painter: Explorer) -> None:
    bundle = painter._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).convert("L"))
    enlarge, unit = 4, painter.space.axes[0]
    expected = painter.space.traversal(painter.code, unit)[0, ..., 0]
    margin = picture.shape[1] - 9 * 18 * enlarge + 2 * enlarge
    np.testing.assert_array_equal(picture[: 16 * enlarge : enlarge, margin : margin + 16 * enlarge : enlarge], expected)
    assert picture[:, :margin].min() < 128  # the names of the units
    assert bundle["text/plain"] == "<Explorer of quarters: 4 units>"


def test_a_model_that_draws_slowly_draws_only_what_is_asked_for(
    run_of: Any, models: Any, tiny_images: xr.Dataset
) -> None:
    drawn: list[int] = []

    class Slow(models["painter"]):  # type: ignore[misc]
        draws_slowly = True

        def decode(self, code: Any) -> Any:
            drawn.append(len(code))
            return super().decode(code)

    explorer = explore(run_of(Slow), tiny_images, device="cpu")
    assert not any(slider.continuous_update for slider in explorer.sliders.values())
    explorer.sliders["z2"].value = explorer.sliders["z2"].max
    explorer._repr_mimebundle_()
    assert drawn == [1, 1]
    assert "draws slowly" in explorer.caption.value


def test_controls_and_pictures_are_described_in_words(painter: Explorer) -> None:
    assert all(slider.description and slider.tooltip for slider in painter.sliders.values())
    # ipywidgets 8.1.9 shows an error in place of an Image that has a tooltip
    assert not any(image.tooltip for image in (painter.source, painter.result, painter.strip))


def test_images_of_another_size_are_refused(run_of: Any, models: Any) -> None:
    run = run_of(models["painter"])
    with pytest.raises(DistoolkitError, match="8x8x1"):
        explore(run, schema.as_images(np.zeros((3, 8, 8, 1), np.uint8)), device="cpu")
