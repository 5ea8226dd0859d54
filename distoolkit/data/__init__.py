"""Data sets, and the doors for the reader's own images.

`load` is the one door, `card` tells what a data set is before it is loaded. `hold_out` and `correlate` make the
selections of generalisation studies; `materialise` writes a lazy set to a memory-mapped file.
"""

from distoolkit.data.cards import card
from distoolkit.data.lazy import materialise
from distoolkit.data.loading import load
from distoolkit.data.sampling import correlate, hold_out

__all__ = ["card", "correlate", "hold_out", "load", "materialise"]
