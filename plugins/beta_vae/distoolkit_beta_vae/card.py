"""What the three were measured to do at a small scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distoolkit.cards import Arms, Row, compare

ARMS: Arms = {
    "beta_vae": ("beta_vae", {"beta": 4.0}),
    "vae": ("vae", {}),
    "annealed_vae": ("annealed_vae", {"capacity_steps": 1500}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure the beta-VAE beside the plain VAE, which is its own twin (beta = 1), and the annealed VAE."""
    yield from compare(ARMS, seeds, folder)
