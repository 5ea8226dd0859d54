"""What Ada-GVAE was measured to do at a small scale, beside itself without the averaging."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distoolkit.cards import Arms, Row, compare

ARMS: Arms = {
    "ada_gvae": ("ada_gvae", {}),
    "ada_gvae no averaging": ("ada_gvae", {"average": False}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure Ada-GVAE beside its twin, which sees the same pairs and does not use that they are pairs."""
    yield from compare(ARMS, seeds, folder)
