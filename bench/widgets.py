"""How soon a moved slider shows: from the key to the changed picture, in JupyterLab in a real Chromium."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import Row

STEPS = 16
CELLS = (
    "import distoolkit as dt\nimages = dt.load('sprites', size=64, sample=1000)",
    "run = dt.fit('beta_vae', images, latents=10, steps=50, folder='run', progress=False)",
    "dt.explore(run, images, device='cpu')",
)
# resolves with the milliseconds from the next key to the first frame in which the new picture can be painted
WATCH = """image => {
    const before = image.src;
    window.seen = new Promise(resolve => document.addEventListener('keydown', () => {
        const start = performance.now();
        const look = () => image.src !== before && image.complete
            ? resolve(performance.now() - start) : requestAnimationFrame(look);
        requestAnimationFrame(look);
    }, {once: true, capture: true}));
}"""


def rows() -> Iterator[Row]:
    """Measure the explorer with ten latents and 64x64 pictures."""
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import notebook, serving

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, work = Path(folder, "root"), Path(folder, "work")
        root.mkdir()
        work.mkdir()
        (root / "explorer.ipynb").write_text(json.dumps(notebook(*CELLS)), encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        with serving(root, work) as lab:
            opened = lab.open(browser.new_page(viewport={"width": 1300, "height": 1500}), "explorer.ipynb")
            opened.run_all()
            if opened.errors():
                raise RuntimeError("\n".join(opened.errors()))
            times = _moves(opened)
        browser.close()
    yield Row(
        "explorer, key to changed picture, 10 latents, 64x64",
        median(times),
        "ms",
        100,
        at_least=False,
        note=f"median of {len(times)} steps, slowest {max(times):.0f} ms",
    )


def _moves(opened: Any) -> list[float]:
    """Move one slider step by step; return the milliseconds of each."""
    image = opened.output("img.widget-image").nth(1)
    handle = opened.output(".widget-slider .noUi-handle").nth(1)
    opened.press_until(handle, lambda: image.get_attribute("src"))
    times = []
    for step in range(STEPS):
        opened.page.wait_for_timeout(300)
        image.evaluate(WATCH)
        handle.focus()
        opened.page.keyboard.press("ArrowRight" if step < STEPS // 2 else "ArrowLeft")
        times.append(float(opened.page.evaluate("window.seen")))
    return times
