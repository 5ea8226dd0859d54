"""The heat map of a matrix that stands behind a score."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import config, schema
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.views.backend import ready, signed, styled
from distoolkit.views.colours import DIVERGING, SEQUENTIAL, ramp

_PREFERRED = ("mutual_information", "importance")
_MOST_NUMBERS = 150
_ON_LIGHT, _ON_DARK = "#1c2733", "white"  # of numbers: they stand on the cells' own colours, whatever the page's


def matrices(scores: xr.Dataset) -> list[str]:
    """Name the factor-by-unit matrices of a scores Dataset, the most telling first."""
    names = [str(n) for n, v in scores.data_vars.items() if set(v.dims) == {"factor", "unit"}]
    return sorted(names, key=lambda n: (_PREFERRED.index(n) if n in _PREFERRED else len(_PREFERRED), n))


def heatmap(scores: xr.Dataset, name: str | None = None) -> hv.Overlay:
    """Show a factor-by-unit matrix: units along x, factors along y, the numbers in the cells where they fit.

    A code that is axis-aligned has one dark cell in each row and at most one in each column.

    Parameters
    ----------
    scores
        What `distoolkit.evaluate` returns.
    name
        The matrix; by default mutual information, else the importances, else the first there is.

    Raises
    ------
    DataError
        There is no such matrix in this Dataset at all.
    UnknownNameError
        Not this one.
    """
    ready()
    schema.check(scores, "scores")
    known = matrices(scores)
    if not known:
        raise DataError(
            "these scores hold no factor-by-unit matrix; evaluate latents that have factors with a metric such as 'mig'"
        )
    if name is not None and name not in known:
        raise UnknownNameError(config.unknown("matrix", name, known))
    name = name or known[0]
    matrix = scores[name].transpose("factor", "unit")
    units = [str(u) for u in matrix["unit"].values]
    factors = [str(f) for f in matrix["factor"].values]
    values = np.asarray(matrix.values, dtype=float)
    title = str(matrix.attrs.get("long_name", name.replace("_", " ")))
    return signed(_cells(values, factors, units, title), scores)


def _cells(values: npt.NDArray[Any], factors: list[str], units: list[str], title: str) -> hv.Overlay:
    # numbered cells with named ticks: Matplotlib's category axes refuse text on top of a heat map
    rows = [
        (j - 0.5, i - 0.5, j + 0.5, i + 0.5, values[i, j], unit, factor)
        for i, factor in enumerate(factors)
        for j, unit in enumerate(units)
        if np.isfinite(values[i, j])
    ]
    vdims = [hv.Dimension("value", label=title), "unit", hv.Dimension("factor_name", label="factor")]
    low, high = _range(values)
    cell = int(np.clip(560 / len(units), 20, 48))
    tall = int(np.clip(cell, 24, 36))
    numbers = _numbers(values, high) if values.size <= _MOST_NUMBERS else []
    cells = styled(
        hv.Rectangles(rows, vdims=vdims),
        color="value",
        cmap=ramp(DIVERGING if low < 0 else SEQUENTIAL, 256),
        clim=(low, high),
        colorbar=not numbers,
        bokeh={
            "tools": ["tap", "hover"],
            "hover_tooltips": [("unit", "@{unit}"), ("factor", "@{factor_name}"), (title, "@{value}{0.000}")],
            "line_color": "white",
            "nonselection_alpha": 1.0,
            "selection_line_color": _ON_LIGHT,
            "selection_line_width": 3,
            "colorbar_opts": {"width": 10, "title": ""},
        },
        matplotlib={"edgecolor": "white", "linewidth": 1, "clabel": "", "cbar_width": 0.025, "cbar_padding": 0.02},
    )
    turned = {"xrotation": 60} if max(map(len, units)) * 8 > cell else {}
    return styled(
        hv.Overlay([cells, *numbers]),
        title=title,
        xlabel="",
        ylabel="",
        xticks=list(enumerate(units)),
        yticks=list(enumerate(factors)),
        xlim=(-0.5, len(units) - 0.5),
        ylim=(-0.5, len(factors) - 0.5),
        invert_yaxis=True,
        show_legend=False,
        **turned,
        bokeh={"frame_width": cell * len(units), "frame_height": tall * len(factors)},
        matplotlib={
            "fig_inches": (0.014 * cell * len(units) + 0.8, 0.014 * tall * len(factors) + 0.5),
            "aspect": "auto",
        },
    )


def _numbers(values: npt.NDArray[Any], high: float) -> list[Any]:
    """Write the numbers, dark on light cells and light on dark ones."""
    layers = []
    for on_dark, colour in ((False, _ON_LIGHT), (True, _ON_DARK)):
        chosen = [
            (j, i, f"{v:.2f}".replace("-", "−") if np.isfinite(v) else "·")
            for (i, j), v in np.ndenumerate(values)
            if (abs(v) > 0.55 * high) == on_dark
        ]
        layers.append(
            styled(
                hv.Labels(chosen, vdims=["text"]),
                bokeh={"text_color": colour, "text_font_size": "8pt", "hooks": [_never_faded]},
                matplotlib={"color": colour, "size": 7},
            )
        )
    return layers


def _never_faded(plot: Any, element: Any) -> None:
    """Keep the numbers as they are when a cell is tapped; Bokeh would fade all but one of them."""
    plot.handles["glyph_renderer"].nonselection_glyph = None


def _range(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Range of the colours: from 0 up, or the same to either side of 0 where there are negative values."""
    finite = values[np.isfinite(values)]
    high = float(np.abs(finite).max()) if finite.size else 0.0
    high = high or 1.0
    return (-high if finite.size and finite.min() < 0 else 0.0), high
