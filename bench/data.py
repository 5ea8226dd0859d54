"""Rendered data sets: random batches, and a whole grid written to the disk."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from bench.measure import Row
from distoolkit.data import load, materialise

ROOM = 8 * 2**30
"""Bytes that must be free before six gigabytes are written."""


def rows() -> Iterator[Row]:
    """Time the reading of random batches and the rendering of all 480,000 images of shapes3d."""
    for name in ("sprites", "shapes3d"):
        for size in (64, 32):
            milliseconds = _batch(load(name, size=size))
            yield Row(f"{name}: random batch of 64 at {size}x{size}, median", milliseconds, "ms", 5, False)
    if shutil.disk_usage(tempfile.gettempdir()).free < ROOM:
        print(f"  shapes3d whole: left out, less than {ROOM >> 30} GB free in {tempfile.gettempdir()}")
        return
    with tempfile.TemporaryDirectory(prefix="distoolkit-bench-") as folder:
        wall, cpu = _whole(Path(folder))
        note = f"with the flush to the disk; {cpu:.0f} s of it CPU"
        yield Row("shapes3d: all 480,000 images at 64x64 to a .npy file, wall", wall, "s", 60, False, note)


def _batch(images: xr.Dataset) -> float:
    """Return the median milliseconds (wall) of one batch, after the scenes have been cast."""
    rng = np.random.default_rng(0)
    image, count = images["image"].variable, images.sizes["sample"]
    image[rng.integers(0, count, 8192)].values  # noqa: B018 - casts the scenes
    seconds = []
    for _ in range(50):
        index = rng.integers(0, count, 64)
        start = time.perf_counter()
        image[index].values  # noqa: B018
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def _whole(folder: Path) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    materialise(load("shapes3d"), folder / "shapes3d.npy", progress=False)
    return time.perf_counter() - start, time.process_time() - cpu
