"""What DOT-VAE was measured to do at a small scale, beside its opening schedule without interventions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
import xarray as xr

from distoolkit import schema
from distoolkit.cards import Arms, Row, compare
from distoolkit.data.batches import Pixels
from distoolkit.metrics import evaluate
from distoolkit.runs import Run
from distoolkit_dotvae.pictures import trials_of

STEPS = 3000
"""More than the 2,000 of the shared protocol: the openings take their time one after the other."""
SCHEDULE_ONLY: Mapping[str, float] = {"recover_weight": 0.0, "nuisance_weight": 0.0, "adversarial_weight": 0.0}
"""Without the intervention step it is no DOT-VAE, and is never called one."""
ARMS: Arms = {
    "dot_vae": ("dot_vae", {}),
    "opening schedule only": ("dot_vae", SCHEDULE_ONLY),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure DOT-VAE and its opening schedule alone."""
    yield from compare(ARMS, seeds, folder, steps=STEPS, extra=figures)


def figures(run: Run, images: xr.Dataset, latents: xr.Dataset) -> dict[str, float]:
    """Count the accepted dimensions, and score z1 together with z2, the entangled code."""
    scores = evaluate(with_nuisance(run, images), ["dci", "mig"])["score"]
    return {
        "accepted": float(sum(t.verdict == "accepted" for t in trials_of(run))),
        "dci_with_z2": float(scores.sel(metric="dci_disentanglement")),
        "mig_with_z2": float(scores.sel(metric="mig")),
    }


@torch.inference_mode()
def with_nuisance(run: Run, images: xr.Dataset) -> xr.Dataset:
    """Encode images to z1 and z2 together: a latents Dataset with a unit for each entry."""
    model = run.model()
    model.nuisance_in_code = True  # type: ignore[assignment]
    pixels = Pixels(images, torch.device("cpu"), resident=False)
    code = torch.cat([model.encode(batch["image"]) for batch in pixels.chunks(256)])  # type: ignore[operator]
    latents = schema.as_latents(code=code.numpy(), units=model.layout)  # type: ignore[arg-type]
    return latents.assign_coords(sample=images["sample"]).merge(images["factors"])
