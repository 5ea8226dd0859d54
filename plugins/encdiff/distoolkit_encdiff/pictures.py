"""What cross-attention has to show: where each unit is read, from noise to picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
import xarray as xr

from distoolkit.data.batches import Pixels, as_bytes, pick_device
from distoolkit.runs import Run
from distoolkit.views.backend import signed
from distoolkit.views.mosaic import Mosaic, rgb
from distoolkit.views.pictures import board
from distoolkit_encdiff.maps import attention_maps, noisy_at

_ROWS = 5


def attention(run: Run, images: xr.Dataset, sample: int = 0, times: Sequence[int] | None = None) -> hv.RGB:
    """Show where each unit of an image is read, at several times: a row for each time, a column for each unit.

    White is the largest share of attention on the board; the first column is the noisy picture that was looked at.

    Parameters
    ----------
    sample
        Position of the image.
    times
        t of the rows; by default five from the last to the first.
    """
    device = pick_device("auto")
    mosaic = attention_board(run.model(str(device)), images, device, sample, times)
    return signed(board(mosaic, images), images)


@torch.no_grad()
def attention_board(
    model: Any, images: xr.Dataset, device: torch.device, sample: int = 0, times: Sequence[int] | None = None
) -> Mosaic:
    """Arrange the maps of one image; parameters as in `attention`."""
    last = len(model.space.schedule) - 1
    chosen = [last - round(k * last / (_ROWS - 1)) for k in range(_ROWS)] if times is None else list(times)
    image = Pixels(images.isel(sample=[sample]), device, resident=False).batch(torch.arange(1))["image"]
    maps = attention_maps(model, image, chosen)
    most = float(maps.max())
    shades = _shades(F.interpolate(maps, size=tuple(image.shape[2:]), mode="nearest") / most)
    noisy = model.space.to_image(noisy_at(model, image, torch.tensor(chosen, device=device)))
    pixels = np.concatenate([rgb(as_bytes(noisy))[:, None], rgb(shades[..., None])], axis=1)
    columns = ("x_t", *(unit.name.removeprefix("unit") for unit in model.layout))
    title = f"Where each unit is read (white: {most:.2f} of a place's attention; equal shares: {1 / maps.shape[1]:.2f})"
    return Mosaic(pixels, tuple(f"t = {t}" for t in chosen), columns, "time", "unit", title)


def _shades(shares: torch.Tensor) -> npt.NDArray[np.uint8]:
    shades: npt.NDArray[np.uint8] = (255 * shares).round().to(torch.uint8).cpu().numpy()
    return shades
