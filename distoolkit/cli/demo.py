"""``distoolkit demo``: the whole job once, on images that need no download."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distoolkit.cli.fitting import train
from distoolkit.cli.output import print_scores

if TYPE_CHECKING:
    import xarray as xr

    from distoolkit.runs import Run

DATA: dict[str, Any] = {"name": "shapes3d", "size": 32, "sample": 4000}
METHODS: dict[str, dict[str, Any]] = {
    "pca": {"latents": 10},
    "beta_vae": {"latents": 10, "beta": 4.0, "steps": 1500},
}
TIME_LIMIT = 150.0
"""Seconds of training of one method: on a slow or busy machine the report shows what was learnt until then."""


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo"),
    show_default=True,
    help="Folder for the runs and the report; what is there already is not done again.",
)
def demo(out: Path) -> None:
    """Do the whole job once and write an HTML report.

    Two methods are fitted to images that are drawn here, encoded, scored and compared. Minutes on two cores.
    """
    from distoolkit import data, reports

    begun = time.monotonic()
    _announce(1, f"drawing {DATA['sample']} images of {DATA['name']}, {DATA['size']}x{DATA['size']} pixels")
    images = data.load(**DATA)
    runs = [_run(step, method, images, out / method) for step, method in enumerate(METHODS, start=2)]
    _announce(len(METHODS) + 2, "writing the report")
    path = reports.report(runs, out / "report.html", images=images)
    _sum_up(runs, path, time.monotonic() - begun)


def _announce(step: int, what: str) -> None:
    click.secho(f"\n[{step}/{len(METHODS) + 2}] {what}", bold=True)


def _run(step: int, method: str, images: xr.Dataset, folder: Path) -> Run:
    """Fit, encode, traverse and score, each unless it was done before."""
    from distoolkit import encoding, metrics, training

    _announce(step, f"{method}: fit, encode, traverse, evaluate")
    session = training.start(method, images, folder=folder, resume=True, time_limit=TIME_LIMIT, **METHODS[method])
    trained_before = session.over
    run = train(session, advise=False)
    if not (trained_before and run.has("latents")):
        run.save(encoding.encode(run, images, progress=True))
    latents = run.open("latents")
    if not (trained_before and run.has("traversal")):
        run.save(encoding.traverse(run, latents))
    if not (trained_before and run.has("scores")):
        run.save(metrics.evaluate(latents))
    return run


def _sum_up(runs: list[Run], report: Path, seconds: float) -> None:
    click.echo("")
    print_scores({run.method.name: run.open("scores") for run in runs})
    click.echo(f"\nDone in {seconds:.0f} s. The report, which opens in any browser without a network:")
    click.secho(f"  {report.resolve()}", bold=True)
    click.echo(f"The runs (weights, history, codes, scores): {', '.join(str(run.folder) for run in runs)}")
    click.echo(f"Next: distoolkit dashboard {' '.join(str(run.folder) for run in runs)}, or distoolkit lab")
