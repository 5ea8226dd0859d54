"""What the beta-TCVAE was measured to do at a small scale, beside itself with beta = 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distoolkit.cards import Arms, Row, compare

ARMS: Arms = {
    "beta_tcvae": ("beta_tcvae", {"beta": 6.0}),
    "beta_tcvae beta 1": ("beta_tcvae", {"beta": 1.0}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure the beta-TCVAE beside its twin, in which the total correlation weighs no more than the rest."""
    yield from compare(ARMS, seeds, folder)
