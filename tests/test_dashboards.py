"""The dashboard by its state; tests/browser drives a served one in Chromium."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest
import xarray as xr
from PIL import Image

import distoolkit
from distoolkit import contract, registry, schema
from distoolkit.contract import DataError, DistoolkitError
from distoolkit.dashboards import Dashboard, dashboard, serving
from distoolkit.dashboards.selection import Selection


@pytest.fixture
def data(tiny_images: xr.Dataset) -> dict[str, xr.Dataset]:
    """Images, codes and scores of the tiny images; z0 is the size, z1 is x, z2 is y."""
    factors = tiny_images["factors"].values
    code = factors + np.random.default_rng(0).normal(0, 0.05, (48, 3))
    latents = schema.as_latents(code, factors, ["size", "x", "y"], factor_kinds=["categorical", "ordered", "circular"])
    return {"images": tiny_images, "latents": latents, "scores": scores_of("hand", 0.5)}


def scores_of(method: str, value: float) -> xr.Dataset:
    made = xr.Dataset(
        {
            "score": ("metric", [value]),
            "mutual_information": (("factor", "unit"), np.eye(3)),
            "importance": (("factor", "unit"), np.eye(3)[::-1]),
        },
        coords={
            "metric": ["mig"],
            "higher_is_better": ("metric", [True]),
            "factor": ["size", "x", "y"],
            "unit": ["z0", "z1", "z2"],
        },
    )
    return schema.stamp(made, "scores", method=method)


def view(shown: Dashboard):
    return shown.shown[0]


def words(part) -> str:
    """All running text below a part of the page."""
    return " ".join(str(pane.object) for pane in pn.panel(part).select(pn.pane.HTML))


def test_it_starts_with_the_entries_that_spread_most_and_the_first_factor(data):
    selection = view(dashboard(data)).selection
    assert (selection.x, selection.y, selection.color) == ("z2", "z1", "size")
    assert selection.param.x.objects == ["z0", "z1", "z2"]
    assert selection.param.color.objects == ["size", "x", "y", "nothing", "z0", "z1", "z2"]


def test_selected_points_are_shown_as_their_images(data):
    selection = view(dashboard(data)).selection
    before = selection.pictures.object
    selection.stream.event(index=[3, 40])
    assert selection.selected == [3, 40]
    sheet = np.asarray(selection.pictures.object.convert("L"))
    assert selection.pictures.object.size != before.size
    for position, left in ((3, 8), (40, 8 + 48 + 2)):
        shown = sheet[8 : 8 + 48 : 3, left : left + 48 : 3]  # enlarged threefold
        np.testing.assert_array_equal(shown, data["images"]["image"].values[position, :, :, 0])


def test_it_says_what_the_selected_have_in_common(data):
    selection = view(dashboard(data)).selection
    factors = data["latents"]["factors"].values
    selection.selected = np.flatnonzero((factors[:, 0] == 1) & (factors[:, 1] < 3)).tolist()
    assert selection.in_common() == "size: 1; x: 0 to 2; y: 6 of 6 values."
    assert "18 of 48 selected" in selection.caption.object
    selection.selected = []
    assert "Nothing is selected" in selection.caption.object


def test_the_selection_stays_when_the_axes_change(data):
    selection = view(dashboard(data)).selection
    selection.selected = [1, 2]
    selection.param.update(x="z0", y="z1", color="y")
    points = selection.plot.object
    assert [d.label for d in points.kdims] == ["z0", "z1"]
    import holoviews as hv

    assert hv.Store.lookup_options("bokeh", points, "plot").kwargs["selected"] == [1, 2]
    selection.stream.event(index=[7])  # the new plot is listened to
    assert selection.selected == [7]


def test_a_thinned_plot_still_selects_the_right_samples():
    count = 4500
    latents = schema.as_latents(np.arange(count * 2.0).reshape(count, 2))
    selection = view(dashboard({"latents": latents})).selection
    assert len(selection.plot.object) == 4000
    selection.stream.event(index=[3999])
    assert selection.selected == [int(selection.shown_samples[3999])]
    assert selection.plot.object.dimension_values("sample")[3999] == selection.selected[0]


def test_a_tapped_cell_shows_its_response(data):
    factors = view(dashboard(data)).factors
    assert (factors.unit, factors.factor) == ("z0", "size")
    factors.stream.event(index=[5])  # second row, third column
    assert (factors.unit, factors.factor) == ("z2", "x")
    curve = factors.response.object.Curve.Z2
    np.testing.assert_array_equal(curve.dimension_values(0), [0, 1, 2, 3])
    factors.stream.event(index=[])
    assert (factors.unit, factors.factor) == ("z2", "x")


def test_another_matrix_is_listened_to_as_well(data):
    factors = view(dashboard(data)).factors
    factors.matrix = "importance"
    assert factors.cells.dimension_values("value").tolist() == np.eye(3)[::-1].ravel().tolist()
    factors.stream.event(index=[1])
    assert (factors.unit, factors.factor) == ("z1", "size")


def test_without_factors_it_works_and_says_what_is_missing():
    shown = view(dashboard({"latents": schema.as_latents(np.random.default_rng(0).normal(size=(20, 3)))}))
    assert isinstance(shown.selection, Selection)
    assert "true factors of these images are not known" in words(shown.factors)
    assert shown.selection.param.color.objects == ["nothing", "z0", "z1", "z2"]
    assert "No images" in shown.selection.caption.object
    shown.selection.selected = [1]
    pn.panel(shown).get_root()


def test_without_scores_there_is_a_response_and_the_reason_for_no_map(data):
    del data["scores"]
    factors = view(dashboard(data)).factors
    assert factors.known == []
    assert "No heat map" in words(factors)
    factors.unit = "z1"
    assert factors.response.object is not None


def test_one_code_is_enough_to_be_drawn():
    pn.panel(dashboard({"latents": schema.as_latents(np.arange(5.0)[:, None])})).get_root()


def test_without_codes_the_rest_is_shown(data):
    shown = view(dashboard({"scores": data["scores"]}))
    assert shown.selection is None
    assert "0.500" in words(shown.cards["scores"])


def test_of_several_runs_one_is_picked_or_two_stand_side_by_side(data):
    other = {**data, "scores": scores_of("other", 0.7)}
    shown = dashboard([data, other])
    names = shown.param.run.objects
    assert len(set(names)) == 2
    assert [v.material.name for v in shown.shown] == [names[0]]
    first = shown.shown[0]
    shown.beside = names[1]
    assert [v.material.name for v in shown.shown] == names
    assert shown.shown[0] is first  # its selection is kept
    shown.run = names[1]
    assert [v.material.name for v in shown.shown] == [names[1]]
    assert any("All runs" in str(p.object) for p in pn.panel(shown).select(pn.pane.HTML))


def test_a_strangers_panels_appear_and_a_broken_one_harms_nothing(data):
    def broken_when_drawn(given):
        class Bad(pn.pane.HTML):
            def get_root(self, *args, **kwargs):
                raise RuntimeError("only when drawn")

        return Bad("")

    def raises(given):
        raise ValueError("I am <broken>")

    panels = [
        contract.Panel(name="fine", summary="s", build=lambda given: pn.pane.HTML(f"{len(given)} kinds")),
        contract.Panel(name="raises", summary="s", build=raises),
        contract.Panel(name="late", summary="s", build=broken_when_drawn),
        contract.Panel(name="hungry", summary="s", build=raises, needs=frozenset({"samples"})),
    ]
    registry.shared.cache_clear()
    registry.register(SimpleNamespace(distoolkit_panels=distoolkit.hookimpl(lambda: panels)), "stranger")
    try:
        cards = view(dashboard(data)).cards
    finally:
        registry.shared.cache_clear()
    assert "3 kinds" in words(cards["fine"])
    assert "ValueError: I am &lt;broken&gt;" in words(cards["raises"])
    assert "RuntimeError: only when drawn" in words(cards["late"])
    assert "no samples" in words(cards["hungry"])
    assert "0.500" in words(cards["scores"])


def test_every_picture_can_be_saved_with_its_provenance(data):
    shown = view(dashboard(data))
    buttons = pn.panel(shown).select(pn.widgets.FileDownload)
    assert [b.filename for b in buttons] == ["codes.png", "factors-and-units.png", "response.png"]
    for button in buttons:
        with Image.open(io.BytesIO(button.callback().read())) as image:
            assert "provenance" in image.info["distoolkit"]


def test_images_that_are_not_those_of_the_codes_are_refused(data):
    with pytest.raises(DataError, match="row by row"):
        dashboard(data, data["images"].isel(sample=slice(10)))


def test_markup_in_the_data_stays_text(data):
    evil = schema.stamp(data["latents"], "latents", method="<b onclick=x>", data="<script>")
    assert "<script>" not in words(dashboard({**data, "latents": evil}))
    assert "<b onclick" not in words(dashboard({**data, "latents": evil}))


def test_a_taken_port_is_named(free_port_taken):
    with pytest.raises(DistoolkitError, match=str(free_port_taken)):
        serving._server(lambda: pn.pane.HTML(""), free_port_taken)


@pytest.fixture
def free_port_taken():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]
