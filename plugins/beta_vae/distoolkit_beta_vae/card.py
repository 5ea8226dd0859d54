"""What the beta-VAE was measured to do at a small scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distoolkit.cards import Arms, Row, compare

ARMS: Arms = {
    "beta_vae": ("beta_vae", {"beta": 4.0}),
    "vae": ("vae", {}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure the beta-VAE beside the plain VAE, which is its twin (beta = 1)."""
    yield from compare(ARMS, seeds, folder)
