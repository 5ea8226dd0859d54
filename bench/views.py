"""How long pictures take: a traversal as PNG, a plot as SVG, a report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from bench.measure import Row, cpu_seconds
from distoolkit import schema, views
from distoolkit.reports import report

UNITS, STEPS, SIDE, SAMPLES = 10, 9, 64, 4000


def rows() -> Iterator[Row]:
    """Measure ten units, 64x64 images and 4,000 samples, once the plotting libraries are loaded."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 8, (SAMPLES, 5))
    latents = schema.as_latents(rng.normal(size=(SAMPLES, UNITS)), factors)
    image = rng.integers(0, 255, (UNITS, STEPS, SIDE, SIDE, 3)).astype(np.uint8)
    units = schema.units(latents)
    traversal = schema.stamp(
        xr.Dataset({"image": (("unit", "step", "y", "x", "channel"), image)}, coords={"unit": units}), "traversal"
    )
    views.static(views.scatter(latents)).png  # noqa: B018 - loads what is only loaded once
    seconds = cpu_seconds(lambda: views.static(traversal).png)
    yield Row("traversal of 10 units, 9 steps, 64x64x3 as PNG", 1000 * seconds, "ms", 600, False)
    seconds = cpu_seconds(lambda: views.static(views.scatter(latents)).svg)
    yield Row("scatter of 4,000 samples as SVG", 1000 * seconds, "ms", 600, False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        seconds = cpu_seconds(lambda: report({"latents": latents, "traversal": traversal}, path))
        yield Row("report with traversal, responses and scatter", seconds, "s", 4, False)
        yield Row("size of that report, its images being noise", path.stat().st_size / 1e6, "MB", 2.5, False)
