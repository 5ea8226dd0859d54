"""What both DIP-VAEs were measured to do at a small scale, beside themselves without the penalty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distoolkit.cards import Arms, Row, compare

ARMS: Arms = {
    "dip_vae_i": ("dip_vae_i", {"lambda_od": 10.0, "lambda_d": 100.0}),
    "dip_vae_ii": ("dip_vae_ii", {"lambda_od": 10.0, "lambda_d": 10.0}),
    "dip_vae lambda 0": ("dip_vae_ii", {"lambda_od": 0.0, "lambda_d": 0.0}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure both beside the plain VAE, which is the twin of either."""
    yield from compare(ARMS, seeds, folder)
