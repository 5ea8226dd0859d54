"""The notebook on metrics in JupyterLab in a real Chromium: a slider makes the code worse, and its scores follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab")
pytest.importorskip("playwright")

from tests.browser.lab import Lab, not_yet_run, serving

pytestmark = pytest.mark.browser
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "3_metrics.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root, work = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("work")
    (root / "metrics.ipynb").write_text(json.dumps(not_yet_run(NOTEBOOK)), encoding="utf-8")
    with serving(root, work) as running:
        yield running


def test_the_scores_follow_a_slider_the_slow_ones_when_it_rests(
    lab: Lab, visit: Callable[..., Any], tmp_path: Path
) -> None:
    seen = visit("about:blank", width=1400, height=2600)
    opened = lab.open(seen.page, "metrics.ipynb")
    opened.run_all()
    assert opened.errors() == []

    picture = opened.output("img.widget-image")
    summary = opened.output("div[role='status']", has_text="Like the perfect code")
    assert picture.count() == 1
    opened.output("div[role='status']", has_text="Like the perfect code: mig").wait_for()  # the last cell repaired it
    before = picture.get_attribute("src")
    rotation, readout = opened.output(".widget-slider .noUi-handle").first, opened.output(".widget-readout").first
    while float(readout.inner_text()) < 20:
        opened.press_until(rotation, readout.inner_text, keys=["ArrowRight"])
    assert 20 <= float(readout.inner_text()) <= 30, "a key should move the slider by a step or two"
    opened.output("div[role='status']", has_text="dci_disentanglement 0.").wait_for()  # the slider rests
    seen.page.wait_for_function(
        "!document.querySelector('.jp-OutputArea div[role=status]').textContent.includes('Waiting')"
    )
    picture.scroll_into_view_if_needed()
    seen.page.screenshot(path=str(tmp_path / "rotated.png"))
    assert picture.get_attribute("src") != before
    said = summary.inner_text()
    assert "mig 0." in said.split("Not like it")[1]
    assert "factor_vae" in said.split("Not like it")[0]
    assert seen.outside == []
