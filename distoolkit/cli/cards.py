"""The command that measures a method's card, or shows the one that its plugin keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from distoolkit.cards import Row


@click.command()
@click.argument("method", required=False)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="How many, counted from 0.")
@click.option("--folder", type=click.Path(path_type=Path), help="Of the runs and card.csv. [runs/card-METHOD]")
@click.option("--show", is_flag=True, help="Measure nothing: show the card that the plugin keeps.")
@click.option("--readme", type=click.Path(path_type=Path, exists=True), help="A README to put the table into.")
def card(method: str | None, seeds: int, folder: Path | None, show: bool, readme: Path | None) -> None:
    """Measure what a METHOD does, over seeds, beside itself with its idea switched off.

    It takes minutes to hours; stopped and started again, it goes on where it was. Without METHOD: show what the kept
    cards say of all methods, side by side.
    """
    from distoolkit import cards

    if method is None:
        found = cards.overview()
    elif show:
        found = cards.read(method)
    else:
        path = cards.measure(method, range(seeds), folder or Path("runs") / f"card-{method}", tell=_tell)
        found = cards.read(path)
        click.echo(path)
    if readme:
        cards.fill(readme, found)
    click.echo(found.table())


def _tell(row: Row) -> None:
    told = ", ".join(f"{name} {value:.3g}" for name, value in row.scores.items())
    click.echo(f"{row.data}, {row.arm}, seed {row.seed}: {told}", err=True)
