from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr

from distoolkit.runs import Run
from distoolkit.training import fit, start
from distoolkit.training.session import Session
from tests.training import toys


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def train(tiny_images: xr.Dataset, tmp_path: Path) -> Any:
    """Return a function that fits the toy, or a variant of it, in ``tmp_path / name``."""

    def train(name: str = "run", method: Any = None, images: xr.Dataset | None = None, **options: Any) -> Run:
        images = tiny_images if images is None else images
        options = {"folder": tmp_path / name, "progress": False} | options
        return fit(method or toys.method(), images, **options)

    return train


@pytest.fixture
def begin(tiny_images: xr.Dataset, tmp_path: Path) -> Any:
    """Return a function that starts a session of the toy, or of a variant of it."""

    def begin(name: str = "run", method: Any = None, images: xr.Dataset | None = None, **options: Any) -> Session:
        images = tiny_images if images is None else images
        return start(method or toys.method(), images, **({"folder": tmp_path / name} | options))

    return begin
