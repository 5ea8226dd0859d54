"""Several runs and seeds side by side: distributions, never a bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.views.backend import ready, signed, styled
from distoolkit.views.colours import OKABE_ITO

_LEAST_FOR_A_BOX = 5


@dataclass(frozen=True)
class Entry:
    """All scores of one method on one metric.

    Attributes
    ----------
    values
        One for each run, in the order given.
    """

    metric: str
    method: str
    values: tuple[float, ...]
    higher_is_better: bool

    def __str__(self) -> str:
        """Return the median and, for several runs, the range and their number."""
        if not self.values:
            return "–"
        middle = f"{np.median(self.values):.3f}"
        if len(self.values) == 1:
            return middle
        return f"{middle} ({min(self.values):.3f} to {max(self.values):.3f}, n={len(self.values)})"


def scores(
    datasets: xr.Dataset | Sequence[xr.Dataset],
    metrics: Sequence[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    columns: int = 3,
) -> hv.Layout:
    """Compare scores: one small plot for each metric, one line for each method, one point for each run.

    From five runs of a method on, a box shows the quartiles behind the points.

    Parameters
    ----------
    datasets
        Scores of several runs; those of one method share a line.
    metrics
        Which scores, in this order; all of them without it.
    names
        A name for each Dataset, in place of its method's.
    columns
        Plots in a row.
    """
    ready()
    datasets = [datasets] if isinstance(datasets, xr.Dataset) else list(datasets)
    table = entries(datasets, metrics, names=names)
    methods = list(dict.fromkeys(e.method for e in table))
    plots = [
        _strip([e for e in table if e.metric == metric], methods) for metric in dict.fromkeys(e.metric for e in table)
    ]
    layout = hv.Layout(plots).cols(min(columns, len(plots)))
    layout.opts(shared_axes=False, toolbar=None, title="", backend="bokeh")
    layout.opts(sublabel_format="", tight=True, fig_inches=2.6, vspace=0.25, hspace=0.3, backend="matplotlib")
    return signed(layout, *datasets)


def score_table(
    datasets: xr.Dataset | Sequence[xr.Dataset],
    metrics: Sequence[str] | None = None,
    *,
    names: Sequence[str] | None = None,
) -> hv.Table:
    """List scores: one row for each metric, one column for each method; the median and range over its runs."""
    ready()
    datasets = [datasets] if isinstance(datasets, xr.Dataset) else list(datasets)
    table = entries(datasets, metrics, names=names)
    methods = list(dict.fromkeys(e.method for e in table))
    rows: dict[str, dict[str, str]] = {}
    better: dict[str, bool] = {}
    for entry in table:
        rows.setdefault(entry.metric, {})[entry.method] = str(entry)
        better[entry.metric] = entry.higher_is_better
    data = [(m, "higher" if better[m] else "lower", *(cells.get(x, "–") for x in methods)) for m, cells in rows.items()]
    columns = [hv.Dimension(f"method_{i}", label=m) for i, m in enumerate(methods)]
    element = hv.Table(data, ["metric", "better"], columns)
    element.opts(width=min(900, 220 + 170 * len(methods)), height=40 + 26 * len(data), backend="bokeh")
    return signed(element, *datasets)


def entries(
    datasets: Sequence[xr.Dataset], metrics: Sequence[str] | None = None, *, names: Sequence[str] | None = None
) -> list[Entry]:
    """Gather scores by metric and method, metrics in the order in which they first appear.

    Raises
    ------
    DataError
        No Datasets, another number of names, or a metric that none of them has.
    """
    if not datasets:
        raise DataError("no scores to compare: give the Datasets that distoolkit.evaluate returns")
    if names is not None and len(names) != len(datasets):
        raise DataError(f"{len(names)} names for {len(datasets)} scores Datasets")
    found: dict[str, dict[str, list[float]]] = {}
    better: dict[str, bool] = {}
    for dataset in datasets:
        schema.check(dataset, "scores")
    for dataset, method in zip(datasets, names or labels(datasets), strict=True):
        for metric, score, higher in zip(
            dataset["metric"].values, dataset["score"].values, dataset["higher_is_better"].values, strict=True
        ):
            found.setdefault(str(metric), {}).setdefault(method, []).append(float(score))
            better[str(metric)] = bool(higher)
    chosen = list(metrics) if metrics is not None else list(found)
    if missing := [m for m in chosen if m not in found]:
        raise DataError(f"no scores of {missing}; there are {sorted(found)}")
    return [
        Entry(metric, method, tuple(v for v in values if np.isfinite(v)), better[metric])
        for metric in chosen
        for method, values in found[metric].items()
    ]


def labels(datasets: Sequence[xr.Dataset]) -> list[str]:
    """Name what was scored: the method, with the settings and data in which runs of one method differ.

    Runs that differ only by their seed get one name: they are repeats of each other.
    """
    methods = [_first(dataset, "method", "run", "data") for dataset in datasets]
    return [
        " ".join([method, *_differing(dataset, [d for d, m in zip(datasets, methods, strict=True) if m == method])])
        for dataset, method in zip(datasets, methods, strict=True)
    ]


def _first(dataset: xr.Dataset, *names: str) -> str:
    return next((str(text) for name in names if (text := schema.attribute(dataset, name))), "codes")


def _differing(dataset: xr.Dataset, alike: Sequence[xr.Dataset]) -> list[str]:
    def told(one: xr.Dataset) -> dict[str, Any]:
        return {**(schema.attribute(one, "config") or {}), "data": one.attrs.get("data", "")}

    own, others = told(dataset), [told(one) for one in alike]
    return [f"{name}={value}" for name, value in own.items() if any(other.get(name) != value for other in others)]


def _strip(table: list[Entry], methods: list[str]) -> hv.Overlay:
    layers: list[Any] = []
    for entry in table:
        row, colour = methods.index(entry.method), OKABE_ITO[methods.index(entry.method) % len(OKABE_ITO)]
        if len(entry.values) >= _LEAST_FOR_A_BOX:
            layers += _box(entry, row)
        points = hv.Scatter(
            [(v, y, entry.method, i) for i, (v, y) in enumerate(zip(entry.values, _apart(entry, row), strict=True))],
            hv.Dimension("score"),
            [hv.Dimension("line"), hv.Dimension("method"), hv.Dimension("run_number", label="run")],
        )
        layers.append(
            styled(points, color=colour, alpha=0.85, bokeh={"size": 8, "tools": ["hover"]}, matplotlib={"s": 14})
        )
    height = 30 * len(methods) + 10
    return styled(
        hv.Overlay(layers),
        title=table[0].metric + ("" if table[0].higher_is_better else " (lower is better)"),
        xlabel="",
        ylabel="",
        yticks=list(enumerate(methods)),
        ylim=(-0.6, len(methods) - 0.4),
        xlim=_limits(table),
        invert_yaxis=True,
        show_legend=False,
        show_grid=True,
        bokeh={
            "frame_width": 230,
            "frame_height": height,
            "gridstyle": {"ygrid_line_alpha": 0},
            "fontsize": {"title": "9pt", "ticks": "9pt"},
        },
        matplotlib={"aspect": 230 / height},
    )


def _box(entry: Entry, row: int) -> list[Any]:
    """Draw the quartiles as a box with a line at the median."""
    low, middle, high = np.quantile(entry.values, [0.25, 0.5, 0.75])
    box = styled(
        hv.Rectangles([(low, row - 0.32, high, row + 0.32)]),
        bokeh={"fill_color": "#eaeef2", "line_color": "#8b949e"},
        matplotlib={"facecolor": "#eaeef2", "edgecolor": "#8b949e", "linewidth": 0.8},
    )
    median = styled(
        hv.Segments([(middle, row - 0.32, middle, row + 0.32)]),
        color="#57606a",
        bokeh={"line_width": 2},
        matplotlib={"linewidth": 1.6},
    )
    return [box, median]


def _apart(entry: Entry, row: int) -> list[float]:
    """Place the points of a line a little above and below it, in the order of the runs, so that equal ones show."""
    count = len(entry.values)
    return [row + (0.4 * (i / (count - 1) - 0.5) if count > 1 else 0.0) for i in range(count)]


def _limits(table: list[Entry]) -> tuple[float, float]:
    """Range of the scores: 0 to 1 where that is their scale, else that of the values."""
    values = [v for e in table for v in e.values] or [0.0, 1.0]
    low, high = min(values), max(values)
    if table[0].higher_is_better and low >= 0 and high <= 1:
        return -0.03, 1.03
    margin = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    return low - margin, high + margin
