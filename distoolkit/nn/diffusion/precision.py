"""Half precision for a part of the computation."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


def autocast(device: torch.device, dtype: torch.dtype | None) -> contextlib.AbstractContextManager[Any]:
    """Compute in ``dtype``, or in full precision for None, whatever the precision outside.

    Devices without autocast, such as ``meta``, stay as they are.
    """
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype, enabled=dtype is not None)
