from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import holoviews as hv
import numpy as np
import pytest
import xarray as xr
from PIL import Image

from distoolkit import registry, schema, views
from distoolkit.contract import DataError

KINDS = ["images", "latents", "traversal", "scores", "history"]


@pytest.fixture
def datasets(tiny_images, latents, traversal, scores, history) -> dict[str, xr.Dataset]:
    return dict(zip(KINDS, (tiny_images, latents, traversal, scores, history), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_usual_picture_with_a_static_form(datasets, kind):
    picture = views.static(datasets[kind])
    image = Image.open(io.BytesIO(picture.png))
    assert image.width > 150
    assert np.asarray(image.convert("L")).std() > 5  # something is drawn
    assert picture.text
    bundle = picture._repr_mimebundle_()
    assert bundle["image/png"] == picture.png
    assert picture.text in bundle["text/plain"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", [".png", ".svg", ".html"])
def test_a_file_holds_the_provenance_of_its_data(datasets, tmp_path, kind, ending):
    dataset = datasets[kind]
    path = views.export(dataset, tmp_path / f"picture{ending}")
    record = views.provenance(path)
    assert record["kind"] == kind
    expected = {n.removesuffix("_json"): schema.attribute(dataset, n.removesuffix("_json")) for n in dataset.attrs}
    assert record == json.loads(json.dumps(expected))
    assert list(tmp_path.iterdir()) == [path]


def test_a_traversal_becomes_a_film_there_and_back(traversal, tmp_path):
    path = views.export(views.traversal(traversal), tmp_path / "film.gif")
    with Image.open(path) as film:
        assert film.n_frames == 8  # 5 steps there, 3 back
        film.seek(4)
        middle = film.convert("L").getpixel((40, 60))
        film.seek(0)
        assert film.convert("L").getpixel((40, 60)) < middle
    assert views.provenance(path)["method"] == "hand_made"


def test_the_frames_of_a_film_are_laid_out_in_rows(tmp_path):
    image = np.zeros((23, 3, 8, 8, 1), np.uint8)
    many = xr.Dataset(
        {"image": (("unit", "step", "y", "x", "channel"), image)}, coords={"unit": [f"z{i}" for i in range(23)]}
    )
    path = views.export(schema.stamp(many, "traversal"), tmp_path / "film.gif")
    with Image.open(path) as film:
        assert film.width > 10 * 48
        assert film.height > 3 * 48


def test_an_svg_is_well_formed_and_its_text_is_text(scores, traversal, tmp_path):
    for dataset, word in ((scores, "z1"), (traversal, "value of the unit")):
        root = ElementTree.fromstring(views.export(dataset, tmp_path / "a.svg").read_text())
        assert word in [element.text for element in root.iter() if element.text]
        assert "date" not in (tmp_path / "a.svg").read_text().lower().replace("mandate", "")


def test_the_same_data_give_the_same_file(scores, tmp_path):
    first, second = (views.export(scores, tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second


def test_a_page_asks_for_nothing_from_outside(latents, tmp_path):
    text = views.export(latents, tmp_path / "a.html").read_text()
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)
    assert len(text) < 2_000_000


def test_markup_in_the_data_stays_text(traversal, tmp_path):
    evil = schema.stamp(traversal, "traversal", data="</script><script>alert(1)</script>")
    path = views.export(evil, tmp_path / "a.html")
    assert "<script>alert" not in path.read_text()
    assert views.provenance(path)["data"] == evil.attrs["data"]
    path = views.export(evil, tmp_path / "a.svg")
    ElementTree.fromstring(path.read_text())
    assert views.provenance(path)["data"] == evil.attrs["data"]


def test_what_cannot_be_written_is_refused_and_leaves_no_file(scores, tmp_path):
    with pytest.raises(DataError, match=r"\.png, \.svg, \.html, \.gif"):
        views.export(scores, tmp_path / "a.pdf")
    with pytest.raises(DataError, match="film"):
        views.export(scores, tmp_path / "a.gif")
    with pytest.raises(DataError, match="int has no static form"):
        views.export(3, tmp_path / "a.png")
    (tmp_path / "foreign.svg").write_text("<svg></svg>")
    with pytest.raises(DataError, match="no provenance"):
        views.provenance(tmp_path / "foreign.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["foreign.svg"]


def test_several_sources_are_all_named(scores, tmp_path):
    other = schema.stamp(scores, "scores", method="other")
    path = views.export(views.scores([scores, other]), tmp_path / "a.png")
    assert [s["method"] for s in views.provenance(path)["sources"]] == ["hand_made", "other"]


def test_what_was_put_together_from_views_knows_their_sources(scores, latents, tmp_path):
    both = views.heatmap(scores) + views.scatter(latents)
    assert {s["kind"] for s in views.provenance(views.export(both, tmp_path / "a.png"))["sources"]} == {
        "scores",
        "latents",
    }


def test_anybodys_holoviews_objects_have_a_static_form():
    curve = hv.Curve([1, 2, 3]).opts(title="mine", backend="bokeh")
    assert views.static(curve).text == "mine"
    assert views.static(hv.HoloMap({0: curve, 1: curve})).png.startswith(b"\x89PNG")
    assert views.static(hv.DynamicMap(lambda: curve)).png.startswith(b"\x89PNG")
    assert views.static(views.static(curve)).text == "mine"


def test_a_table_is_drawn_too(scores, tmp_path):
    assert views.static(views.score_table(scores)).image.width > 200
    with pytest.raises(DataError, match="table"):
        views.export(views.score_table(scores), tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["traversal", "scatter", "heat_map", "responses", "images", "history", "scores"])
def test_every_built_in_panel_draws_from_the_datasets_that_it_needs(datasets, name):
    panel = registry.panels()[name]
    shown = registry.resolve(panel.build)({kind: datasets[kind] for kind in panel.needs})
    assert views.static(shown).png.startswith(b"\x89PNG")


def test_no_figure_stays_open(scores):
    from matplotlib import pyplot

    views.static(views.heatmap(scores)).png  # noqa: B018 - drawing is what is tried
    assert pyplot.get_fignums() == []


def test_listing_the_views_loads_no_plotting_library():
    code = (
        "import sys, distoolkit; from distoolkit import views; dir(views); distoolkit.panels();"
        "print([m for m in ('holoviews', 'bokeh', 'panel', 'matplotlib', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    assert sorted(views._HOME) == views.__all__
    for name in views.__all__:
        assert callable(getattr(views, name))
    with pytest.raises(AttributeError, match="barchart"):
        views.barchart  # noqa: B018 - the look-up is what is tried
