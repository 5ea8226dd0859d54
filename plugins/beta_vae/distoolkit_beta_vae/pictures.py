"""What a VAE's KL term has to show."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import torch
import xarray as xr

from distoolkit.data.batches import Pixels
from distoolkit.nn import kl_standard_normal
from distoolkit.runs import Run
from distoolkit.views.backend import ready, styled
from distoolkit.views.curves import history

_MOST = 2048  # images that the averages are taken over


def kl_per_latent(run: Run, images: xr.Dataset) -> hv.Bars:
    """Plot how many nats each latent carries about an image: its KL divergence from the prior, on average."""
    ready()
    kl = mean_kl(run, images)
    bars = hv.Bars([(f"z{k}", float(v)) for k, v in enumerate(kl)], "latent", hv.Dimension("kl", label="KL (nats)"))
    return styled(
        bars,
        title=f"{kl.sum():.1f} nats in {len(kl)} latents",
        ylim=(0, max(1.0, 1.05 * float(kl.max()))),
        bokeh={"frame_width": 420, "frame_height": 220},
        matplotlib={"aspect": 1.9},
    )


def loss_terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot reconstruction and KL during training."""
    return history(run.history, ["reconstruction", "kl"])


@torch.no_grad()
def mean_kl(run: Run, images: xr.Dataset) -> torch.Tensor:
    """Average the KL divergence of each latent over the first images: (latent,) nats."""
    model: Any = run.model()
    pixels = Pixels(images.isel(sample=slice(_MOST)), torch.device("cpu"), resident=False)
    kl = [kl_standard_normal(*model.moments(batch["image"])) for batch in pixels.chunks(256)]
    return torch.cat(kl).mean(0)
