"""A report and exported pictures, opened from a file in a real browser that reaches no other host."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from distoolkit import schema, views
from distoolkit.reports import report

pytestmark = pytest.mark.browser


@pytest.fixture
def data(tiny_images: xr.Dataset) -> dict[str, xr.Dataset]:
    factors = tiny_images["factors"].values
    code = factors + np.random.default_rng(0).normal(0, 0.1, (48, 3))
    latents = schema.as_latents(code, factors, ["size", "x", "y"])
    image = np.random.default_rng(0).integers(0, 255, (3, 5, 16, 16, 1)).astype(np.uint8)
    traversal = xr.Dataset(
        {"image": (("unit", "step", "y", "x", "channel"), image)}, coords={"unit": ["z0", "z1", "z2"]}
    )
    history = xr.Dataset(
        {"loss": ("step", np.linspace(9, 1, 20))},
        coords={"step": np.arange(20), "stage": ("step", ["train"] * 20), "seconds": ("step", np.arange(20.0))},
    )
    scores = xr.Dataset(
        {"score": ("metric", [0.5]), "mutual_information": (("factor", "unit"), np.eye(3))},
        coords={
            "metric": ["mig"],
            "higher_is_better": ("metric", [1]),
            "factor": ["size", "x", "y"],
            "unit": ["z0", "z1", "z2"],
        },
    )
    return {
        "images": tiny_images,
        "latents": latents,
        "traversal": schema.stamp(traversal, "traversal"),
        "history": schema.stamp(history, "history"),
        "scores": schema.stamp(scores, "scores"),
    }


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, False), (1280, True)])
def test_a_report_opens_offline_and_fits_the_page(data, tmp_path, visit, width, dark):
    seen = visit(report([data, data], tmp_path / "r.html").as_uri(), width=width, dark=dark)
    page = seen.page
    assert page.locator("h2").count() == 9
    broken = page.evaluate("[...document.images].filter(i => !i.complete || i.naturalWidth === 0).length")
    assert page.locator("img").count() == 7  # one row of images, three of each traversal
    assert broken == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.locator("figure svg")
    assert drawn.count() >= 6
    assert all(box["width"] > 100 and box["height"] > 60 for box in (svg.bounding_box() for svg in drawn.all()))
    colours = [page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor")]
    ink, paper = (sum(int(v) for v in colour[4:-1].split(",")) for colour in colours)
    assert (ink > paper) == dark
    assert page.evaluate("getComputedStyle(document.querySelector('#training figure svg text')).fill") == colours[0]
    assert seen.errors == []
    assert seen.outside == []


def test_its_closed_parts_open_without_a_script(data, tmp_path, visit):
    page = visit(report(data, tmp_path / "r.html").as_uri()).page
    closed = page.locator("#provenance details").first
    assert not closed.locator("table").first.is_visible()
    closed.locator("summary").click()
    assert closed.locator("table").first.is_visible()
    assert page.evaluate("document.querySelectorAll('script:not([type=\"application/json\"])').length") == 0


@pytest.mark.parametrize("kind", ["latents", "scores", "history"])
def test_an_exported_plot_is_alive_offline(data, tmp_path, visit, kind):
    seen = visit(views.export(data[kind], tmp_path / "a.html").as_uri())
    seen.page.wait_for_selector(".bk-Canvas, canvas", timeout=30_000)
    assert seen.page.evaluate("window.Bokeh.documents.length") == 1
    assert seen.errors == []
    assert seen.outside == []


@pytest.mark.parametrize("kind", ["latents", "scores", "traversal"])
def test_an_exported_svg_is_drawn(data, tmp_path, visit, kind):
    seen = visit(views.export(data[kind], tmp_path / "a.svg").as_uri())
    box = seen.page.locator("svg").first.bounding_box()
    assert box["width"] > 150
    assert box["height"] > 80
    assert seen.errors == []
