"""What only Ada-GVAE has to show."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import torch
import xarray as xr

from distoolkit.contract import DataError
from distoolkit.data.batches import Pixels
from distoolkit.runs import Run
from distoolkit.views.backend import ready, styled
from distoolkit.views.curves import history
from distoolkit_ada_gvae.pairing import neighbours
from distoolkit_ada_gvae.sharing import kl_between

_MOST = 512  # pairs that are looked at for each factor


def pairs(run: Run, images: xr.Dataset) -> hv.HeatMap:
    """Show how far apart each latent puts the images of a pair, for every factor that changes, in nats.

    A latent that knows one factor stands out in the row of that factor alone. Rows of factors that no pair of the
    images differs in are left out.
    """
    ready()
    distance = distances(run, images)
    cells = [
        (str(latent), str(factor), float(distance.sel(factor=factor, latent=latent)))
        for factor in distance["factor"].values
        for latent in distance["latent"].values
    ]
    return styled(
        hv.HeatMap(cells, ["latent", "factor that changes"], hv.Dimension("kl", label="KL (nats)")),
        title="What each latent sees of a change",
        cmap="viridis",
        colorbar=True,
        invert_yaxis=True,
        bokeh={"frame_width": 420, "frame_height": 220},
        matplotlib={"aspect": 1.9, "show_values": False},
    )


def loss_terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot all that was reported: reconstruction, KL and the number of latents that a pair shares."""
    return history(run.history)


@torch.no_grad()
def distances(run: Run, images: xr.Dataset) -> xr.DataArray:
    """Average the KL divergence between the posteriors of pairs that differ in one factor: (factor, latent) nats."""
    if "factors" not in images:
        raise DataError("pairs are made by true factors, and these images have none: give labelled images")
    model: Any = run.model()
    pixels = Pixels(images, torch.device("cpu"), resident=False)
    factors = torch.from_numpy(images["factors"].values.astype("int64"))
    found = {}
    for k, name in enumerate(images["factor"].values):
        first, second = neighbours(factors, k)
        if len(first):
            one, other = (model.moments(pixels.batch(index[:_MOST])["image"]) for index in (first, second))
            found[str(name)] = kl_between(one, other).mean(0).numpy()
    if not found:
        raise DataError("no two of these images differ in one factor alone: give more of the data set")
    latents = [f"z{j}" for j in range(len(next(iter(found.values()))))]
    return xr.DataArray(
        np.stack(list(found.values())), {"factor": list(found), "latent": latents}, ("factor", "latent")
    )
