"""What only the beta-TCVAE has to show."""

from __future__ import annotations

import holoviews as hv
import xarray as xr

from distoolkit.runs import Run
from distoolkit.views.curves import history


def terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot the KL term and its three estimated parts during training, in nats."""
    return history(run.history, ["kl", "mutual_information", "total_correlation", "dimension_wise_kl"])
