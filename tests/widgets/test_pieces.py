"""What the widgets are made of: PNG bytes, directions in a code, curves as SVG."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from distoolkit import schema
from distoolkit.contract import Unit
from distoolkit.widgets import pictures
from distoolkit.widgets.axes import axes
from distoolkit.widgets.curves import POINTS, curves


@pytest.mark.parametrize("channels", [1, 3])
def test_png_holds_the_pixels_enlarged_without_blurring(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 4, channels), dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(pictures.png(image, enlarge=3))))
    assert read.shape[:2] == (15, 12)
    np.testing.assert_array_equal(read.reshape(15, 12, channels)[1::3, 2::3], image)
    np.testing.assert_array_equal(read[0], read[2])


def test_a_row_has_the_pictures_in_order_with_white_between_them() -> None:
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20)])
    np.testing.assert_array_equal(pictures.row(images, gap=2)[..., 0], [[10, 10, 10, 255, 255, 20, 20, 20]] * 2)


def test_enlargement_stays_within_the_limit() -> None:
    assert pictures.factor_for((64, 64), 256) == 4
    assert pictures.factor_for((28, 20), 256) == 9
    assert pictures.factor_for((300, 300), 256) == 1


def test_a_single_entry_is_its_own_axis_and_the_most_active_comes_first() -> None:
    code = np.zeros((101, 3))
    code[:, 0] = np.linspace(-1, 1, 101)
    code[:, 1] = np.linspace(0, 50, 101)
    quiet_last = axes(schema.as_latents(code))
    assert [a.unit for a in quiet_last] == ["z1", "z0", "z2"]
    z1 = quiet_last[0]
    assert (z1.low, z1.high) == pytest.approx((0.5, 49.5))
    assert z1.activity == pytest.approx(code[:, 1].var())
    assert z1.position(np.array([7.0, 8.0, 9.0])) == 8.0
    np.testing.assert_array_equal(z1.moved(np.array([7.0, 8.0, 9.0]), -3.0), [7.0, -3.0, 9.0])


def test_a_constant_entry_still_has_a_range() -> None:
    (axis,) = axes(schema.as_latents(np.full((5, 1), 3.0)))
    assert (axis.low, axis.high, axis.activity) == (2.0, 4.0, 0.0)


def test_a_vector_unit_moves_along_its_principal_direction_only() -> None:
    generator = np.random.default_rng(0)
    along, across = generator.normal(0, 5, 400), generator.normal(0, 0.1, 400)
    block = along[:, None] * [0.6, 0.8] + across[:, None] * [-0.8, 0.6] + [10.0, -4.0]
    code = np.concatenate([block, generator.normal(0, 0.01, (400, 1))], axis=1)
    axis, other = axes(schema.as_latents(code, units=[Unit("pose", 2), Unit("rest", 1)]))
    assert (axis.unit, other.unit) == ("pose", "rest")
    np.testing.assert_allclose(axis.direction, [0.6, 0.8], atol=0.01)
    start = code[3]
    end = axis.moved(start, 2.5)
    assert axis.position(end) == pytest.approx(2.5)
    np.testing.assert_allclose((end - start)[:2] @ [-axis.direction[1], axis.direction[0]], 0, atol=1e-12)
    assert end[2] == start[2]


def history(**variables: list[float]) -> xr.Dataset:
    steps = np.arange(1, 1 + len(next(iter(variables.values())))) * 10
    return xr.Dataset({n: ("step", np.asarray(v, float)) for n, v in variables.items()}, coords={"step": steps})


def test_each_quantity_gets_a_plot_that_says_its_last_value() -> None:
    root = ET.fromstring(curves(history(loss=[3.0, 2.0, 1.25], kl=[0.0, 0.5, 0.75])))
    labels = [svg.attrib["aria-label"] for svg in root]
    assert labels == ["loss: 1.25 at step 30", "kl: 0.75 at step 30"]
    points = [float(y) for y in re.findall(r",([\d.]+)", root[0].find("polyline").attrib["points"])]
    assert points == sorted(points)  # downwards on the screen is a falling loss
    assert len(points) == 3


def test_curves_pass_over_what_is_not_finite_and_stay_small() -> None:
    values = np.sin(np.arange(20_000))
    values[100:200] = np.nan
    text = curves(history(loss=list(values), broken=[float("nan")] * 20_000))
    assert "nan" not in text.lower()
    assert "broken: no finite value at step 200000" in text
    assert text.count(",") < POINTS * 3
    assert len(text) < 10_000


def test_a_flat_curve_and_a_single_point_are_drawn() -> None:
    assert "<polyline" in curves(history(loss=[2.0, 2.0]))
    assert "<circle" in curves(history(loss=[2.0]))


def test_a_history_without_steps_draws_nothing() -> None:
    assert curves(xr.Dataset(coords={"step": np.arange(0)})) == ""


def test_names_are_text_not_markup() -> None:
    ET.fromstring(curves(history(**{'<b>"&': [1.0, 2.0]})))
