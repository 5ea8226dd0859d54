"""What ProtoVAE was measured to do at a small scale, beside the same VAE whose episodes teach it nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import xarray as xr

from distoolkit.cards import Arms, Row, compare
from distoolkit.runs import Run
from distoolkit_protovae import AS_RECONSTRUCTED
from distoolkit_protovae.pictures import active_latents, query_accuracies

ARMS: Arms = {
    "proto_vae": ("proto_vae", {}),
    "proto_vae, reaching nothing": ("proto_vae", {"reaches": "nothing"}),
}
LITERAL: Arms = {"proto_vae as reconstructed": ("proto_vae", AS_RECONSTRUCTED)}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure ProtoVAE, its twin and the literal reading of the abstract.

    In the twin the episodes are played and the embedding learns, but no gradient reaches the VAE: it is bit for bit
    the plain VAE, and its query accuracy is that of an onlooker. The literal reading is measured with the first seed.
    """
    yield from compare(ARMS, seeds, folder, extra=_figures)
    yield from compare(LITERAL, seeds[:1], folder, extra=_figures)


def _figures(run: Run, images: xr.Dataset, latents: xr.Dataset) -> dict[str, float]:
    active = active_latents(run, images)
    figures = {"active_latents": float(len(active))}
    if len(active) >= 2:  # else there is nothing to tell apart
        figures["query_accuracy"] = float(query_accuracies(run, images).mean(skipna=True))
    return figures
