"""What only DIP-VAE has to show."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import torch
import xarray as xr

from distoolkit.data.batches import Pixels
from distoolkit.runs import Run
from distoolkit.views.backend import ready, styled
from distoolkit.views.curves import history
from distoolkit_dip_vae.covariance import covariance_of_codes

_MOST = 2048  # images that the covariance is taken over


def covariance(run: Run, images: xr.Dataset) -> hv.HeatMap:
    """Show the covariance of the codes over the first images: the unit matrix is what the method aims at."""
    ready()
    found = code_covariance(run, images)
    names = [f"z{k}" for k in range(len(found))]
    cells = [(names[j], names[i], float(found[i, j])) for i in range(len(names)) for j in range(len(names))]
    limit = max(1.0, float(found.abs().max()))
    return styled(
        hv.HeatMap(cells, ["latent", "with"], hv.Dimension("covariance", range=(-limit, limit))),
        title="Covariance of the codes",
        cmap="RdBu_r",
        colorbar=True,
        invert_yaxis=True,
        bokeh={"frame_width": 300, "frame_height": 300},
        matplotlib={"aspect": 1, "show_values": False},
    )


def loss_terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot reconstruction, KL and both penalties during training."""
    return history(run.history, ["reconstruction", "kl", "off_diagonal", "diagonal"])


@torch.no_grad()
def code_covariance(run: Run, images: xr.Dataset) -> torch.Tensor:
    """Return the covariance of q(z) over the first images: (latent, latent)."""
    model: Any = run.model()
    pixels = Pixels(images.isel(sample=slice(_MOST)), torch.device("cpu"), resident=False)
    moments = [model.moments(batch["image"]) for batch in pixels.chunks(256)]
    mean, logvar = (torch.cat(part) for part in zip(*moments, strict=True))
    return covariance_of_codes(mean, logvar)
