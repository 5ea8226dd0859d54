"""The dashboard and the views as outputs of cells in JupyterLab, offline."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab")
pytest.importorskip("playwright")

from playwright.sync_api import TimeoutError

from tests.browser.lab import notebook, serving

pytestmark = pytest.mark.browser

CELLS = (
    "import numpy as np, distoolkit as dt\nfrom distoolkit import schema",
    "images = dt.load('digits', size=32, sample=200)\n"
    "code = np.c_[images['factors'].values[:, 0], np.linspace(0, 9, 200)]\n"
    "latents = dt.as_latents(code, images['factors'].values, ['digit'], factor_kinds=['categorical'])",
    "dt.views.scatter(latents, 'z0', 'z1')",
    "dt.views.static(latents)",
    "board = dt.dashboard({'images': images, 'latents': latents})\nboard",
)


def test_points_selected_in_a_cell_reach_the_kernel_and_their_images_come_back(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    root.mkdir()
    work.mkdir()
    (root / "board.ipynb").write_text(json.dumps(notebook(*CELLS)), encoding="utf-8")
    with serving(root, work) as lab:
        seen = visit("about:blank", width=1500, height=3600)
        opened = lab.open(seen.page, "board.ipynb")
        opened.run_all()
        assert opened.errors() == []
        page = seen.page
        opened.output("img[alt='images of the selected samples']").wait_for()
        figures = opened.output(".bk-Figure")
        assert figures.count() == 3  # the scatter, and in the dashboard a scatter and a response
        assert opened.output("img[src^='data:image/png']").first.is_visible()

        shown = opened.output("img[alt='images of the selected samples']")
        before, plot = shown.get_attribute("src"), figures.nth(1)
        plot.scroll_into_view_if_needed()
        for _ in range(8):  # a drag that comes before the comm is open is lost
            box = plot.bounding_box()
            page.mouse.move(box["x"] + 150, box["y"] + 150)
            if not plot.locator("[class*=box-select][class*=active]").count():  # a second click would switch it off
                plot.locator("[class*=box-select]").first.click()
            page.mouse.move(box["x"] + 60, box["y"] + 40)
            page.mouse.down()
            page.mouse.move(box["x"] + 220, box["y"] + 220, steps=8)
            page.mouse.up()
            with contextlib.suppress(TimeoutError):
                page.get_by_text("of 200 selected").wait_for(timeout=8_000)
                break
        assert page.get_by_text("of 200 selected").count()
        assert shown.get_attribute("src") != before
