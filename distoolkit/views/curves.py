"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import config, schema
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.views.backend import QUIET, boxed, ready, signed, styled
from distoolkit.views.colours import OKABE_ITO

_MOST_POINTS = 2000
_MAGNITUDES = 1000.0  # a positive curve with a wider range gets a logarithmic axis
_ASPECT = 1.9


def history(
    dataset: xr.Dataset | Mapping[str, xr.Dataset], names: list[str] | None = None, *, columns: int = 2
) -> hv.Layout:
    """Plot what a trainer reported: one small plot for each name, stages shaded in turn.

    Parameters
    ----------
    dataset
        The history of a run, or several by the name of the run; then each run has a colour.
    names
        What to show, in this order; everything that was reported without it.
    columns
        Plots in a row.

    Raises
    ------
    DataError
        Nothing was reported.
    UnknownNameError
        A name that no run reported.
    """
    ready()
    runs = {"": dataset} if isinstance(dataset, xr.Dataset) else dict(dataset)
    for run in runs.values():
        schema.check(run, "history")
    known = list(dict.fromkeys(str(n) for run in runs.values() for n in run.data_vars))
    if not known:
        raise DataError("nothing was reported: the history has no variables")
    for name in names or ():
        if name not in known:
            raise UnknownNameError(config.unknown("report", name, known))
    chosen = names or known
    plots = [_plot(runs, name, legend=position == 0) for position, name in enumerate(chosen)]
    layout = hv.Layout(plots).cols(min(columns, len(plots)))
    layout.opts(shared_axes=False, toolbar=None, title="", backend="bokeh")
    layout.opts(sublabel_format="", tight=True, fig_inches=3.4, vspace=0.08, hspace=0.25, backend="matplotlib")
    return signed(layout, *runs.values())


def stages(dataset: xr.Dataset) -> list[tuple[str, float, float]]:
    """List the stages of a run in their order: name, first step, last step."""
    step, stage = dataset["step"].values, dataset["stage"].values.astype(str)
    if not len(stage):
        return []
    starts = np.flatnonzero(np.r_[True, stage[1:] != stage[:-1]])
    ends = [*starts[1:], len(stage)]
    return [(stage[a], float(step[a]), float(step[b - 1])) for a, b in zip(starts, ends, strict=True)]


def _plot(runs: Mapping[str, xr.Dataset], name: str, legend: bool) -> hv.Overlay:
    points = {label: _points(run, name) for label, run in runs.items() if name in run}
    values = np.concatenate([value for _, value in points.values()])
    logarithmic = bool(values.size and values.min() > 0 and values.max() / values.min() > _MAGNITUDES)
    limits = _limits(values, logarithmic)
    # each name is a dimension of its own, so that a layout does not give all plots one range
    dims = hv.Dimension("step"), hv.Dimension(f"reported_{name}", label=name)
    lines = [
        styled(
            hv.Curve(points[label], *dims, label=label),
            color=OKABE_ITO[i % len(OKABE_ITO)],
            bokeh={"line_width": 1.8, "tools": ["hover"]},
            matplotlib={"linewidth": 1.4},
        )
        for i, label in enumerate(runs)
        if label in points
    ]
    shades = _shades(next(iter(runs.values())), limits, dims) if len(runs) == 1 else []
    show = legend and len(runs) > 1
    return styled(
        hv.Overlay([*shades, *lines]),
        title=name.replace("_", " "),
        xlabel="step",
        ylabel="",
        ylim=limits,
        logy=logarithmic,
        show_legend=show,
        padding=(0.01, 0),
        bokeh={"frame_width": 330, "frame_height": 170, "toolbar": None, "legend_position": "top_right"},
        matplotlib={"aspect": _ASPECT, "hooks": [boxed(_ASPECT)]},
    )


def _points(run: xr.Dataset, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Read one curve: where it was reported, thinned so that a long run draws as fast as a short one."""
    step, value = run["step"].values, np.asarray(run[name].values, dtype=float)
    there = np.flatnonzero(np.isfinite(value))
    there = there[:: max(1, -(-len(there) // _MOST_POINTS))]
    return step[there], value[there]


def _limits(values: npt.NDArray[Any], logarithmic: bool) -> tuple[float, float]:
    """Range of the y axis: that of the values and a little more, never of no height."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if logarithmic:
        return low / 1.3, high * 1.3
    margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return low - margin, high + margin


def _shades(run: xr.Dataset, limits: tuple[float, float], dims: tuple[hv.Dimension, hv.Dimension]) -> list[Any]:
    """Shade every second stage, and write the names of all of them at the upper edge."""
    found = stages(run)
    if len(found) < 2:
        return []
    low, high = limits
    edges = [hv.Dimension("start"), hv.Dimension("low"), hv.Dimension("end"), hv.Dimension("high")]
    spans = styled(
        hv.Rectangles([(a, low, b, high) for _, a, b in found[1::2]], kdims=edges),
        alpha=0.14,
        bokeh={"fill_color": QUIET, "line_width": 0},
        matplotlib={"facecolor": QUIET, "linewidth": 0},
    )
    names = styled(
        hv.Labels([((a + b) / 2, high, f"{name}") for name, a, b in found], kdims=list(dims), vdims=["stage"]),
        bokeh={"text_color": QUIET, "text_font_size": "8pt", "text_baseline": "top"},
        matplotlib={"color": QUIET, "size": 7, "verticalalignment": "top"},
    )
    return [spans, names]
