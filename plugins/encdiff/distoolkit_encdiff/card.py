"""The method card: EncDiff, the same with AdaGN in place of cross-attention, and an untrained encoder, over seeds.

All of them build on one first stage; the seeds are those of encoder and U-Net.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from distoolkit import registry
from distoolkit.cards import Row, provenance
from distoolkit.data import load
from distoolkit.data.batches import Pixels
from distoolkit.encoding import encode
from distoolkit.metrics import evaluate
from distoolkit.runs import Run, create_run, open_run
from distoolkit.storage import write_json
from distoolkit.training import fit
from distoolkit_encdiff import METHOD
from distoolkit_encdiff.pretrained import on_top_of

DATA: Mapping[str, Mapping[str, Any]] = {"shapes3d": {"size": 32, "sample": 10_000}}
ARMS: Mapping[str, Mapping[str, Any]] = {"encdiff": {}, "adagn injection": {"inject": "adagn"}, "untrained": {}}
FIRST_STAGE: Mapping[str, Any] = {
    "first_stage": "kl",
    "latents": 3,
    "ae_width": 8,
    "ae_multipliers": (1, 2, 4),
    "ae_blocks": 1,
    "steps": 2000,
    "lr": 2e-3,
    "batch_size": 32,
}
"""Latent maps of 8x8: the first stage of DisDiff's card."""
SETTINGS: Mapping[str, Any] = {
    "latents": 10,
    "width": 16,
    "multipliers": (1, 2, 2),
    "blocks": 1,
    "attention": (4,),
    "cross_attention": (8, 4, 2),
    "heads": 2,
    "encoder_width": 32,
    "sampling_steps": 20,
    "steps": 4500,
    "lr": 1e-3,
    "warmup": 100,
    "ema": 0.995,
    "batch_size": 32,
}
METRICS = ("factor_vae", "dci", "mig")
"""The standard scores."""
JUDGED = 1024
"""Images on which the error of the noise prediction is measured."""


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure the card; finished runs are not repeated."""
    for data, options in DATA.items():
        yield from measured(folder, load(data, **options), seeds)


def measured(
    folder: Path,
    images: xr.Dataset,
    seeds: Sequence[int],
    *,
    first_stage: Mapping[str, Any] = FIRST_STAGE,
    settings: Mapping[str, Any] = SETTINGS,
) -> Iterator[Row]:
    """Train and score all arms on images with factors.

    Parameters
    ----------
    folder
        Of the runs.
    first_stage, settings
        Of the autoencoder, and of EncDiff.
    """
    first = fit("latent_autoencoder", images, folder=folder / "autoencoder", resume=True, **first_stage)
    built = on_top_of(first, **settings)
    for seed in seeds:
        for arm, changes in ARMS.items():
            place = folder / f"{arm.replace(' ', '-')}-{seed}"
            if arm == "untrained":
                run = untrained(place, images, seed, built)
            else:
                run = fit("encdiff", images, seed=seed, folder=place, resume=True, **{**built, **changes})
            yield _scored(run, images, arm)


def untrained(folder: Path, images: xr.Dataset, seed: int, settings: Mapping[str, Any]) -> Run:
    """Return a run whose model is as it was built: the floor that any score is measured from."""
    if (folder / "run.json").exists():
        return open_run(folder)
    run = create_run(folder, METHOD, METHOD.config(**settings), images, seed=seed, device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        run.save_weights(registry.resolve(METHOD.model)(run.config, run.spec))
    return run.mark("finished")


def _scored(run: Run, images: xr.Dataset, arm: str) -> Row:
    kept, measured_by = run.folder / "row.json", {"metrics": list(METRICS), "judged": JUDGED}
    if kept.exists():
        told = json.loads(kept.read_text(encoding="utf-8"))
        if told.pop("protocol", None) == measured_by:
            return Row(**told)
    latents = encode(run, images, reconstruct=False)
    found = evaluate(latents, list(METRICS))
    standard = {str(m): float(s) for m, s in zip(found["metric"].values, found["score"].values, strict=True)}
    own = {"factor_vae_all_units": float(evaluate(latents, {"factor_vae": {"active": 0.0}})["score"][0])}
    if arm != "untrained":  # it predicts no noise at all
        own |= noise_errors(run, images)
    told = provenance(run, images)
    # the place of the first stage on this machine is nobody's business; what it is, the module says
    told["config"] = {**told["config"], "autoencoder": Path(told["config"]["autoencoder"]).name}
    if arm == "untrained":
        told["config"]["steps"] = 0
    told |= {"standard": sorted(standard), "lower_is_better": ["noise_error", "noise_error_wrong_code"]}
    row = Row(data=images.attrs["data"], arm=arm, seed=run.seed, scores={**standard, **own}, provenance=told)
    write_json(kept, {**asdict(row), "protocol": measured_by})
    return row


@torch.inference_mode()
def noise_errors(run: Run, images: xr.Dataset) -> dict[str, float]:
    """Return the mean absolute error of the predicted noise under the images' own codes, and under those of others.

    Both are measured on the same times and noise, with the averaged weights. How far they lie apart is what the U-Net
    knows by the code.
    """
    model: Any = run.model().eval()
    pixels = Pixels(images.isel(sample=slice(JUDGED)), torch.device("cpu"), resident=False)
    image = pixels.batch(torch.arange(len(pixels)))["image"]
    generator = torch.Generator().manual_seed(0)
    t = torch.randint(len(model.space.schedule), (len(image),), generator=generator)
    noise = torch.randn(len(image), *model.space.latent_shape, generator=generator)
    noisy = model.space.schedule.add_noise(model.space.to_clean(image), noise, t)
    own = model.encode(image)
    errors = {"noise_error": own, "noise_error_wrong_code": own.roll(1, dims=0)}
    return {name: float((model.predictor(code)(noisy, t) - noise).abs().mean()) for name, code in errors.items()}
