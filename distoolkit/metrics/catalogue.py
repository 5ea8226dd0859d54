"""The built-in metrics."""

from __future__ import annotations

from distoolkit.contract import Metric

METRICS: tuple[Metric, ...] = ()
