"""HoloViews, made ready once: Bokeh for the screen, Matplotlib for files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import holoviews as hv
import xarray as xr

from distoolkit import schema

INK, QUIET, RULE = "#24292f", "#6e7781", "#d0d7de"
"""Colours of text, of secondary text and of thin lines."""


def _without_logo(plot: Any, element: Any) -> None:
    plot.state.toolbar.logo = None


_BOKEH: dict[str, Any] = {
    "default_tools": ["save"],
    "hooks": [_without_logo],
    "autohide_toolbar": True,
    "fontsize": {"title": "11pt", "labels": "10pt", "ticks": "9pt", "legend": "9pt"},
}
_MATPLOTLIB: dict[str, Any] = {"fontsize": {"title": 10, "labels": 9, "ticks": 8, "legend": 8}}


@cache
def ready() -> None:
    """Load both plotting backends; Bokeh draws on the screen, unless the reader chose another one before."""
    loaded = set(hv.Store.renderers)
    from bokeh.core.validation import silence
    from bokeh.core.validation.warnings import FIXED_SIZING_MODE
    from holoviews.plotting import bokeh, mpl  # noqa: F401 - importing them is what loads them

    silence(FIXED_SIZING_MODE, True)  # HoloViews sizes the frame of a plot, and Bokeh would warn at each one
    if not loaded:
        hv.Store.set_current_backend("bokeh")
    if _in_notebook() and not getattr(hv.extension, "_loaded", False):
        hv.extension("bokeh", inline=True, logo=False)


def notebook() -> None:
    """Load into this cell's output what the plots of a notebook need in the browser, so that they work offline.

    Every view does this by itself when it is the first one; call it in a cell of its own to decide where the
    3 MB go, or again to load them into another cell.
    """
    ready()
    if _in_notebook():
        hv.extension("bokeh", inline=True, logo=False)


def styled(
    element: Any, *, bokeh: Mapping[str, Any] | None = None, matplotlib: Mapping[str, Any] | None = None, **both: Any
) -> Any:
    """Set options for both backends: those that they share as keywords, the rest by backend."""
    element.opts(**{**_BOKEH, **both, **(bokeh or {})}, backend="bokeh")
    element.opts(**{**_MATPLOTLIB, **both, **(matplotlib or {})}, backend="matplotlib")
    return element


def boxed(aspect: float) -> Callable[[Any, Any], None]:
    """Return a hook that gives a Matplotlib plot its shape; HoloViews' own is wrong on logarithmic axes."""

    def shape(plot: Any, element: Any) -> None:
        axes = plot.handles["axis"]
        axes.set_aspect("auto")
        axes.set_box_aspect(1 / aspect)

    return shape


def signed(element: Any, *sources: xr.Dataset) -> Any:
    """Let an element remember where its data come from; `export` writes it into the file."""
    element.provenance = provenance(*sources)
    return element


def provenance(*sources: xr.Dataset) -> dict[str, Any]:
    """Read the provenance off Datasets, as plain JSON types; several are listed under ``sources``."""
    records = []
    for source in sources:
        names = {name.removesuffix("_json") for name in source.attrs}
        record = {name: _plain(schema.attribute(source, name)) for name in sorted(names)}
        if record not in records:
            records.append(record)
    return records[0] if len(records) == 1 else {"sources": records}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook; IPython is never imported for the question."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return hasattr(shell, "kernel")
