"""Views of a code: where samples lie in it, and how it answers to a factor."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import config, schema
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.views.backend import boxed, ready, signed, styled
from distoolkit.views.colours import OKABE_ITO, palette


def scatter(
    latents: xr.Dataset, x: str | None = None, y: str | None = None, color: str | None = None, *, limit: int = 4000
) -> hv.Points:
    """Plot two entries of the code against each other, coloured by a factor or by a third entry.

    Parameters
    ----------
    latents
        The codes.
    x, y
        Names of two entries (the ``latent`` coordinate); the two that spread most without them.
    color
        Name of a factor or of an entry; the first factor without it, if there are any.
    limit
        More samples than this are thinned out evenly; the title then says so.

    Raises
    ------
    UnknownNameError
        An entry or factor that the Dataset does not have.
    """
    ready()
    schema.check(latents, "latents")
    names, factors = entries(latents), factor_names(latents)
    widest = spreading(latents)
    x = _known("latent", x or next((n for n in widest if n != y), names[0]), names)
    y = _known("latent", y or next((n for n in widest if n != x), names[0]), names)
    color = color or (factors[0] if factors else None)
    if color is not None:
        _known("factor or latent", color, [*factors, *names])
    shown = thinned(latents.sizes["sample"], limit)
    part = latents.isel(sample=shown)
    columns: dict[str, npt.NDArray[Any]] = {
        "code_x": part["code"].values[:, names.index(x)],
        "code_y": part["code"].values[:, names.index(y)],
        "sample": part["sample"].values if "sample" in part.coords else shown,
    }
    for i in range(len(factors)):
        columns[f"factor_{i}"] = part["factors"].values[:, i]
    labels = {"sample": "sample", **{f"factor_{i}": f for i, f in enumerate(factors)}}
    if color is not None and color not in factors:
        columns["color"], labels["color"] = part["code"].values[:, names.index(color)], color
    points = hv.Points(
        columns,
        kdims=[hv.Dimension("code_x", label=x), hv.Dimension("code_y", label=y)],
        vdims=[hv.Dimension(name, label=label) for name, label in labels.items()],
    )
    by = None if color is None else f"factor_{factors.index(color)}" if color in factors else "color"
    total = latents.sizes["sample"]
    which = f"{len(shown):,} of {total:,} samples" if len(shown) < total else f"{total:,} samples"
    title = which + (f", coloured by {color}" if color else "")
    return signed(_paint(points, latents, by, color, title), latents)


def _paint(points: hv.Points, latents: xr.Dataset, by: str | None, color: str | None, title: str) -> hv.Points:
    size = float(np.clip(120 / np.sqrt(len(points)), 3, 8))
    bokeh: dict[str, Any] = {
        "frame_width": 400,
        "frame_height": 400,
        "size": size,
        "default_tools": ["save", "pan", "wheel_zoom", "box_select", "lasso_select", "reset"],
        "tools": ["hover", "tap"],
        "nonselection_alpha": 0.15,
        "line_width": 0,
    }
    matplotlib: dict[str, Any] = {"fig_inches": 4.6, "s": size**2, "linewidth": 0, "aspect": 1}
    matplotlib["hooks"] = [_as_pixels]
    both: dict[str, Any] = {"title": title, "alpha": 0.75, "padding": 0.04}
    if by is None or color is None:
        return styled(points, bokeh=bokeh, matplotlib=matplotlib, color=OKABE_ITO[0], **both)
    both |= {"color": by, "colorbar": True}
    matplotlib["clabel"] = color
    bokeh |= {"clabel": "", "colorbar_opts": {"width": 12}}
    if by == "color":
        return styled(points, bokeh=bokeh, matplotlib=matplotlib, cmap=palette("ordered", 256), **both)
    factor = latents.sel(factor=color)
    count = int(factor["factor_size"])
    both |= {"cmap": palette(str(factor["factor_kind"].values), count), "clim": (-0.5, count - 0.5)}
    ticks = list(range(0, count, max(1, -(-count // 12))))
    words = _words(latents, color)
    bokeh["colorbar_opts"] |= {
        "ticker": _fixed(ticks),
        "major_label_overrides": {t: words[t] for t in ticks if t < len(words)},
    }
    matplotlib["cbar_ticks"] = [(t, words[t] if t < len(words) else str(t)) for t in ticks]
    return styled(points, bokeh=bokeh, matplotlib=matplotlib, **both)


def response(latents: xr.Dataset, unit: str | None = None, factor: str | None = None) -> hv.Overlay:
    """Plot how a unit answers as one factor varies: the mean code, with its spread over everything else.

    The band (for categories, the bar) reaches one standard deviation over the samples to either side of the mean.
    A unit that encodes this factor and nothing else gives a line that moves and a thin band.

    Parameters
    ----------
    latents
        Codes with their true factors.
    unit
        One unit; every entry of it gets a line. The first without it.
    factor
        One factor; the first without it.

    Raises
    ------
    DataError
        The factors are not known.
    """
    ready()
    schema.check(latents, "latents")
    factors = factor_names(latents)
    if not factors:
        raise DataError("the true factors of these codes are not known, so there is no response to show")
    factor = _known("factor", factor or factors[0], factors)
    unit = _known("unit", unit or schema.units(latents)[0], schema.units(latents))
    kind = str(latents.sel(factor=factor)["factor_kind"].values)
    parts = []
    for i, entry in enumerate(np.flatnonzero(latents["unit"].values.astype(str) == unit)):
        value, mean, spread = answers(latents, int(entry), factor)
        name = entries(latents)[entry]
        parts += _line(value, mean, spread, kind, name, OKABE_ITO[i % len(OKABE_ITO)], _words(latents, factor))
    overlay = hv.Overlay(parts).opts(hv.opts.Overlay(show_legend=len(parts) > 2, backend="bokeh"))
    whole = styled(
        overlay,
        title=f"{unit} as {factor} varies",
        xlabel=factor,
        ylabel=f"{unit}: mean ± 1 s.d.",
        padding=0.08,
        bokeh={"frame_width": 360, "frame_height": 230},
        matplotlib={"fig_inches": 4.4, "aspect": 1.6, "show_legend": len(parts) > 2, "hooks": [boxed(1.6)]},
    )
    return signed(whole, latents)


def responses(latents: xr.Dataset, *, columns: int = 2) -> hv.Layout:
    """Plot, for each factor, the response of the unit that follows it most closely.

    How closely is measured by the correlation ratio: the share of a unit's variance that the factor's values
    explain, the best entry counting for a unit of several.
    """
    ready()
    schema.check(latents, "latents")
    plots = [response(latents, follower(latents, factor), factor) for factor in factor_names(latents)]
    if not plots:
        raise DataError("the true factors of these codes are not known, so there is no response to show")
    layout = hv.Layout(plots).cols(min(columns, len(plots)))
    layout.opts(shared_axes=False, toolbar=None, title="", backend="bokeh")
    layout.opts(sublabel_format="", tight=True, fig_inches=3.4, vspace=0.35, hspace=0.35, backend="matplotlib")
    return signed(layout, latents)


def follower(latents: xr.Dataset, factor: str) -> str:
    """Name the unit that follows a factor most closely, by the correlation ratio."""
    labels = latents["factors"].values[:, factor_names(latents).index(factor)]
    _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
    code = latents["code"].values.astype(np.float64)
    code = code - code.mean(axis=0)
    sums = np.stack([np.bincount(place, column) for column in code.T], axis=1)
    total = (code**2).sum(axis=0)
    ratio = (sums**2 / count[:, None]).sum(axis=0) / np.where(total > 0, total, 1.0)
    return str(latents["unit"].values[int(ratio.argmax())])


def answers(latents: xr.Dataset, entry: int, factor: str) -> tuple[npt.NDArray[Any], ...]:
    """Compute the mean and standard deviation of one entry of the code for each value that the factor takes.

    Returns
    -------
    value, mean, spread
        Each of shape (number of values that occur,).
    """
    labels = latents["factors"].values[:, factor_names(latents).index(factor)]
    code = latents["code"].values[:, entry].astype(np.float64)
    value, place = np.unique(labels, return_inverse=True)
    count = np.bincount(place)
    mean = np.bincount(place, code) / count
    spread = np.sqrt(np.bincount(place, (code - mean[place]) ** 2) / count)
    return value, mean, spread


def entries(latents: xr.Dataset) -> list[str]:
    """Names of the entries of the flat code."""
    return [str(name) for name in latents["latent"].values]


def spreading(latents: xr.Dataset) -> list[str]:
    """Names of the entries of the code, from the one that spreads most to the one that spreads least."""
    spread = latents["code"].values.std(axis=0)
    return [entries(latents)[i] for i in np.argsort(-spread, kind="stable")]


def factor_names(dataset: xr.Dataset) -> list[str]:
    """Names of the true factors; none when they are not known."""
    return [str(name) for name in dataset["factor"].values] if "factors" in dataset else []


def thinned(count: int, limit: int) -> npt.NDArray[np.intp]:
    """Positions of at most ``limit`` samples, drawn without order so that no period of the data shows."""
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, limit, replace=False))


def _words(latents: xr.Dataset, factor: str) -> list[str]:
    """Names of a factor's values, where the data set has them."""
    return [str(word) for word in schema.attribute(latents, "factor_labels", {}).get(factor, [])]


def _line(value: Any, mean: Any, spread: Any, kind: str, name: str, colour: str, words: list[str]) -> list[Any]:
    rows = (value, mean, spread)
    if kind == "categorical":
        bars = styled(hv.ErrorBars(rows, label=name), bokeh={"line_color": colour}, matplotlib={"edgecolor": colour})
        dots = styled(hv.Scatter((value, mean), label=name), bokeh={"size": 8}, matplotlib={"s": 36}, color=colour)
        ticks = [(int(v), words[v] if v < len(words) else str(v)) for v in value]
        return [bars, dots.opts(xticks=ticks, backend="bokeh").opts(xticks=ticks, backend="matplotlib")]
    band = styled(
        hv.Spread(rows, label=name),
        alpha=0.22,
        bokeh={"fill_color": colour, "line_width": 0},
        matplotlib={"facecolor": colour, "linewidth": 0},
    )
    line = styled(
        hv.Curve((value, mean), label=name), color=colour, bokeh={"line_width": 2.5}, matplotlib={"linewidth": 2}
    )
    return [band, line]


def _as_pixels(plot: Any, element: Any) -> None:
    """Let the points of an SVG be a picture in it: thousands of circles would make it heavy."""
    plot.handles["artist"].set_rasterized(True)


def _fixed(ticks: list[int]) -> Any:
    from bokeh.models import FixedTicker

    return FixedTicker(ticks=ticks)


def _known(what: str, name: str, names: list[str]) -> str:
    if str(name) not in names:
        raise UnknownNameError(config.unknown(what, str(name), names))
    return str(name)
