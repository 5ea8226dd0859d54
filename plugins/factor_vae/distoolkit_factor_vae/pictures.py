"""What only FactorVAE has to show."""

from __future__ import annotations

import holoviews as hv
import xarray as xr

from distoolkit.runs import Run
from distoolkit.views.curves import history


def discriminator(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot the estimated total correlation (nats) and the discriminator's accuracy during training."""
    return history(run.history, ["total_correlation", "discriminator_accuracy"])
