"""What content and style have to show."""

from __future__ import annotations

from functools import partial

import holoviews as hv
import numpy as np
import xarray as xr

from distoolkit.runs import Run
from distoolkit.views.backend import ready, signed, styled
from distoolkit.views.curves import history
from distoolkit.views.mosaic import Mosaic
from distoolkit.views.pictures import board, swap_board
from distoolkit_csdismo.transferring import transfer

_SHOWN = 6
_LARGE = 160  # pixels along a side of an enlarged picture


def transfer_board(run: Run, images: xr.Dataset, count: int = _SHOWN) -> hv.Layout:
    """Show the contents of the first images (columns) in the styles of the next ones (rows); click one to enlarge it.

    The enlarged picture stands beside the two images that it was made from. Clicks need a running kernel;
    `distoolkit.views.static` gives the board without one.
    """
    known = images.sizes["sample"]
    labels = images["sample"].values.tolist() if "sample" in images.coords else list(range(known))
    contents = labels[:count]
    styles = labels[count : 2 * count] or contents
    return clickable(transfer(run, images, content_from=contents, style_from=styles))


def clickable(transferred: xr.Dataset) -> hv.Layout:
    """Show what `distoolkit_csdismo.transfer` returned as a board, and the picture that was clicked on, enlarged."""
    ready()
    shown = swap_board(transferred)
    picture = board(shown, transferred)
    first = hv.streams.Tap(source=picture, x=1, y=len(shown.rows) - 2)  # the upper left of the transferred pictures
    enlarged = hv.DynamicMap(partial(enlarge, shown), streams=[first])
    both = hv.Layout([picture, enlarged]).cols(1).opts(shared_axes=False, backend="bokeh")
    enlarged.id = None  # HoloViews has given it the options of any one part: by chance the board's, with its title
    both.mosaic = shown  # what `distoolkit.views.static` draws
    return signed(both, transferred)


def enlarge(shown: Mosaic, x: float, y: float) -> hv.RGB:
    """Draw the content image, the style image and the transferred picture at one place of a board, large.

    Parameters
    ----------
    shown
        The board: images along its upper and left edge, as `distoolkit.views.pictures.swap_board` makes it.
    x, y
        The place, in pictures from the left and from below; beyond the transferred pictures, the nearest of them.
    """
    rows, columns = len(shown.rows), len(shown.columns)
    row = int(np.clip(rows - 1 - round(y), 1, rows - 1))
    column = int(np.clip(round(x), 1, columns - 1))
    parts = np.stack([shown.pixels[0, column], shown.pixels[row, 0], shown.pixels[row, column]])
    times = max(1, _LARGE // parts.shape[1])
    large = parts.repeat(times, axis=1).repeat(times, axis=2)
    gap = np.full((large.shape[1], 8, 3), 255, dtype=np.uint8)
    picture = np.concatenate([large[0], gap, large[1], gap, large[2]], axis=1)
    height, width = picture.shape[:2]
    return styled(
        hv.RGB(picture, bounds=(0, 0, width, height)),
        title=f"content of {shown.columns[column]}, style of {shown.rows[row]}, and both",
        xaxis=None,
        yaxis=None,
        bokeh={"frame_width": width, "frame_height": height, "toolbar": None},
        matplotlib={"aspect": width / height},
    )


def loss_terms(run: Run, images: xr.Dataset) -> hv.Layout:
    """Plot the reconstruction loss of all stages, and how far the encoders are from the tables."""
    return history(run.history, ["reconstruction", "content_error", "style_error"])
