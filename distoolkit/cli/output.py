"""What the commands print: tables for people, JSON for machines, both on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def console() -> Console:
    """Give a console that is as wide as the terminal, and wide enough where there is none."""
    from rich.console import Console

    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = max(out.width, 120)
    return out


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print rows under column names; a name in the first column is never broken."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console().print(table)


def print_scores(runs: Mapping[str, xr.Dataset]) -> None:
    """Print the scores of several runs beside each other, and what the true factors would get as a code."""
    metrics = dict.fromkeys(str(name) for scores in runs.values() for name in scores["metric"].values)
    rows = []
    for metric in metrics:
        there = [s.sel(metric=metric) if metric in s["metric"] else None for s in runs.values()]
        first = next(s for s in there if s is not None)
        cells = ["" if s is None else _score(s["score"]) for s in there]
        perfect = _score(first["score_identity"]) if "score_identity" in first else ""
        rows.append((metric, *cells, perfect, "higher" if first["higher_is_better"] else "lower"))
    print_table(("metric", *runs, "true factors", "better"), rows)


def _score(value: xr.DataArray) -> str:
    return "" if value.isnull() else f"{value.item():.4f}"


def print_json(value: Any) -> None:
    """Print a value as indented JSON; NaN becomes null, which JSON has."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "tolist"):  # a numpy scalar or array
        return _plain(value.tolist())
    if isinstance(value, float) and not (abs(value) < float("inf")):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)
