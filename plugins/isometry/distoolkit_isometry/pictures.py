"""What only these methods have to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import torch
import xarray as xr
from scipy.optimize import linear_sum_assignment

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data.batches import Pixels
from distoolkit.runs import Run
from distoolkit.views.backend import ready, signed, styled
from distoolkit.views.codes import scatter
from distoolkit.views.colours import OKABE_ITO
from distoolkit_isometry.neighbours import Array
from distoolkit_isometry.nullspace import ROUND_OFF, gap_after
from distoolkit_isometry.spectral import Solution

if TYPE_CHECKING:
    from distoolkit_isometry.report import IsometryReport

_MOST = 4000  # codes that are drawn


def eigenvalues(run: Run, images: xr.Dataset) -> hv.Overlay:
    """Plot the smallest eigenvalues: those of the code, a gap, and those of everything that bends."""
    model: Any = run.model()
    return _eigenvalues(model.charts.eigenvalues.numpy(), run.config.latents)


def local_dimension(run: Run, images: xr.Dataset) -> hv.Bars:
    """Plot how the variance of a neighbourhood is shared by its principal directions."""
    model: Any = run.model()
    return _spectrum(model.charts.spectrum.numpy(), run.config.latents)


def report_picture(report: IsometryReport) -> hv.Layout:
    """Draw the local spectrum beside the eigengap of each number of latents."""
    gaps = [(n, s.null.gap) for n, s in sorted(report.solutions.items()) if isinstance(s, Solution)]
    if not gaps:
        raise DataError(f"there is nothing to draw: {report.doubts[0]}")
    ready()
    bars = hv.Bars(gaps, "latents", "eigengap")
    styled(bars, title="Eigengap by number of latents", color=OKABE_ITO[1], bokeh=_FRAME)
    layout = _spectrum(report.locality.spectrum, report.suggested) + bars
    layout.opts(shared_axes=False, toolbar=None, backend="bokeh")
    layout.opts(sublabel_format="", backend="matplotlib")
    return layout.cols(2)


def before_and_after(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot the autoencoder's own code beside the turned one; without two latents there is nothing to turn."""
    if run.config.latents < 2:
        raise DataError("a code of one entry cannot be turned: fit with 2 or more latents")
    model: Any = run.model()
    shown = images.isel(sample=slice(_MOST))
    raw, turned = _codes(model, shown)
    factors = {"factors": shown["factors"]} if "factors" in shown else {}
    plots = []
    for title, code in (("before ICA", raw), ("after ICA", turned)):
        latents = schema.as_latents(code, name=run.name).assign_coords(sample=shown["sample"])
        plot = scatter(latents.merge(xr.Dataset(factors)).assign_attrs(latents.attrs), "z0", "z1")
        plots.append(styled(plot, title=title))
    layout = hv.Layout(plots).cols(2)
    layout.opts(shared_axes=False, toolbar=None, backend="bokeh")
    layout.opts(sublabel_format="", backend="matplotlib")
    return signed(layout, images)


def recovered(latents: xr.Dataset, images: xr.Dataset) -> hv.Layout:
    """Plot each true factor against the entry of the code that is matched to it; a straight line is a recovery.

    Parameters
    ----------
    latents
        Codes of the images.
    images
        With the true values of their factors, ``factor_values(sample, factor)``, or only their bins.
    """
    schema.check(latents, "latents")
    schema.check(images, "images")
    if "factors" not in images:
        raise DataError("the true factors of these images are not known, so nothing can be compared with them")
    truth = images["factor_values" if "factor_values" in images else "factors"].values.astype(np.float64)
    code = latents["code"].values.astype(np.float64)
    if len(code) != len(truth):
        raise DataError(f"{len(code)} codes and {len(truth)} images: give the same samples")
    ready()
    plots = []
    for row, column, correlation in _partners(truth, code):
        factor, entry = str(images["factor"].values[row]), str(latents["latent"].values[column])
        pairs = (truth[:_MOST, row], code[:_MOST, column])
        points = hv.Scatter(pairs, hv.Dimension(f"true {factor}"), hv.Dimension(f"recovered {entry}"))
        size = {"bokeh": {"size": 3, "frame_width": 230, "frame_height": 230}, "matplotlib": {"s": 4, "aspect": 1}}
        plots.append(styled(points, title=f"correlation {correlation:.3f}", color=OKABE_ITO[0], alpha=0.5, **size))
    layout = hv.Layout(plots).cols(len(plots))
    layout.opts(shared_axes=False, toolbar=None, backend="bokeh")
    layout.opts(sublabel_format="", tight=True, fig_inches=2.8, backend="matplotlib")
    return signed(layout, latents)


_FRAME = {"frame_width": 320, "frame_height": 220}


def _eigenvalues(values: Array, latents: int) -> hv.Overlay:
    ready()
    positive = np.maximum(values, ROUND_OFF)
    place = np.arange(1, len(values) + 1)
    parts = []
    for label, chosen, colour in (("code", place <= latents, OKABE_ITO[0]), ("rest", place > latents, OKABE_ITO[1])):
        points = hv.Scatter((place[chosen], positive[chosen]), "number", "eigenvalue", label=label)
        parts.append(styled(points, color=colour, bokeh={"size": 9}, matplotlib={"s": 40}))
    title = f"Eigengap {gap_after(values, latents):.3g} after {latents}"
    return styled(hv.Overlay(parts), title=title, logy=True, padding=0.1, bokeh=_FRAME)


def _spectrum(spectrum: Array, latents: int) -> hv.Bars:
    ready()
    bars = hv.Bars(
        [(k + 1, float(v)) for k, v in enumerate(spectrum)],
        hv.Dimension("direction", label="principal direction"),
        hv.Dimension("share", label="share of local variance"),
    )
    share = float(spectrum[:latents].sum())
    ticks = list(range(1, len(spectrum) + 1, 1 + len(spectrum) // 10))
    title = f"{latents} directions hold {share:.1%}"
    return styled(bars, title=title, color=OKABE_ITO[0], xticks=ticks, bokeh=_FRAME)


def _partners(truth: Array, code: Array) -> list[tuple[int, int, float]]:
    """Give each factor an entry of its own, so that the absolute correlations are largest in sum."""
    width = truth.shape[1]
    with np.errstate(invalid="ignore"):  # an entry that never changes correlates with nothing
        correlation = np.nan_to_num(np.corrcoef(truth.T, code.T)[:width, width:])
    rows, columns = linear_sum_assignment(-np.abs(correlation))
    return [(int(i), int(j), float(correlation[i, j])) for i, j in zip(rows, columns, strict=True)]


@torch.no_grad()
def _codes(model: Any, images: xr.Dataset) -> tuple[Array, Array]:
    """Return the code before and after the turn, (sample, latent) each."""
    pixels = Pixels(images, torch.device("cpu"), resident=False)
    raw = torch.cat([model.encoder(batch["image"]) for batch in pixels.chunks(256)])
    return raw.numpy(), model.turn(raw).numpy()
