"""What FactorVAE was measured to do at a small scale, beside itself without the penalty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from distoolkit.cards import Arms, Row, compare

# The discriminator of 1000 units would take four fifths of the time. Its learning rate is the VAE's, as in the paper.
_SMALL: dict[str, Any] = {"discriminator_width": 256, "lr_discriminator": 1e-3}
ARMS: Arms = {
    "factor_vae": ("factor_vae", {"gamma": 10.0, **_SMALL}),
    "factor_vae gamma 0": ("factor_vae", {"gamma": 0.0, **_SMALL}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure FactorVAE beside its twin, the plain VAE that gamma = 0 leaves."""
    yield from compare(ARMS, seeds, folder)
