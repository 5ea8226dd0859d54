"""The core's own data sets, metrics and panels: they come in through the same hooks as anybody's."""

from __future__ import annotations

from distoolkit.contract import DataSource, Metric, Panel
from distoolkit.hookspecs import hookimpl


@hookimpl
def distoolkit_datasets() -> list[DataSource]:
    """Give the built-in data sets."""
    from distoolkit.data.catalogue import DATASETS

    return list(DATASETS)


@hookimpl
def distoolkit_metrics() -> list[Metric]:
    """Give the built-in metrics."""
    from distoolkit.metrics.catalogue import METRICS

    return list(METRICS)


@hookimpl
def distoolkit_panels() -> list[Panel]:
    """Give the built-in panels."""
    from distoolkit.views.catalogue import PANELS

    return list(PANELS)
