"""The commands that show runs to people: report and dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from distoolkit.cli.flags import DataCommand, given_images, images_flags

_RUNS = click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True)


@click.command(cls=DataCommand)
@_RUNS
@images_flags
@click.option("--out", type=click.Path(path_type=Path), help="The file to write. [report.html in the first run]")
def report(
    runs: tuple[Path, ...], data: str | None, data_option: tuple[str, ...], out: Path | None, **options: Any
) -> None:
    """Write one HTML file about RUNS that opens offline."""
    from distoolkit import reports

    images = given_images(data, data_option, options)
    click.echo(reports.report(list(runs), out, images=images))


@click.command(cls=DataCommand)
@_RUNS
@images_flags
@click.option("--port", default=0, help="Port to listen on. [any free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def dashboard(
    runs: tuple[Path, ...], data: str | None, data_option: tuple[str, ...], port: int, no_browser: bool, **options: Any
) -> None:
    """Serve the dashboard of RUNS on this machine.

    It listens on 127.0.0.1 only, until Ctrl-C.
    """
    from distoolkit import dashboards

    images = given_images(data, data_option, options)
    dashboards.serve(list(runs), images, port=port, show=not no_browser)
