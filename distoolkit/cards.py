"""Method cards: what a method was measured to do, over seeds, beside itself with its idea switched off.

`measure` runs the card that a plugin defines (`Method.card`) and keeps every score with where it came from in one CSV
file; the plugin ships that file as ``card.csv``, and `read` gives it back. `compare` is the protocol that all methods
share, so that the cards of different plugins can be set side by side.
"""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataError, DistoolkitError, Method
from distoolkit.data import load
from distoolkit.encoding import encode
from distoolkit.metrics import evaluate
from distoolkit.runs import Run
from distoolkit.storage import replacing, write_json
from distoolkit.training import fit

FILE = "card.csv"
DATA: Mapping[str, Mapping[str, Any]] = {
    "sprites": {"size": 32, "sample": 10_000},
    "shapes3d": {"size": 32, "sample": 10_000},
}
"""The data sets of the shared protocol, with the options that they are loaded with."""
STEPS = 2000
METRICS = ("factor_vae", "dci", "mig", "reconstruction")
SHOWN = ("factor_vae", "dci_disentanglement", "mig", "reconstruction_mse")
MARKS = ("<!-- card -->", "<!-- /card -->")
"""Between these two lines a README holds the table of its card."""

Arms = Mapping[str, tuple[str, Mapping[str, Any]]]
Extra = Callable[[Run, xr.Dataset, xr.Dataset], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured run.

    Attributes
    ----------
    data, arm, seed
        What it was trained on, which variant it is, and the seed of its training.
    scores
        Name -> value.
    provenance
        Where the scores come from: method, settings, images, seconds, versions, ...; JSON-able.
    """

    data: str
    arm: str
    seed: int
    scores: Mapping[str, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """The measured rows of one method."""

    name: str
    rows: tuple[Row, ...]

    @property
    def data(self) -> list[str]:
        """The data sets, in the order in which they were measured."""
        return list(dict.fromkeys(row.data for row in self.rows))

    def values(self, data: str, arm: str, metric: str) -> list[float]:
        """Scores of one arm on one data set, by seed; empty if it was not measured."""
        rows = sorted((r for r in self.rows if (r.data, r.arm) == (data, arm)), key=lambda r: r.seed)
        return [row.scores[metric] for row in rows if metric in row.scores]

    def table(self, metrics: Sequence[str] | None = None) -> str:
        """Return a Markdown table: one line for each data set and arm, mean and standard deviation over seeds.

        Last come the budget's columns: steps, and minutes of training (the median over seeds, by the clock of the
        machine that measured).

        Parameters
        ----------
        metrics
            Which scores; without it those of the shared protocol that were measured and the card's own.
        """
        if metrics is None:
            found = list(dict.fromkeys(name for row in self.rows for name in row.scores))
            standard = {name for row in self.rows for name in row.provenance.get("standard", ())}
            metrics = [n for n in SHOWN if n in found] + [n for n in found if n not in standard and n not in SHOWN]
        lines = [["data", "method", "seeds", *(name.replace("_", " ") for name in metrics), "steps", "minutes"]]
        for data in self.data:
            for arm in dict.fromkeys(row.arm for row in self.rows if row.data == data):
                rows = [row for row in self.rows if (row.data, row.arm) == (data, arm)]
                scores = (_spread(self.values(data, arm, m)) for m in metrics)
                lines.append([data, arm, str(len(rows)), *scores, *_budget(rows)])
        lines.insert(1, ["---"] * len(lines[0]))
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def scores(self, data: str) -> tuple[list[xr.Dataset], list[str]]:
        """Return scores Datasets of one data set and the arm of each, as `distoolkit.views.scores` takes them.

        Examples
        --------
        >>> datasets, names = card.scores("sprites")    # doctest: +SKIP
        >>> distoolkit.views.scores(datasets, ["dci_disentanglement", "mig"], names=names)    # doctest: +SKIP
        """
        rows = [row for row in self.rows if row.data == data]
        if not rows:
            raise DataError(f"the card of {self.name} has nothing on {data!r}; it has {self.data}")
        return [_dataset(row) for row in rows], [row.arm for row in rows]


def measure(
    method: str | Method[Any],
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    folder: str | Path = "card",
    tell: Callable[[Row], None] | None = None,
) -> Path:
    """Measure the card of a method; return the CSV file, which grows with every finished run.

    Measured again in the same folder, finished runs are not repeated.

    Parameters
    ----------
    method
        Its name or record.
    seeds
        Of training; the metrics have their own.
    folder
        Of the runs and of ``card.csv``.
    tell
        Called with every finished row.

    Raises
    ------
    DistoolkitError
        The method defines no card.
    """
    record = registry.find("methods", method) if isinstance(method, str) else method
    if record.card is None:
        others = sorted(name for name, other in registry.methods().items() if other.card)
        raise DistoolkitError(f"{record.name} defines no card; methods that do: {others}")
    folder = Path(folder)
    rows: list[Row] = []
    for row in registry.resolve(record.card)(tuple(seeds), folder):
        rows.append(row)
        write(folder / FILE, rows)
        if tell:
            tell(row)
    return folder / FILE


def compare(
    arms: Arms,
    seeds: Sequence[int],
    folder: Path,
    *,
    extra: Extra | None = None,
    steps: int = STEPS,
    data: Mapping[str, Mapping[str, Any]] = DATA,
) -> Iterator[Row]:
    """Fit and score every arm on every data set, seed by seed: the protocol that all cards share.

    Parameters
    ----------
    arms
        Name of the variant -> method and settings.
    seeds, folder
        As `measure` gives them.
    extra
        ``(run, images, latents) -> name -> value``: figures that only this method has.
    steps
        Of training, where an arm does not set its own.
    data
        Name -> options of `distoolkit.load`.
    """
    for seed in seeds:
        for name, options in data.items():
            images = load(name, **options)
            for arm, (method, settings) in arms.items():
                place = folder / "-".join([*(arm.split()), name, str(seed)])
                run = fit(method, images, seed=seed, folder=place, resume=True, **{"steps": steps, **settings})
                yield _scored(run, images, name, arm, extra)


def _scored(run: Run, images: xr.Dataset, data: str, arm: str, extra: Extra | None) -> Row:
    kept = run.folder / "row.json"
    if kept.exists():
        return Row(**json.loads(kept.read_text(encoding="utf-8")))
    latents = encode(run, images)
    found = evaluate(latents, METRICS)
    standard = {str(m): float(s) for m, s in zip(found["metric"].values, found["score"].values, strict=True)}
    lower = [str(name) for name in found["metric"].values[~found["higher_is_better"].values]]
    row = Row(
        data=data,
        arm=arm,
        seed=run.seed,
        scores={**standard, **(extra(run, images, latents) if extra else {})},
        provenance={"standard": sorted(standard), "lower_is_better": lower, **provenance(run, images)},
    )
    write_json(kept, asdict(row))
    return row


def provenance(run: Run, images: xr.Dataset) -> dict[str, Any]:
    """Return what a row tells about a run: its method, settings, data, cost and versions."""
    names = ("method", "plugin", "plugin_version", "config", "data_hash", "device", "versions", "created")
    return {
        **{name: run.record[name] for name in names},
        "images": images.sizes["sample"],
        "size": str(run.spec),
        "seconds": round(float(run.record.get("seconds", 0.0)), 1),
    }


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, one line a score, atomically."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["data", "arm", "seed", "metric", "score", "provenance"])
    for row in rows:
        # one line a run tells where it comes from; its other lines leave the cell empty
        told = json.dumps(dict(row.provenance), sort_keys=True)
        for name, score in row.scores.items():
            table.writerow([row.data, row.arm, row.seed, name, f"{score:.6g}", told])
            told = ""
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def read(method: str | Path) -> Card:
    """Return the card that a method's plugin keeps, or that of a CSV file.

    Raises
    ------
    DistoolkitError
        The plugin keeps none, or the file is no card.
    """
    if isinstance(method, Path):
        return Card(method.stem, _rows(method.read_text(encoding="utf-8"), str(method)))
    record = registry.find("methods", method)
    kept = _kept(record)
    if kept is None:
        raise DistoolkitError(f"{method} keeps no measured card; `distoolkit card {method}` measures one, where it can")
    return Card(method, _rows(kept, method))


def beside(*methods: str) -> Card:
    """Return the kept cards of several methods as one, to draw or tabulate them together."""
    cards = [read(method) for method in methods]
    return Card(" and ".join(methods), tuple(row for card in cards for row in card.rows))


def overview() -> Card:
    """Return what all kept cards say of the methods themselves on the shared data sets, the highest DCI first.

    Twins and other variants are left out, and so are figures that only one method has: both are in its own card.
    """
    found = []
    for name, record in registry.methods().items():
        if _kept(record) is not None:
            for row in read(name).rows:
                if row.arm == name and row.data in DATA and "dci_disentanglement" in row.scores:
                    scores = {metric: row.scores[metric] for metric in SHOWN if metric in row.scores}
                    found.append(replace(row, scores=scores))
    whole = Card("all methods", tuple(found))

    def place(row: Row) -> tuple[int, float]:
        return list(DATA).index(row.data), -statistics.fmean(whole.values(row.data, row.arm, "dci_disentanglement"))

    return Card(whole.name, tuple(sorted(found, key=place)))


def fill(readme: Path, card: Card) -> None:
    """Put the card's table between the two marks of a README.

    Raises
    ------
    DataError
        The marks are not there.
    """
    text = readme.read_text(encoding="utf-8")
    if any(text.count(mark) != 1 for mark in MARKS):
        raise DataError(
            f"{readme} has no single pair of the lines {MARKS[0]} and {MARKS[1]}; put them where the table goes"
        )
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    with replacing(readme) as temporary:
        temporary.write_text(f"{before}{MARKS[0]}\n{card.table()}\n{MARKS[1]}{after}", encoding="utf-8")


def _kept(method: Method[Any]) -> str | None:
    """Return the text of the ``card.csv`` in the package that defines the card; None without one."""
    if method.card is None:
        return None
    package = registry.resolve(method.card).__module__.partition(".")[0]
    file = importlib.resources.files(package) / FILE
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _rows(text: str, where: str) -> tuple[Row, ...]:
    found: dict[tuple[str, str, int], tuple[dict[str, float], dict[str, Any]]] = {}
    try:
        for line in csv.DictReader(io.StringIO(text)):
            scores, told = found.setdefault((line["data"], line["arm"], int(line["seed"])), ({}, {}))
            scores[line["metric"]] = float(line["score"])
            told.update(json.loads(line["provenance"] or "{}"))
    except (KeyError, TypeError, ValueError) as error:
        raise DistoolkitError(f"{where} is no method card: {error!r}") from error
    return tuple(
        Row(data=data, arm=arm, seed=seed, scores=scores, provenance=told)
        for (data, arm, seed), (scores, told) in found.items()
    )


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean = f"{statistics.fmean(values):.3g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"


def _budget(rows: Sequence[Row]) -> tuple[str, str]:
    """Return the steps of a run, and the median of its minutes."""
    steps = {row.provenance.get("config", {}).get("steps") for row in rows} - {None}
    seconds = [float(row.provenance["seconds"]) for row in rows if "seconds" in row.provenance]
    return (
        ", ".join(f"{n:,}" for n in sorted(steps)) or "–",
        f"{statistics.median(seconds) / 60:.2g}" if seconds else "–",
    )


def _dataset(row: Row) -> xr.Dataset:
    names = list(row.scores)
    lower = set(row.provenance.get("lower_is_better", ()))
    scores = xr.Dataset(
        {"score": ("metric", [float(row.scores[name]) for name in names])},
        coords={"metric": names, "higher_is_better": ("metric", [name not in lower for name in names])},
    )
    told = {name: row.provenance[name] for name in ("method", "config", "versions") if name in row.provenance}
    return schema.stamp(scores, "scores", data=row.data, seed=row.seed, **told)
