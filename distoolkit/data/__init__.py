"""Data sets, and the doors for the reader's own images.

`load` is the one door, `card` tells what a data set is before it is loaded. `hold_out` and `correlate` make the
selections of generalisation studies; `materialise` writes a lazy set to a memory-mapped file. Everything is loaded
on first use, so that listing the data sets does not load what reads them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# none of these functions is called like a module of this package, which would take its place
_HOME = {"card": "cards", "correlate": "sampling", "hold_out": "sampling", "load": "loading", "materialise": "lazy"}

__all__ = ["card", "correlate", "hold_out", "load", "materialise"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"distoolkit.data.{_HOME[name]}"), name)
    raise AttributeError(f"module 'distoolkit.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from distoolkit.data.cards import card
    from distoolkit.data.lazy import materialise
    from distoolkit.data.loading import load
    from distoolkit.data.sampling import correlate, hold_out
