"""What only PCA has to show."""

from __future__ import annotations

import dataclasses
from typing import Any

import holoviews as hv
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.data.batches import as_bytes
from distoolkit.runs import Run
from distoolkit.views.backend import ready, styled
from distoolkit.views.pictures import board, contact_sheet


def eigenimages(run: Run, images: xr.Dataset) -> hv.RGB:
    """Show the mean image and each component; grey is no change, and each has a contrast of its own."""
    model: Any = run.model()
    extreme = model.components.abs().amax(1, keepdim=True).clamp_min(1e-12)
    pixels = torch.cat([model.mean[None], 0.5 + 0.5 * model.components / extreme])
    dataset = schema.as_images(as_bytes(pixels.reshape(-1, *model.shape)), name="components")
    names = ["mean", *(unit.name for unit in model.layout)]
    sheet = contact_sheet(dataset.assign_coords(sample=names), samples=len(names))
    return board(dataclasses.replace(sheet, title="Mean image and principal components"))


def explained_variance(run: Run, images: xr.Dataset) -> hv.Overlay:
    """Plot the share of the pixels' variance that the first components explain together."""
    ready()
    model: Any = run.model()
    share = (model.variance.cumsum(0) / model.total_variance).numpy()
    curve = hv.Curve((range(1, len(share) + 1), share), "components", hv.Dimension("share", label="explained variance"))
    points = hv.Scatter(curve.data, "components", "share")
    return styled(
        curve * styled(points, bokeh={"size": 7}, matplotlib={"s": 25}),
        title=f"{len(share)} components explain {share[-1]:.1%} of the variance",
        ylim=(0, 1.02),
        padding=(0.05, 0),
        bokeh={"frame_width": 420, "frame_height": 220},
        matplotlib={"aspect": 1.9},
    )
