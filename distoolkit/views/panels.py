"""What the built-in panels draw: each takes the Datasets of one run by kind."""

from __future__ import annotations

from collections.abc import Mapping

import holoviews as hv
import xarray as xr

from distoolkit.views.codes import responses, scatter
from distoolkit.views.comparison import score_table
from distoolkit.views.curves import history
from distoolkit.views.matrices import heatmap
from distoolkit.views.pictures import images, traversal

Data = Mapping[str, xr.Dataset]


def draw_images(data: Data) -> hv.RGB:
    """Draw the first images."""
    return images(data["images"])


def draw_traversal(data: Data) -> hv.RGB:
    """Draw the traversal."""
    return traversal(data["traversal"])


def draw_scatter(data: Data) -> hv.Points:
    """Draw the two entries of the code that spread most."""
    return scatter(data["latents"])


def draw_heat_map(data: Data) -> hv.Overlay:
    """Draw the most telling factor-by-unit matrix."""
    return heatmap(data["scores"])


def draw_responses(data: Data) -> hv.Layout:
    """Draw the response of the unit that follows each factor most closely."""
    return responses(data["latents"])


def draw_history(data: Data) -> hv.Layout:
    """Draw the training curves."""
    return history(data["history"])


def draw_scores(data: Data) -> hv.Table:
    """List the scores."""
    return score_table(data["scores"])
