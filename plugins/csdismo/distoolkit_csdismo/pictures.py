"""What content and style have to show."""

from __future__ import annotations

import holoviews as hv
import xarray as xr

from distoolkit.runs import Run
from distoolkit.views import swap
from distoolkit.views.curves import history
from distoolkit_csdismo.transferring import transfer

_SHOWN = 6


def transfer_board(run: Run, images: xr.Dataset, count: int = _SHOWN) -> hv.RGB:
    """Show the contents of the first images (columns) in the styles of the next ones (rows)."""
    known = images.sizes["sample"]
    labels = images["sample"].values.tolist() if "sample" in images.coords else list(range(known))
    contents = labels[:count]
    styles = labels[count : 2 * count] or contents
    return swap(transfer(run, images, content_from=contents, style_from=styles))


def loss_terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot the reconstruction loss of all stages, and how far the encoders are from the tables."""
    return history(run.history, ["reconstruction", "content_error", "style_error"])
