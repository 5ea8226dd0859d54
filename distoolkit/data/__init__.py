"""Data sets, and the doors for the reader's own images.

`load` is the one door; `by_factor` lets any images Dataset be selected by its factors, and `materialise` writes a
lazy one to a memory-mapped file.
"""

from distoolkit.data.lazy import materialise
from distoolkit.data.loading import load
from distoolkit.data.select import by_factor

__all__ = ["by_factor", "load", "materialise"]
