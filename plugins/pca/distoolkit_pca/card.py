"""What PCA was measured to do: the linear yardstick for the other cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distoolkit.cards import Arms, Row, compare

ARMS: Arms = {"pca": ("pca", {"steps": 8})}  # passes over the images, not steps of training; it settles in 4 to 6


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure PCA. It has no idea to switch off."""
    yield from compare(ARMS, seeds, folder)
