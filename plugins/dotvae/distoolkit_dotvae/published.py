"""The table of the OAT manuscript, as scores Datasets to be drawn beside one's own."""

from __future__ import annotations

import csv
from importlib.resources import files

import xarray as xr

from distoolkit import schema

SOURCE = "OAT manuscript (OpenReview DXU0DQUDWLA), table on dSprites"
CAVEAT = (
    "dSprites, as the manuscript prints it: the rows of other methods are quoted there from other work, so protocols "
    "may differ between rows; the number of runs behind each deviation is not stated; these are OAT's figures, and "
    "those of the DOT-VAE paper were not at hand"
)


def published() -> list[xr.Dataset]:
    """Return one scores Dataset for each method of the table, for `distoolkit.views.scores`.

    ``published_std`` is NaN where the manuscript gives none; ``source`` and ``note`` are in the attributes.
    """
    text = (files("distoolkit_dotvae") / "published.csv").read_text(encoding="utf-8")
    table: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(text.splitlines()):
        table.setdefault(row["method"], []).append(row)
    return [_dataset(method, rows) for method, rows in table.items()]


def _dataset(method: str, rows: list[dict[str, str]]) -> xr.Dataset:
    scores = xr.Dataset(
        {
            "score": ("metric", [float(row["mean"]) for row in rows]),
            "published_std": ("metric", [float(row["std"] or "nan") for row in rows]),
        },
        {"metric": [row["metric"] for row in rows], "higher_is_better": ("metric", [True] * len(rows))},
    )
    return schema.stamp(scores, "scores", method=f"{method} (published)", data="dsprites", source=SOURCE, note=CAVEAT)
