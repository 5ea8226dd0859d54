"""The method card: DisDiff, the same without its disentangling loss, and an untrained encoder, over seeds.

All of them build on one diffusion model and one first stage, as the authors' runs do: the seeds are those of encoder
and fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from distoolkit import registry
from distoolkit.cards import Row, provenance
from distoolkit.data import load
from distoolkit.encoding import encode
from distoolkit.metrics import evaluate
from distoolkit.runs import Run, create_run, open_run
from distoolkit.storage import write_json
from distoolkit.training import fit
from distoolkit_disdiff import DISDIFF
from distoolkit_disdiff.pretrained import on_top_of
from distoolkit_disdiff.swapping import judged_rightly, swap_units, train_judge

DATA: Mapping[str, Mapping[str, Any]] = {"shapes3d": {"size": 32, "sample": 10_000}}
ARMS: Mapping[str, Mapping[str, Any]] = {"disdiff": {}, "no disentangling loss": {"dis_weight": 0.0}, "untrained": {}}
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
"""Latent maps of 8x8: KL learns in fewer steps than VQ, and fields on them are far cheaper than on pixels."""
BELOW: Mapping[str, Any] = {
    "width": 24,
    "multipliers": (1, 2, 2),
    "blocks": 1,
    "attention": (4,),
    "heads": 2,
    "sampling_steps": 20,
    "steps": 8000,
    "lr": 1e-3,
    "warmup": 100,
    "ema": 0.999,
    "batch_size": 64,
}
"""All fields build on this model; at t = 900 one of width 16, after 6,000 steps, knew hardly more than the mean."""
SETTINGS: Mapping[str, Any] = {
    "encoder": "group_norm",
    "latents": 6,
    "unit_size": 8,
    "encoder_width": 32,
    "position_size": 16,
    "sampling_steps": 10,
    "steps": 10_000,
    "lr": 1e-3,
    "warmup": 100,
    "ema": 0.999,
    "batch_size": 16,
    "dis_weight": 0.1,
}
METRICS = ("factor_vae", "dci", "mig")
"""The standard scores."""
SWAPPED = 128
"""Images of which each unit is swapped."""
WALKS: Mapping[str, tuple[bool, float]] = {"": (False, 1.0), "_inverted": (True, 1.0), "_inverted_twice": (True, 2.0)}
"""How swaps are drawn: whether from the target's own x_T, as `DisDiff.swap` does, or all from one, and the strength of
the fields. The key ends the scores' names."""


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
    below: Mapping[str, Any] = BELOW,
    settings: Mapping[str, Any] = SETTINGS,
    judge_steps: int = 600,
) -> Iterator[Row]:
    """Train and score all arms on images with factors.

    Parameters
    ----------
    folder
        Of the runs.
    first_stage, below, settings
        Of the autoencoder, of the diffusion model, and of DisDiff.
    judge_steps
        Of the network that judges swaps.
    """
    first = fit("latent_autoencoder", images, folder=folder / "autoencoder", resume=True, **first_stage)
    diffusion = fit("ddpm", images, folder=folder / "ddpm", resume=True, **on_top_of(first, **below))
    built = on_top_of(diffusion, **settings)
    for seed in seeds:
        for arm, changes in ARMS.items():
            place = folder / f"{arm.replace(' ', '-')}-{seed}"
            if arm == "untrained":
                run = untrained(place, images, seed, built)
            else:
                run = fit("disdiff", images, seed=seed, folder=place, resume=True, **{**built, **changes})
            yield _scored(run, images, arm, judge_steps)


def untrained(folder: Path, images: xr.Dataset, seed: int, settings: Mapping[str, Any]) -> Run:
    """Return a run whose model is as it was built: the floor that any score is measured from."""
    if (folder / "run.json").exists():
        return open_run(folder)
    config = DISDIFF.config(**settings)
    run = create_run(folder, DISDIFF, config, images, seed=seed, device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        run.save_weights(registry.resolve(DISDIFF.model)(run.config, run.spec))
    return run.mark("finished")


def _scored(run: Run, images: xr.Dataset, arm: str, judge_steps: int) -> Row:
    kept, measured_by = run.folder / "row.json", _protocol(judge_steps)
    if kept.exists():
        told = json.loads(kept.read_text(encoding="utf-8"))
        if told.pop("protocol", None) == measured_by:
            return Row(**told)
    latents = encode(run, images, reconstruct=False)
    found = evaluate(latents, list(METRICS))
    standard = {str(m): float(s) for m, s in zip(found["metric"].values, found["score"].values, strict=True)}
    own = {"factor_vae_all_units": float(evaluate(latents, {"factor_vae": {"active": 0.0}})["score"][0])}
    if arm != "untrained":  # its fields are zero: it draws the same picture for every code
        own |= swapped(run, images, judge_steps)
    told = {"standard": sorted(standard), "lower_is_better": [], **provenance(run, images)}
    # the place of the runs below on this machine is nobody's business; what they are, the module says
    places = {below: Path(run.record["config"][below]).name for below in ("pretrained", "autoencoder")}
    told["config"] = {**run.record["config"], **places}
    if arm == "untrained":
        told["config"]["steps"] = 0
    row = Row(data=images.attrs["data"], arm=arm, seed=run.seed, scores={**standard, **own}, provenance=told)
    write_json(kept, {**asdict(row), "protocol": measured_by})
    return row


def _protocol(judge_steps: int) -> dict[str, Any]:
    """Return what the scores of a row depend on beside its run; a kept row is used again where it is the same."""
    walks = {ending: list(walk) for ending, walk in WALKS.items()}
    return {"metrics": list(METRICS), "swapped": SWAPPED, "walks": walks, "judge_steps": judge_steps}


def swapped(run: Run, images: xr.Dataset, judge_steps: int) -> dict[str, float]:
    """Return what swapping units of some images does.

    ``swap_best`` and ``swap_mean``: success rate of the best matched unit, and the mean over all matched units;
    ``swap_faithful``: how often an unswapped picture shows its own factors; ``judge``: the judge's accuracy on images.
    The first three are measured on each of `WALKS`.
    """
    chosen = images.isel(sample=slice(SWAPPED))
    judge = train_judge(images.isel(sample=slice(SWAPPED, None)), judge_steps)
    model: Any = run.model().eval()
    pixels = torch.from_numpy(chosen["image"].values).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        code = model.by_unit(model.encode(pixels))
    found = {"judge": float(judged_rightly(judge, chosen).mean())}
    for ending, (inverted, strength) in WALKS.items():
        noise = _inverted(model, pixels, strength) if inverted else None
        swaps = swap_units(partial(_draw, model, noise, strength), code, chosen, judge)
        found[f"swap_faithful{ending}"] = swaps.faithful()  # refuses images that do not differ, of which no rates exist
        rates = [rate for _, rate in swaps.matched().values()]
        found |= {f"swap_best{ending}": max(rates), f"swap_mean{ending}": sum(rates) / len(rates)}
    return found


def _inverted(model: Any, pixels: torch.Tensor, strength: float) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([model.invert(part, strength=strength) for part in torch.split(pixels, 64)])


def _draw(
    model: Any, noise: torch.Tensor | None, strength: float, code: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    start = None if noise is None else noise[targets]
    drawn: torch.Tensor = model.decode(code.flatten(1), noise=start, strength=strength)
    return drawn
