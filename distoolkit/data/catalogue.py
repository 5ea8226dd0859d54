"""The built-in data sets."""

from __future__ import annotations

from distoolkit.contract import DataSource

DATASETS: tuple[DataSource, ...] = ()
