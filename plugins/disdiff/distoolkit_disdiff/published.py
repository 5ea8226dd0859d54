"""Scores of DisDiff and its rivals that were published, as scores Datasets to be drawn beside one's own.

The table holds only figures that stand in EncDiff (Yang et al. 2024), by DisDiff's first author, or in FDAE (Wu and
Zheng 2024), in both or in one of them; `source` says which. They were measured on whole data sets at 64x64 after long
training on GPUs.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import xarray as xr

from distoolkit import schema
from distoolkit.config import unknown
from distoolkit.contract import UnknownNameError

IMAGES = {"cars3d": 17_568, "shapes3d": 480_000, "mpi3d": 1_036_800, "celeba": 202_599}
"""Images in each data set."""

_CAVEATS = {
    "mpi3d": "two sources file these scores under different renderings of MPI3D",
    "celeba": "TAD was computed on all 192 entries of the code in the authors' script",
}


@dataclass(frozen=True)
class Published:
    """One published score: mean and standard deviation over runs."""

    group: str
    method: str
    data: str
    metric: str
    mean: float
    std: float
    higher_is_better: bool
    source: str


def rows() -> list[Published]:
    """Return the whole table."""
    text = (files("distoolkit_disdiff") / "published.csv").read_text(encoding="utf-8")
    return [
        Published(
            r["group"],
            r["method"],
            r["data"],
            r["metric"],
            float(r["mean"]),
            float(r["std"]),
            r["higher_is_better"] == "yes",
            r["source"],
        )
        for r in csv.DictReader(text.splitlines())
    ]


def published(data: str = "shapes3d", methods: Sequence[str] | None = None) -> list[xr.Dataset]:
    """Return the published scores on a data set, one Dataset for each method, for ``distoolkit.views.scores``.

    Each carries ``source`` and ``note`` in its attributes; `difference` says what sets them apart from one's own.

    Parameters
    ----------
    data
        ``cars3d``, ``shapes3d``, ``mpi3d`` or ``celeba``.
    methods
        Which ones, by their names in the papers; all of them without it.

    Raises
    ------
    UnknownNameError
        No such data set or method in the table.
    """
    table = rows()
    if data not in (known := {r.data for r in table}):
        raise UnknownNameError(unknown("published data set", data, known))
    found: dict[str, list[Published]] = {}
    for row in table:
        if row.data == data:
            found.setdefault(row.method, []).append(row)
    for method in methods or ():
        if method not in found:
            raise UnknownNameError(unknown("published method", method, found))
    return [_dataset(found[method]) for method in (methods or found)]


def difference(scores: xr.Dataset, data: str = "shapes3d") -> str:
    """Say in one paragraph how one's own scores differ from the published ones: data, size, steps.

    Parameters
    ----------
    scores
        From ``distoolkit.evaluate``.
    data
        The data set that the published scores are on.

    Raises
    ------
    UnknownNameError
        No such data set in the table.
    """
    if data not in IMAGES:
        raise UnknownNameError(unknown("published data set", data, IMAGES))
    config = schema.attribute(scores, "config", {})
    steps = config.get("steps", "unknown")
    own = str(schema.attribute(scores, "data", "unknown data"))
    caveat = f" Moreover, {_CAVEATS[data]}." if data in _CAVEATS else ""
    return (
        f"The published scores are means over runs on all {IMAGES[data]:,} images of {data} at 64x64, after long "
        f"training on GPUs. The scores beside them are of {own}, after {steps} steps: they show the method at work and "
        f"are not comparable as numbers.{caveat}"
    )


def _dataset(found: list[Published]) -> xr.Dataset:
    scores = xr.Dataset(
        {"score": ("metric", [r.mean for r in found]), "published_std": ("metric", [r.std for r in found])},
        {
            "metric": [r.metric for r in found],
            "higher_is_better": ("metric", [r.higher_is_better for r in found]),
        },
    )
    first = found[0]
    note = "whole data set at 64x64; mean over runs" + (f"; {_CAVEATS[first.data]}" if first.data in _CAVEATS else "")
    return schema.stamp(
        scores, "scores", method=f"{first.method} (published)", data=first.data, source=first.source, note=note
    )
