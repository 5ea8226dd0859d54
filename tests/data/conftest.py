"""No test of a data set may touch the reader's cache folder or the network."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DISTOOLKIT_DATA", str(folder))
    return folder
