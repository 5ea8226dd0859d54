"""The served dashboard in a real browser: select points, tap a cell, and see that the page answers."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from distoolkit import schema

pytestmark = pytest.mark.browser

_SERVE = """
import sys
from distoolkit import schema
from distoolkit.dashboards import serve
folder, port = sys.argv[1], int(sys.argv[2])
serve({kind: schema.open(f"{folder}/{kind}.nc") for kind in ("images", "latents", "scores")}, port=port, show=False)
"""


@pytest.fixture
def address(tiny_images: xr.Dataset, tmp_path: Path, free_port: int) -> Iterator[str]:
    """Serve the dashboard of the tiny images: z0 is x, z1 is y, so that a corner of the plot holds known samples."""
    factors = tiny_images["factors"].values
    code = np.c_[factors[:, 1], factors[:, 2], 0.1 * factors[:, 0]]
    latents = schema.as_latents(code, factors, ["size", "x", "y"])
    matrix = np.eye(3)[[2, 0, 1]]
    scores = xr.Dataset(
        {"score": ("metric", [0.5]), "mutual_information": (("factor", "unit"), matrix)},
        coords={
            "metric": ["mig"],
            "higher_is_better": ("metric", [1]),
            "factor": ["size", "x", "y"],
            "unit": ["z0", "z1", "z2"],
        },
    )
    for dataset in (tiny_images, latents, schema.stamp(scores, "scores", method="hand_made")):
        schema.save(dataset, tmp_path / f"{dataset.attrs['kind']}.nc")
    server = subprocess.Popen([sys.executable, "-c", _SERVE, str(tmp_path), str(free_port)])
    try:
        yield _answering(f"http://127.0.0.1:{free_port}/", server)
    finally:
        server.terminate()
        server.wait(20)


def _answering(url: str, server: subprocess.Popen[bytes]) -> str:
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return url
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not answer")


def _eventually(look: Callable[[], object], seconds: float = 20) -> object:
    for _ in range(int(seconds * 10)):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("the page did not answer")


def test_selected_points_show_their_images_and_a_tapped_cell_its_response(address, visit):
    seen = visit(address, width=1400, height=1500)
    page = seen.page
    page.wait_for_selector(".bk-Figure", timeout=60_000)
    page.get_by_text("Nothing is selected").wait_for()
    page.wait_for_timeout(1500)
    before = page.locator("img[alt='images of the selected samples']").get_attribute("src")

    plot = page.locator(".bk-Figure").first.bounding_box()
    page.mouse.move(plot["x"] + 150, plot["y"] + 150)  # the tools show once the pointer is over the plot
    page.locator("[class*=box-select]").first.click()
    page.mouse.move(plot["x"] + 60, plot["y"] + 30)
    page.mouse.down()
    page.mouse.move(plot["x"] + 200, plot["y"] + 200, steps=10)
    page.mouse.up()

    page.get_by_text("of 48 selected").wait_for(timeout=20_000)
    caption = page.get_by_text("of 48 selected").locator("xpath=..").inner_text()
    # z1 (y) spreads most and is along x: the upper left corner is a low y and a high x
    assert "x: " in caption
    assert "to 5" not in caption.split("y:")[1]
    shown = page.locator("img[alt='images of the selected samples']")
    _eventually(lambda: shown.get_attribute("src") != before)

    page.get_by_text("z2 as size varies").count()  # where it starts is the unit that follows the first factor
    cells = next(
        figure.bounding_box()
        for figure in page.locator(".bk-Figure").all()[1:]
        if figure.bounding_box()["height"] < 200
    )
    response = page.get_by_label("Factor", exact=True)
    assert response.input_value() == "size"
    page.mouse.click(cells["x"] + cells["width"] * 0.42, cells["y"] + cells["height"] * 0.55)
    _eventually(lambda: response.input_value() == "x")

    assert seen.errors == []
    assert seen.outside == []


def test_it_listens_on_this_machine_only(address):
    port = address.rsplit(":", 1)[1].strip("/")
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    places = {entry[1] for entry in listening if entry[3] == "0A" and int(entry[1].split(":")[1], 16) == int(port)}
    assert places == {f"0100007F:{int(port):04X}"}
