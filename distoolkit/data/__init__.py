"""Data sets, and the doors for the reader's own images.

`load` is the one door; `materialise` writes a
lazy one to a memory-mapped file.
"""

from distoolkit.data.lazy import materialise
from distoolkit.data.loading import load

__all__ = ["load", "materialise"]
