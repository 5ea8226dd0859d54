"""JupyterLab in a real Chromium: the notebook runs, a slider changes the picture, plots are drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab")
pytest.importorskip("playwright")

from tests.browser.lab import Lab, not_yet_run, notebook, serving

pytestmark = pytest.mark.browser
QUICKSTART = Path(__file__).parents[2] / "notebooks" / "1_quickstart.ipynb"

WIDGETS = (
    "import distoolkit as dt\nimages = dt.load('sprites', size=32, sample=400)",
    "run = dt.fit('pca', images, latents=6, folder='pca', progress=False)",
    "explorer = dt.explore(run, images)\nexplorer",
    "panel = dt.widgets.training_panel('vae', images, folder='vae', width=8, steps=40)\npanel",
    "dt.views.scatter(dt.encode(run, images))",
    "dt.views.static(dt.views.images(images, 8))",
)
# pictures that hold something: an image that is broken, or not there yet, has no width
DRAWN = "[...document.querySelectorAll('.jp-OutputArea img')].filter(e => e.complete && e.naturalWidth > 20).length"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root, work = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("work")
    (root / "widgets.ipynb").write_text(json.dumps(notebook(*WIDGETS)), encoding="utf-8")
    if QUICKSTART.exists():
        (root / "quickstart.ipynb").write_text(json.dumps(not_yet_run(QUICKSTART)), encoding="utf-8")
    with serving(root, work) as running:
        yield running


def source(image: Any) -> Callable[[], str]:
    return lambda: str(image.get_attribute("src"))


def pixels(image: Any) -> list[int]:
    """Read the pixels that the browser shows."""
    return image.evaluate(
        """e => { const c = document.createElement('canvas'); c.width = e.naturalWidth; c.height = e.naturalHeight;
                  const g = c.getContext('2d'); g.drawImage(e, 0, 0);
                  return Array.from(g.getImageData(0, 0, c.width, c.height).data); }"""
    )


def test_the_explorer_and_the_training_panel_work_in_jupyterlab(
    lab: Lab, visit: Callable[..., Any], tmp_path: Path
) -> None:
    seen = visit("about:blank", height=2000)
    opened = lab.open(seen.page, "widgets.ipynb")
    opened.run_all()
    assert opened.errors() == []

    # plots are drawn: with BokehJS missing no cell raises, and the place is blank
    opened.output(".bk-Figure canvas").first.wait_for()  # in a shadow root, which the selector enters
    assert opened.output(".bk-Figure").count() == 1
    assert seen.page.evaluate(DRAWN) == 4  # three of the explorer and one that needs no kernel

    # the explorer: moving a slider changes the decoded picture, and not the one that it came from
    images = opened.output("img.widget-image")
    images.first.wait_for()
    assert images.count() == 3
    source_picture, decoded = pixels(images.nth(0)), pixels(images.nth(1))
    handle = opened.output(".widget-slider .noUi-handle").nth(1)  # the first is the sample picker
    opened.press_until(handle, source(images.nth(1)))
    assert pixels(images.nth(1)) != decoded
    assert pixels(images.nth(0)) == source_picture
    opened.output("button[title='Take the code of the image again']").click()
    seen.page.wait_for_timeout(1000)
    assert pixels(images.nth(1)) == decoded

    # the training panel: Start trains, and the curves and the bar arrive
    opened.output("button[title='Train with these settings']").click()
    opened.output("div[role='status']", has_text="Finished after 40 steps").wait_for()
    assert opened.output("svg[role='img'] polyline").count() >= 3
    assert opened.output(".progress-bar-success").count() == 1
    seen.page.screenshot(path=str(tmp_path / "widgets.png"))
    # Panel asks for its style sheets by their public address; without them a plot is only slightly plainer
    assert [address for address in seen.outside if ".css" not in address] == []


@pytest.mark.skipif(not QUICKSTART.exists(), reason="the tutorial is not here")
def test_the_first_tutorial_runs_and_is_alive(lab: Lab, visit: Callable[..., Any], tmp_path: Path) -> None:
    seen = visit("about:blank", height=3000)
    opened = lab.open(seen.page, "quickstart.ipynb")
    opened.run_all()
    assert opened.errors() == []
    assert seen.page.evaluate(DRAWN) >= 8
    decoded = opened.output("img.widget-image").nth(1)
    before = pixels(decoded)
    opened.press_until(opened.output(".widget-slider .noUi-handle").nth(1), source(decoded))
    assert pixels(decoded) != before
    seen.page.screenshot(path=str(tmp_path / "quickstart.png"))
