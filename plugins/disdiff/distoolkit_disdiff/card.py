"""Measure the method card: DisDiff, the same without its disentangling loss, and an untrained encoder, over seeds.

``python -m distoolkit_disdiff.card --folder card`` trains, for each seed, one diffusion model and two DisDiffs on it,
and writes every score with where it came from to ``card/card.csv``. Run again after a stop, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from distoolkit import registry
from distoolkit.data import load
from distoolkit.encoding import encode
from distoolkit.metrics import evaluate
from distoolkit.runs import Run, create_run
from distoolkit.storage import replacing
from distoolkit.training import fit
from distoolkit_disdiff import DISDIFF
from distoolkit_disdiff.pretrained import on_top_of

FIELDS = (
    *(
        "method",
        "variant",
        "seed",
        "metric",
        "score",
        "data",
        "data_hash",
        "images",
        "size",
        "diffusion_steps",
        "steps",
    ),
    *("dis_weight", "seconds", "device", "distoolkit_disdiff", "distoolkit", "torch", "created"),
)
"""Columns of the table."""


def card(
    folder: Path,
    images: xr.Dataset,
    seeds: Sequence[int],
    *,
    quick: bool = False,
    below: dict[str, Any],
    **settings: Any,
) -> Path:
    """Train and score all variants; return the table.

    Parameters
    ----------
    folder
        Of the runs and the table.
    images
        With factors.
    seeds
        Of training; the metrics have their own.
    quick
        Start from the quick settings.
    below
        Settings of the diffusion model.
    settings
        Settings of DisDiff.
    """
    rows: list[dict[str, Any]] = []
    options: dict[str, Any] = {"quick": quick, "resume": True}
    for seed in seeds:
        diffusion = fit("ddpm", images, seed=seed, folder=folder / f"ddpm-{seed}", **options, **below)
        built = on_top_of(diffusion, **settings)
        full = fit("disdiff", images, seed=seed, folder=folder / f"disdiff-{seed}", **options, **built)
        twin = fit(
            "disdiff", images, seed=seed, folder=folder / f"twin-{seed}", **options, **{**built, "dis_weight": 0.0}
        )
        start = untrained(folder / f"untrained-{seed}", images, full)
        for variant, run in (("disdiff", full), ("dis_weight = 0", twin), ("untrained", start)):
            rows += _scored(variant, run, images, diffusion.config.steps)
        _write(folder / "card.csv", rows)
    return folder / "card.csv"


def untrained(folder: Path, images: xr.Dataset, like: Run) -> Run:
    """Return a run of the same settings whose model is as it was built: the floor that any score is measured from."""
    import torch

    from distoolkit.runs import open_run

    if (folder / "run.json").exists():
        return open_run(folder)
    run = create_run(folder, DISDIFF, like.config, images, seed=like.seed, device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(like.seed)
        run.save_weights(registry.resolve(DISDIFF.model)(run.config, run.spec))
    return run.mark("finished")


def _scored(variant: str, run: Run, images: xr.Dataset, diffusion_steps: int) -> Iterator[dict[str, Any]]:
    scores = evaluate(encode(run, images), ["factor_vae", "dci", "mig"])
    for metric, score in zip(scores["metric"].values, scores["score"].values, strict=True):
        yield {
            "method": "disdiff",
            "variant": variant,
            "seed": run.seed,
            "metric": str(metric),
            "score": f"{float(score):.4f}",
            "data": images.attrs["data"],
            "data_hash": images.attrs["data_hash"],
            "images": images.sizes["sample"],
            "size": f"{run.spec}",
            "diffusion_steps": diffusion_steps,
            "steps": 0 if variant == "untrained" else run.config.steps,
            "dis_weight": run.config.dis_weight,
            "seconds": run.record.get("seconds", 0),
            "device": run.record["device"],
            "distoolkit_disdiff": importlib.metadata.version("distoolkit-disdiff"),
            "distoolkit": run.record["versions"]["distoolkit"],
            "torch": run.record["versions"]["torch"],
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and measure the card."""
    parser = argparse.ArgumentParser("python -m distoolkit_disdiff.card", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the runs and card.csv go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", default="shapes3d", help="a data set with factors")
    parser.add_argument("--size", type=int, default=32, help="side of its images, in pixels")
    parser.add_argument("--sample", type=int, default=10_000, help="images")
    parser.add_argument("--diffusion-steps", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--dis-weight", type=float, help="lambda; the default of the settings unless given")
    parser.add_argument("--quick", action="store_true", help="tiny networks: to see that all goes through")
    given = parser.parse_args(arguments)
    images = load(given.data, size=given.size, sample=given.sample)
    settings: dict[str, Any] = {"steps": given.steps}
    if given.dis_weight is not None:
        settings["dis_weight"] = given.dis_weight
    path = card(
        given.folder, images, given.seeds, quick=given.quick, below={"steps": given.diffusion_steps}, **settings
    )
    print(path.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
