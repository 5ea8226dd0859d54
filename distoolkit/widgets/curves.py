"""Training curves as one small SVG: drawn in a millisecond, with no plotting library and no open connection."""

from __future__ import annotations

import html

import numpy as np
import numpy.typing as npt
import xarray as xr

POINTS = 240
"""At most this many points a curve: a screen shows no more."""
WIDTH, HEIGHT = 250, 130
_LEFT, _RIGHT, _TOP, _BOTTOM = 10, 10, 40, 22


def curves(history: xr.Dataset) -> str:
    """Draw each reported quantity against the step, one small plot each.

    Parameters
    ----------
    history
        One variable for each quantity, along ``step``.

    Returns
    -------
    str
        HTML: inline SVG that takes the page's text colour, so it fits a dark theme as well.
    """
    steps = history["step"].values if "step" in history.coords else np.arange(0)
    plots = "".join(_plot(str(name), steps, history[name].values) for name in history.data_vars)
    return f'<div style="display:flex;flex-wrap:wrap;gap:6px">{plots}</div>' if len(steps) else ""


def _plot(name: str, steps: npt.NDArray[np.integer], values: npt.NDArray[np.floating]) -> str:
    finite = np.isfinite(values)
    last = f"{values[finite][-1]:.4g}" if finite.any() else "no finite value"
    label = html.escape(f"{name}: {last} at step {steps[-1]}", quote=True)
    return (
        f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" fill="currentColor" font-family="sans-serif">'
        f'<text x="{_LEFT}" y="15" font-size="12">{html.escape(name)}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="15" font-size="12" font-weight="bold" text-anchor="end">{last}</text>'
        f"{_axes(steps, values[finite])}{_line(steps[finite], values[finite], steps)}</svg>"
    )


def _axes(steps: npt.NDArray[np.integer], values: npt.NDArray[np.floating]) -> str:
    base, small = HEIGHT - _BOTTOM, 'font-size="10" opacity="0.7"'
    ticks = (
        f'<text x="{_LEFT}" y="{HEIGHT - 8}" {small}>step {steps[0]}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 8}" {small} text-anchor="end">{steps[-1]}</text>'
    )
    if len(values):
        ticks += f'<text x="{_LEFT}" y="{_TOP - 6}" {small}>{values.min():.4g} to {values.max():.4g}</text>'
    return ticks + f'<path d="M{_LEFT} {base}H{WIDTH - _RIGHT}" stroke="currentColor" opacity="0.3"/>'


def _line(steps: npt.NDArray[np.integer], values: npt.NDArray[np.floating], all_steps: npt.NDArray[np.integer]) -> str:
    if not len(values):
        return ""
    keep = np.unique(np.linspace(0, len(values) - 1, min(POINTS, len(values))).round().astype(int))
    x = _scaled(steps[keep], all_steps[0], all_steps[-1], _LEFT, WIDTH - _RIGHT)
    y = _scaled(values[keep], values.min(), values.max(), HEIGHT - _BOTTOM - 3, _TOP)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    colour = "var(--jp-brand-color1,#1976d2)"
    if len(keep) == 1:
        return f'<circle cx="{x[0]:.1f}" cy="{y[0]:.1f}" r="2.5" fill="{colour}"/>'
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _scaled(
    values: npt.NDArray[np.generic], low: float, high: float, start: float, stop: float
) -> npt.NDArray[np.floating]:
    """Map ``[low, high]`` to ``[start, stop]``; a constant goes to the middle."""
    if high == low:
        return np.full(len(values), (start + stop) / 2)
    return start + (values.astype(np.float64) - low) / (float(high) - float(low)) * (stop - start)
