"""The usual picture of a Dataset, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xarray as xr

from distoolkit import schema
from distoolkit.views.codes import scatter
from distoolkit.views.comparison import scores
from distoolkit.views.curves import history
from distoolkit.views.matrices import heatmap, matrices
from distoolkit.views.pictures import images, swap, traversal


def draw(dataset: xr.Dataset) -> Any:
    """Show a Dataset of any kind in its usual way.

    Images become a contact sheet, latents a scatter of the first two entries, a traversal and a swap a board of
    images, scores their heat map (or, without a matrix, the scores themselves), a history its training curves.
    """
    schema.check(dataset)
    usual: dict[str, Callable[[xr.Dataset], Any]] = {
        "images": images,
        "latents": scatter,
        "traversal": traversal,
        "swap": swap,
        "scores": heatmap if matrices(dataset) else scores,
        "history": history,
    }
    return usual[dataset.attrs["kind"]](dataset)
