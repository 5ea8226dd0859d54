from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

from distoolkit import schema, views
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.views.codes import answers, thinned
from distoolkit.views.colours import OKABE_ITO, palette


def option(element, name, group="plot", backend="bokeh"):
    return hv.Store.lookup_options(backend, element, group).kwargs.get(name)


def test_a_scatter_holds_the_codes_and_every_factor(latents):
    points = views.scatter(latents, "z1", "style.0", "y")
    assert isinstance(points, hv.Points)
    np.testing.assert_array_equal(points.dimension_values(0), latents["code"].values[:, 1])
    np.testing.assert_array_equal(points.dimension_values(1), latents["code"].values[:, 3])
    assert [d.label for d in points.kdims] == ["z1", "style.0"]
    assert [d.label for d in points.vdims] == ["sample", "size", "x", "y"]
    np.testing.assert_array_equal(points.dimension_values("factor_2"), latents["factors"].values[:, 2])


def test_each_kind_of_factor_gets_its_own_colours(latents):
    assert option(views.scatter(latents, color="size"), "cmap", "style") == list(OKABE_ITO[:2])
    assert option(views.scatter(latents, color="x"), "cmap", "style") == palette("ordered", 4)
    assert option(views.scatter(latents, color="y"), "cmap", "style") == palette("circular", 6)
    assert len(option(views.scatter(latents, color="z2"), "cmap", "style")) == 256


def test_without_factors_a_scatter_has_one_colour():
    latents = schema.as_latents(np.eye(4))
    points = views.scatter(latents)
    assert option(points, "color", "style") == OKABE_ITO[0]
    assert len(points) == 4


def test_a_name_that_two_things_share_is_no_trouble():
    latents = schema.as_latents(np.arange(8.0).reshape(4, 2), np.arange(8).reshape(4, 2), ["x", "y"], ["x", "y"])
    points = views.scatter(latents)
    np.testing.assert_array_equal(points.dimension_values(0), [0, 2, 4, 6])


def test_many_samples_are_thinned_and_the_title_says_so(latents):
    points = views.scatter(latents, limit=10)
    assert len(points) == 10
    assert option(points, "title").startswith("10 of 48 samples")
    kept = thinned(1000, 100)
    assert len(set(kept.tolist())) == 100
    assert kept.max() < 1000


@pytest.mark.parametrize("wrong", [{"x": "z7"}, {"y": "z7"}, {"color": "z7"}])
def test_an_unknown_name_is_answered_with_the_nearest(latents, wrong):
    with pytest.raises(UnknownNameError, match="z0"):
        views.scatter(latents, **wrong)


def test_answers_are_the_mean_and_spread_at_each_value():
    latents = schema.as_latents([[1.0], [3.0], [10.0], [10.0]], [[0], [0], [2], [2]], ["f"])
    value, mean, spread = answers(latents, 0, "f")
    np.testing.assert_array_equal(value, [0, 2])
    np.testing.assert_allclose(mean, [2, 10])
    np.testing.assert_allclose(spread, [1, 0])


def test_a_response_draws_a_line_and_a_band_and_for_categories_points_and_bars(latents):
    ordered = views.response(latents, "z0", "x")
    assert [type(part) for part in ordered] == [hv.Spread, hv.Curve]
    np.testing.assert_allclose(ordered.Curve.Z0.dimension_values(1), [0, 1, 2, 3])
    np.testing.assert_allclose(ordered.Spread.Z0.dimension_values(2), 0, atol=1e-6)
    assert [type(part) for part in views.response(latents, "z0", "size")] == [hv.ErrorBars, hv.Scatter]


def test_a_unit_of_two_entries_gets_two_lines(latents):
    assert sum(isinstance(part, hv.Curve) for part in views.response(latents, "style", "x")) == 2


def test_responses_picks_the_unit_that_follows_each_factor(latents):
    titles = [option(part, "title") for part in views.responses(latents)]
    assert titles[1].startswith("z0 as x")
    assert titles[2].startswith("z1 as y")


def test_without_factors_there_is_no_response():
    with pytest.raises(DataError, match="not known"):
        views.response(schema.as_latents(np.eye(3)))
    with pytest.raises(DataError, match="not known"):
        views.responses(schema.as_latents(np.eye(3)))
