"""Heat maps, training curves and comparisons, by their data."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

from distoolkit import schema, views
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.views.comparison import entries
from distoolkit.views.curves import stages
from distoolkit.views.matrices import matrices


def option(element, name, group="plot", backend="bokeh"):
    return hv.Store.lookup_options(backend, element, group).kwargs.get(name)


def test_a_heat_map_has_a_cell_for_every_factor_and_unit(scores):
    element = views.heatmap(scores)
    cells = element.Rectangles.I
    assert len(cells) == 6
    found = {
        (u, f): v
        for u, f, v in zip(
            cells.dimension_values("unit"),
            cells.dimension_values("factor_name"),
            cells.dimension_values("value"),
            strict=True,
        )
    }
    assert found["z0", "shape"] == 0.9
    assert found["z2", "x"] == 0.7
    assert option(element, "title") == "mutual information"
    assert option(cells, "clim") == (0.0, 0.9)
    texts = [t for labels in element.traverse(lambda e: e, [hv.Labels]) for t in labels.dimension_values("text")]
    assert sorted(texts) == ["0.00", "0.00", "0.10", "0.20", "0.70", "0.90"]


def test_a_matrix_is_read_by_its_labels_whatever_its_order(scores):
    cells = views.heatmap(scores, "importance").Rectangles.I
    np.testing.assert_array_equal(cells.dimension_values("value"), [1, 0, 0, 0, 0, 1])
    assert matrices(scores) == ["mutual_information", "importance"]


def test_negative_values_get_a_range_around_zero(scores):
    scores["mutual_information"] = scores["mutual_information"] - 0.5
    assert option(views.heatmap(scores).Rectangles.I, "clim") == (-0.5, 0.5)


def test_a_matrix_that_is_not_there(scores):
    with pytest.raises(UnknownNameError, match="importance"):
        views.heatmap(scores, "importanse")
    with pytest.raises(DataError, match="no factor-by-unit matrix"):
        views.heatmap(scores.drop_vars(["mutual_information", "importance"]))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_matrix_of_nothing_is_drawn(scores, value):
    scores["mutual_information"] = scores["mutual_information"] * 0 + value
    assert views.static(views.heatmap(scores)).png.startswith(b"\x89PNG")


def test_training_curves_have_one_plot_for_each_name(history):
    layout = views.history(history)
    assert [option(plot, "title") for plot in layout] == ["loss", "kl"]
    loss, kl = (plot.Curve.I for plot in layout)
    np.testing.assert_allclose(loss.dimension_values(1), np.linspace(10, 1, 10))
    np.testing.assert_array_equal(kl.dimension_values(0), [4, 5, 6, 7, 8, 9])  # where it was reported


def test_stages_are_found_and_every_second_one_shaded(history):
    assert stages(history) == [("warm", 0.0, 3.0), ("train", 4.0, 9.0)]
    plot = next(iter(views.history(history)))
    np.testing.assert_array_equal(plot.Rectangles.I.dimension_values(0), [4.0])
    assert list(plot.Labels.I.dimension_values("stage")) == ["warm", "train"]


def test_a_curve_over_magnitudes_gets_a_logarithmic_axis(history):
    history["loss"] = "step", 10.0 ** -np.arange(10)
    wide, narrow = views.history(history)
    assert option(wide, "logy")
    assert not option(narrow, "logy")


def test_several_runs_share_a_plot(history):
    layout = views.history({"one": history, "two": history.drop_vars("kl")})
    assert [len(plot.traverse(lambda e: e, [hv.Curve])) for plot in layout] == [2, 1]


def test_a_flat_history_and_an_empty_one(history):
    assert views.static(views.history(history, ["kl"])).png.startswith(b"\x89PNG")
    with pytest.raises(UnknownNameError, match="kl"):
        views.history(history, ["kl_"])
    with pytest.raises(DataError, match="nothing was reported"):
        views.history(history.drop_vars(["loss", "kl"]))


def several(scores):
    other = schema.stamp(scores.assign(score=scores["score"] + 0.1), "scores", method="other")
    return [scores, other, other.assign(score=other["score"] + 0.2)]


def test_scores_are_gathered_by_metric_and_method(scores):
    table = entries(several(scores))
    assert [(e.metric, e.method, e.higher_is_better) for e in table] == [
        ("mig", "hand_made", True),
        ("mig", "other", True),
        ("mse", "hand_made", False),
        ("mse", "other", False),
    ]
    assert table[1].values == pytest.approx((0.35, 0.55))
    assert str(table[0]) == "0.250"
    assert str(table[1]) == "0.450 (0.350 to 0.550, n=2)"


def test_a_comparison_shows_every_run_as_a_point(scores):
    layout = views.scores(several(scores))
    assert [option(plot, "title") for plot in layout] == ["mig", "mse (lower is better)"]
    first = next(iter(layout))
    points = [e.dimension_values(0).tolist() for e in first.traverse(lambda e: e, [hv.Scatter])]
    assert [len(p) for p in points] == [1, 2]
    assert not first.traverse(lambda e: e, [hv.Rectangles])


def test_from_five_runs_on_there_is_a_box_at_the_quartiles(scores):
    runs = [scores.assign(score=("metric", [v, 0.0])) for v in (0.0, 0.1, 0.2, 0.3, 0.4)]
    box = next(iter(views.scores(runs, ["mig"]))).Rectangles.I
    np.testing.assert_allclose([box.dimension_values(0)[0], box.dimension_values(2)[0]], [0.1, 0.3])


def test_names_replace_the_methods_and_faults_are_named(scores):
    assert {e.method for e in entries([scores, scores], names=["a", "b"])} == {"a", "b"}
    with pytest.raises(DataError, match="1 names for 2"):
        views.scores([scores, scores], names=["a"])
    with pytest.raises(DataError, match="sap"):
        views.scores(scores, ["sap"])
    with pytest.raises(DataError, match="no scores"):
        views.scores([])


def test_the_score_table_has_a_row_for_each_metric_and_a_column_for_each_method(scores):
    table = views.score_table(several(scores))
    assert [d.label for d in table.dimensions()] == ["metric", "better", "hand_made", "other"]
    assert list(table.dimension_values("better")) == ["higher", "lower"]
    assert list(table.dimension_values(2)) == ["0.250", "0.040"]


def test_drawing_leaves_the_readers_matplotlib_as_it_was(latents):
    from matplotlib import pyplot

    with pyplot.ion():
        assert views.static(views.scatter(latents)).png
        assert pyplot.isinteractive()
