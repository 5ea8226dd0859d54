"""The commands that work on a fitted run: encode, evaluate, traverse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distoolkit.cli.flags import DataCommand, device_flag, images_flags, images_of
from distoolkit.cli.output import as_json, print_json, print_scores

if TYPE_CHECKING:
    import xarray as xr

    from distoolkit.runs import Run

_RUN = click.argument("run", type=click.Path(path_type=Path))


@click.command(cls=DataCommand)
@_RUN
@images_flags
@device_flag
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A .nc or .zarr to write. [in the run: latents.nc, or latents-DATA.nc for other images than its own]",
)
def encode(
    run: Path, data: str | None, data_option: tuple[str, ...], device: str, out: Path | None, **options: Any
) -> None:
    """Encode images with a fitted RUN and save the codes.

    Without --data, the images are those that the run was fitted on.
    """
    from distoolkit import encoding, schema
    from distoolkit.runs import open_run

    fitted = open_run(run)
    images = images_of(fitted, data, data_option, options)
    latents = encoding.encode(fitted, images, device=device, progress=True)
    if out is None and images.attrs["data_hash"] != fitted.record["data_hash"]:
        out = fitted.folder / f"latents-{images.attrs['data']}.nc"  # latents.nc stays that of the run's own images
    path = schema.save(latents, out) if out else fitted.save(latents)
    sizes = latents["code"].sizes
    click.echo(f"{sizes['sample']} images, {sizes['latent']} latents: {path}")


@click.command(cls=DataCommand)
@_RUN
@images_flags
@click.option("--metric", "-m", multiple=True, help="One metric; may be repeated. [all that the codes allow]")
@click.option("--seed", default=0, show_default=True, help="Seed of everything that is random.")
@device_flag
@as_json
def evaluate(
    run: Path,
    data: str | None,
    data_option: tuple[str, ...],
    metric: tuple[str, ...],
    seed: int,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Score the codes of RUN and save the scores.

    The codes are those that `distoolkit encode` saved; without them, or with --data, images are encoded first.
    """
    from distoolkit import metrics, schema
    from distoolkit.runs import open_run

    fitted = open_run(run)
    latents = latents_of(fitted, data, data_option, options, device)
    scores = metrics.evaluate(latents, list(metric) or None, seed=seed)
    fitted.save(scores)
    left_out = schema.attribute(scores, "left_out", {})
    if as_json:
        values = dict(zip(scores["metric"].values, scores["score"].values, strict=True))
        print_json({"run": str(run), "data": latents.attrs.get("data"), "scores": values, "left_out": left_out})
    else:
        print_scores({"score": scores})
        _echo_left_out(left_out)


def _echo_left_out(left_out: dict[str, str]) -> None:
    """Say which metrics gave no score: one line for each reason, as most share theirs."""
    names: dict[str, list[str]] = {}
    for name, why in left_out.items():
        names.setdefault(why, []).append(name)
    more = names.pop("not in the default panel", [])
    for why, those in names.items():
        click.echo(f"left out: {', '.join(those)}: {why}")
    if more:
        click.echo(f"more, if asked for by --metric: {', '.join(more)}")


@click.command(cls=DataCommand)
@_RUN
@images_flags
@click.option("--sample", "at", default=0, show_default=True, help="Position of the image to start from.")
@click.option("--steps", default=9, show_default=True, help="Pictures for each unit.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write a picture: .png, .svg, .html or .gif.")
@device_flag
def traverse(
    run: Path,
    data: str | None,
    data_option: tuple[str, ...],
    at: int,
    steps: int,
    out: Path | None,
    device: str,
    **options: Any,
) -> None:
    """Draw and save the traversals of RUN.

    Each unit of the code of one image is moved alone.
    """
    from distoolkit import encoding
    from distoolkit.runs import open_run

    fitted = open_run(run)
    latents = latents_of(fitted, data, data_option, options, device)
    traversal = encoding.traverse(fitted, latents, sample=at, steps=steps, device=device)
    click.echo(f"{traversal.sizes['unit']} units, {steps} steps: {fitted.save(traversal)}")
    if out is not None:
        from distoolkit import views

        click.echo(views.export(views.traversal(traversal), out))


def latents_of(run: Run, data: str | None, pairs: tuple[str, ...], options: dict[str, Any], device: str) -> xr.Dataset:
    """Give the codes saved in a run; without them, or for other images, encode (and keep the run's own)."""
    from distoolkit import encoding

    if run.has("latents") and data is None and not pairs:
        return run.open("latents")
    images = images_of(run, data, pairs, options)
    latents = encoding.encode(run, images, device=device, progress=True)
    if data is None and not pairs:
        run.save(latents)
    return latents
