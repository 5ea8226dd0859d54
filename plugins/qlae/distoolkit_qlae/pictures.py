"""What only QLAE has to show."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import torch
import xarray as xr

from distoolkit.data.batches import Pixels
from distoolkit.runs import Run
from distoolkit.views.backend import ready, styled
from distoolkit.views.curves import history

_MOST = 2048  # images whose codes are counted


def codebook(run: Run, images: xr.Dataset) -> hv.Scatter:
    """Show the values that each latent can take; colour is the share of the first images that take it."""
    ready()
    model: Any = run.model()
    book, share = model.codebook.detach(), usage(run, images)
    latents, values = share.shape
    points = [(f"z{j}", float(book[j, k]), float(share[j, k])) for j in range(latents) for k in range(values)]
    unused = int((share == 0).sum())
    return styled(
        hv.Scatter(points, "latent", ["value", hv.Dimension("share", range=(0, 1))]),
        title=f"{latents} latents of {values} values, {unused} of {share.numel()} unused",
        color="share",
        cmap="viridis_r",
        colorbar=True,
        bokeh={"frame_width": 420, "frame_height": 260, "size": 8},
        matplotlib={"aspect": 1.6, "s": 30},
    )


def loss_terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot all that was reported: reconstruction and, where it quantises, both distances from the codebook."""
    return history(run.history)


@torch.no_grad()
def usage(run: Run, images: xr.Dataset) -> torch.Tensor:
    """Return the share of the first images whose latent takes each value: (latent, value)."""
    model: Any = run.model()
    pixels = Pixels(images.isel(sample=slice(_MOST)), torch.device("cpu"), resident=False)
    index = torch.cat([model.index(model.continuous(batch["image"])) for batch in pixels.chunks(256)])
    return torch.nn.functional.one_hot(index, model.codebook.shape[1]).float().mean(0)
