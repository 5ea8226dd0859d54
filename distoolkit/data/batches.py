"""Images on a device: uint8 in store, float batches out.

Where the images fit they live on the device as uint8 and batches are gathered there; lazy ones move in as they are
first asked for. Else each batch is read from the Dataset and sent over. Floats are made last: they are four times
as large.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr

from distoolkit.contract import Batch, ConfigError

_SHARE = 0.5  # of the free memory that resident images may take; the rest is for the model and its gradients


class Pixels:
    """The images of a Dataset, handed out as batches on one device.

    Parameters
    ----------
    images
        Dataset of kind ``images``; it may be lazy.
    device
        Where the batches go.
    resident
        Whether to keep all images on the device. None keeps them there if they take at most half of its free
        memory.

    Attributes
    ----------
    complete
        Whether all images are on the device, so that an index there gathers a batch without the host.
    """

    def __init__(self, images: xr.Dataset, device: torch.device, resident: bool | None = None) -> None:
        self._variable = images["image"].variable
        self.device = device
        self.count: int = self._variable.sizes["sample"]
        self._store: torch.Tensor | None = None
        self._missing = np.zeros(self.count, dtype=bool)
        self.complete = False
        if _fits(self._variable.nbytes, device) if resident is None else resident:
            self._settle()

    def _settle(self) -> None:
        if self.device.type == "meta" or not self._variable._in_memory:
            self._store = torch.empty(self._variable.shape, dtype=torch.uint8, device=self.device)
            self._missing[:] = self.device.type != "meta"
        else:
            self._store = _as_tensor(self._variable.values).to(self.device)
        self.complete = not self._missing.any()

    def __len__(self) -> int:
        """Return the number of images."""
        return self.count

    def batch(self, index: torch.Tensor) -> Batch:
        """Gather images by their positions.

        Parameters
        ----------
        index
            (batch,) whole numbers, on any device.

        Returns
        -------
        dict
            ``image`` (batch, channel, y, x) float32 in [0, 1], channels last in memory, and ``index`` (batch,);
            both on the device.
        """
        if self._store is None:
            pixels = self._read(index.cpu().numpy()).to(self.device, non_blocking=True)
            index = index.to(self.device)
        else:
            if not self.complete:
                self._fetch(index.cpu().numpy())
            index = index.to(self.device)
            pixels = self._store.index_select(0, index)
        return {"image": as_floats(pixels), "index": index}

    def chunks(self, size: int) -> Iterator[Batch]:
        """Hand out all images once, in their order, ``size`` at a time."""
        for start in range(0, self.count, size):
            yield self.batch(torch.arange(start, min(start + size, self.count)))

    def _fetch(self, index: np.ndarray[Any, Any]) -> None:
        """Move those of the images to the device that are not there yet."""
        assert self._store is not None
        new = np.unique(index[self._missing[index]])
        if len(new):
            self._store[torch.from_numpy(new).to(self.device)] = self._read(new).to(self.device)
            self._missing[new] = False
            self.complete = not self._missing.any()

    def _read(self, index: np.ndarray[Any, Any]) -> torch.Tensor:
        places, back = np.unique(index, return_inverse=True)  # files are read in their order, each image once
        return _as_tensor(self._variable[places].values[back])


def as_floats(pixels: torch.Tensor) -> torch.Tensor:
    """Turn uint8 (batch, y, x, channel) into float32 (batch, channel, y, x) in [0, 1], channels last in memory."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(255)


def as_bytes(image: torch.Tensor) -> np.ndarray[Any, Any]:
    """Turn floats (batch, channel, y, x) into uint8 (batch, y, x, channel); what lies outside [0, 1] is clipped."""
    pixels = image.detach().clamp(0, 1).mul(255).round_().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device that a name stands for; ``"auto"`` is CUDA, else Apple's MPS, else the CPU.

    Raises
    ------
    ConfigError
        No such device on this machine.
    """
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        allowed = "'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"
        raise ConfigError(f"device = {device!r} is not allowed: give {allowed}") from error
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if chosen.type in there and (chosen.index or 0) >= there[chosen.type]:
        raise ConfigError(
            f"device = {str(device)!r} is not here (this machine has {there[chosen.type]} {chosen.type} devices); "
            "give 'auto' or 'cpu', or install the torch build for your GPU"
        )
    return chosen


def _as_tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    if not (array.flags.writeable and array.flags.c_contiguous):
        array = array.copy()  # torch takes no read-only memory
    return torch.from_numpy(array)


def _fits(size: int, device: torch.device) -> bool:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    elif device.type == "cpu" and hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    elif device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    else:
        return True
    return size <= _SHARE * free
