"""What every test shares: one thread, no plugin folder of the machine, tiny images."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell tells the jobs that it starts in the background to ignore Ctrl-C; some tests press it
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
import xarray as xr

from distoolkit import schema


@pytest.fixture
def tiny_images() -> xr.Dataset:
    """48 grey 16x16 images of a bright square: 2 sizes, 4 places along x, 6 along y."""
    factors = np.stack(np.meshgrid(range(2), range(4), range(6), indexing="ij"), axis=-1).reshape(-1, 3)
    image = np.zeros((len(factors), 16, 16, 1), dtype=np.uint8)
    for picture, (size, x, y) in zip(image, factors, strict=True):
        picture[2 * y : 2 * y + 3 + size, 3 * x : 3 * x + 3 + size] = 255
    return schema.as_images(image, factors, ["size", "x", "y"], name="tiny")
