"""The sections of a report: each takes what was gathered and returns HTML, empty if there is nothing to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import xarray as xr

from distoolkit import registry, schema, views
from distoolkit.contract import DistoolkitError
from distoolkit.material import Material
from distoolkit.reports import markup
from distoolkit.views.catalogue import PANELS
from distoolkit.views.comparison import Entry, entries, labels
from distoolkit.views.matrices import matrices
from distoolkit.views.pictures import contact_sheet, reconstruction_rows, traversal_rows

_MOST_SHOWN = 6
_ROWS_OF_IMAGES = 10

Draw = Callable[[Material], Any]


def representative(found: list[Material]) -> list[Material]:
    """Choose the runs whose pictures are shown: all of a few, else the first of each method and setting."""
    if len(found) <= _MOST_SHOWN:
        return found
    kinds: dict[str, Material] = {}
    for material in found:
        kinds.setdefault(f"{material.record.get('method')} {material.record.get('config')}", material)
    return list(kinds.values())


def scores(found: list[Material]) -> str:
    """Scores by metric and method, with how each was computed."""
    scored = [m for m in found if "scores" in m.data]
    if not scored:
        reason = found[0].missing.get("scores", "there are none")
        return markup.section("scores", "Scores", "No scores to show.", markup.note(reason))
    datasets = [m.data["scores"] for m in scored]
    rows = [_score_row(metric, datasets) for metric in dict.fromkeys(e.metric for e in entries(datasets))]
    methods = list(dict.fromkeys(labels(datasets)))
    body = markup.table(["metric", *map(escape, methods), "true factors"], rows)
    for dataset, name in {name: (d, name) for d, name in zip(datasets, labels(datasets), strict=True)}.values():
        body += _cards(dataset, name)
    lead = (
        "The median over runs, and each run as a dot. A bar is the 95 % interval of a single run. The grey mark is "
        "what the true factors get when they are scored as a code: with these settings, what perfect looks like."
    )
    without = [m.name for m in found if "scores" not in m.data]
    remark = markup.note(f"No scores: {', '.join(without)}") if without else ""
    return markup.section("scores", "Scores", lead, body + remark)


def _score_row(metric: str, datasets: list[xr.Dataset]) -> list[str]:
    having = [d for d in datasets if metric in d["metric"].values]
    names = [n for d, n in zip(datasets, labels(datasets), strict=True) if metric in d["metric"].values]
    table = {e.method: e for e in entries(having, [metric], names=names)}
    better = next(iter(table.values())).higher_is_better
    ceiling = _one(having[0], metric, "score_identity")
    low, high = _scale([*table.values()], ceiling)
    best = _best([*table.values()], better)
    cells = [f"{escape(metric)}<small>{'higher' if better else 'lower'} is better</small>"]
    for method in dict.fromkeys(labels(datasets)):
        if method not in table:
            cells.append("–")
            continue
        entry, single = table[method], having[names.index(method)]
        interval = (_one(single, metric, "score_low"), _one(single, metric, "score_high"))
        cells.append(_score_cell(entry, interval if len(entry.values) == 1 else (), low, high, ceiling, entry in best))
    return [*cells, f"{ceiling:.3f}" if np.isfinite(ceiling) else "–"]


def _score_cell(entry: Entry, interval: tuple[float, ...], low: float, high: float, ceiling: float, best: bool) -> str:
    if not entry.values:
        return "–"
    median = f'<span class="{"best" if best else ""}">{np.median(entry.values):.3f}</span>'
    if len(entry.values) > 1:
        median += f"<small>{min(entry.values):.3f} to {max(entry.values):.3f}, {len(entry.values)} runs</small>"
    elif interval and np.isfinite(interval).all():
        median += f"<small>95 %: {interval[0]:.3f} to {interval[1]:.3f}</small>"
    return median + markup.strip(entry, low, high, interval, ceiling)


def _scale(table: list[Entry], ceiling: float) -> tuple[float, float]:
    values = [v for e in table for v in e.values] + ([ceiling] if np.isfinite(ceiling) else [])
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (0.0, 1.0) if low >= 0 and 0.05 < high <= 1 else (min(0.0, low), high or 1.0)


def _best(table: list[Entry], higher: bool) -> list[Entry]:
    """Return the entry with the best median where several methods are compared, and any that equal it."""
    medians = [float(np.median(e.values)) if e.values else np.nan for e in table]
    if len(table) < 2 or not np.isfinite(medians).any():
        return []
    best = np.nanmax(medians) if higher else np.nanmin(medians)
    return [e for e, m in zip(table, medians, strict=True) if m == best]


def _one(dataset: xr.Dataset, metric: str, name: str) -> float:
    return float(dataset[name].sel(metric=metric)) if name in dataset else float("nan")


def _cards(dataset: xr.Dataset, name: str) -> str:
    cards: dict[str, dict[str, Any]] = schema.attribute(dataset, "cards", {})
    body = "".join(f"<h3>{escape(metric)}</h3>{markup.pairs(card)}" for metric, card in cards.items())
    if left_out := schema.attribute(dataset, "left_out", {}):
        body += f"<h3>not computed</h3>{markup.pairs(left_out)}"
    return markup.folded(f"How the scores of {name} were computed", body) if body else ""


def images(found: list[Material]) -> str:
    """The images, and what each model makes of them."""
    having = [m for m in found if "images" in m.data]
    if not having:
        return markup.section("images", "Images", "No images to show.", markup.note(found[0].missing.get("images", "")))
    first, figures = having[0], []
    count = min(_ROWS_OF_IMAGES, first.data["images"].sizes["sample"])
    chosen = np.sort(np.random.default_rng(0).choice(first.data["images"].sizes["sample"], count, replace=False))
    decoded: dict[str, xr.Dataset] = {}
    shown = first.data["images"].isel(sample=chosen)
    for material in having:
        alike = material.data["images"] is first.data["images"] or _same(material.data["images"], first.data["images"])
        pixels = material.reconstructions(chosen.tolist()) if alike else None
        if pixels is not None:
            decoded[material.name] = schema.as_images(pixels, name="reconstructions")
    if decoded:
        figures.append(markup.figure("", markup.board(reconstruction_rows(shown, decoded, count))))
    else:
        figures.append(markup.figure("", markup.board(contact_sheet(shown, count, columns=count))))
    without = [m.name for m in found if m.name not in decoded]
    remark = markup.note(f"No reconstructions: {', '.join(without)}") if without else ""
    lead = (
        "Images drawn at random, and what each model decodes from their codes."
        if decoded
        else "Images drawn at random."
    )
    return markup.section("images", "Images and reconstructions", lead, "".join(figures) + remark)


def _same(one: xr.Dataset, other: xr.Dataset) -> bool:
    return one.sizes == other.sizes and one.attrs.get("data_hash", 0) == other.attrs.get("data_hash", 1)


def traversals(found: list[Material]) -> str:
    """What each unit does to the decoded image."""
    lead = (
        "Each row starts from one image and moves one unit of its code from a low to a high value. In a disentangled "
        "code one thing changes in a row, and another in the next; a row in which nothing changes is an unused unit."
    )
    return _figures(found, "traversal", "traversals", "Traversals", lead, lambda m: traversal_rows(m.data["traversal"]))


def heat_maps(found: list[Material]) -> str:
    """Which unit carries which factor."""
    shown = [m for m in found if "scores" in m.data and matrices(m.data["scores"])]
    if not shown:
        return ""
    names = {matrices(m.data["scores"])[0].replace("_", " ") for m in shown}
    lead = (
        f"How much each unit tells about each factor ({', '.join(sorted(names))}). A disentangled code has one dark "
        "cell in each row, and no two in a column."
    )
    return _figures(shown, "scores", "heat-maps", "Factors and units", lead, lambda m: views.heatmap(m.data["scores"]))


def responses(found: list[Material]) -> str:
    """How the unit closest to each factor follows it."""
    shown = [m for m in found if "latents" in m.data and "factors" in m.data["latents"]]
    lead = (
        "The mean code as a factor takes each of its values, for the unit that follows it most closely; the band is "
        "one standard deviation over everything else. A thin band means that nothing else moves this unit."
    )
    return _figures(shown, "latents", "responses", "Responses", lead, lambda m: views.responses(m.data["latents"]))


def scatters(found: list[Material]) -> str:
    """Two entries of the code."""
    lead = "Where the images lie along the two entries of the code that spread most."
    return _figures(
        found, "latents", "codes", "Codes", lead, lambda m: views.scatter(m.data["latents"]), note_missing=False
    )


def histories(found: list[Material]) -> str:
    """Training curves."""
    lead = "What each trainer reported at each step; stages are shaded in turn."
    return _figures(found, "history", "training", "Training", lead, lambda m: views.history(m.data["history"]))


def panels(found: list[Material]) -> str:
    """The pictures of panels that plugins brought; one that fails is replaced by its error."""
    own = {panel.name for panel in PANELS}
    figures: list[str] = []
    for panel in registry.panels().values():
        for material in found if panel.name not in own else []:
            lacking = sorted(panel.needs - material.data.keys())
            if lacking:
                body = markup.note(f"needs {', '.join(lacking)}, which this run does not have")
            else:
                try:
                    body = _drawn(registry.resolve(panel.build)(material.data), f"{panel.name}-{len(figures)}")
                except Exception as error:  # anything a stranger's panel may raise
                    body = markup.note(f"this panel failed: {type(error).__name__}: {error}")
            figures.append(markup.figure(f"{panel.name}: {material.name}", body, panel.summary))
    if not figures:
        return ""
    return markup.section("panels", "Further panels", "Brought by installed plugins.", markup.side_by_side(figures))


def provenance(found: list[Material]) -> str:
    """Everything that is known about where this comes from."""
    parts = []
    for material in found:
        record = material.record
        config = record.pop("config", {}) or {}
        body = markup.pairs(record) + (f"<h3>settings</h3>{markup.pairs(config)}" if config else "")
        if material.run is not None:
            fidelity = material.run.method.fidelity
            body += f"<h3>{escape(material.run.method.name)}: built from {_BUILT_FROM[fidelity.source]}</h3>"
            body += "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in fidelity.deviations) + "</ul>"
        parts.append(markup.folded(material.name, body))
    lead = "Where each run comes from: method and version, settings, data with their hash, seed, and library versions."
    return markup.section("provenance", "Provenance", lead, "".join(parts))


_BUILT_FROM = {
    "paper": "its paper",
    "code": "its authors' code",
    "reconstruction": "a summary or related work: a reconstruction, not the published method",
    "none": "no paper",
}
_TERMS = {
    "factor": "a property in which the images truly differ, such as shape or position; known only for some data",
    "code, latents": "the numbers that a model reduces an image to",
    "unit": "a part of the code that is meant to stand for one thing: one entry, or several together",
    "disentangled": "each factor moves one unit, and each unit is moved by one factor",
    "traversal": "decoded images while one unit is changed and all others are held",
    "reconstruction": "an image encoded and decoded again; what is lost in it is not in the code",
    "seed": "what fixes the random numbers of a run; runs that differ only by their seed show how far chance reaches",
}


def legend() -> str:
    """The terms of the page, in plain words."""
    terms = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in _TERMS.items())
    return markup.section("words", "Words used here", "In plain terms.", f'<dl class="legend">{terms}</dl>')


def _figures(
    found: list[Material], kind: str, anchor: str, title: str, lead: str, draw: Draw, *, note_missing: bool = True
) -> str:
    """Draw one figure for each run that has the data, and say why the others have none."""
    figures = []
    for position, material in enumerate(found):
        if kind in material.data:
            try:
                body = _drawn(draw(material), f"{anchor}-{position}")
            except DistoolkitError as error:
                body = markup.note(str(error))
            figures.append(markup.figure(material.name if len(found) > 1 else "", body))
        elif note_missing:
            reason = f"{material.name}: {material.missing.get(kind, 'not there')}"
            figures.append(markup.figure(material.name if len(found) > 1 else "", markup.note(reason)))
    if not figures:
        return ""
    return markup.section(anchor, title, lead, markup.side_by_side(figures, wide=len(figures) == 1))


def _drawn(shown: Any, anchor: str) -> str:
    """Turn a board, a HoloViews object or anything with a static form into HTML."""
    if hasattr(shown, "pixels"):
        return markup.board(shown)
    picture = views.static(shown)
    if hasattr(picture.source, "pixels"):
        return markup.board(picture.source)
    return picture.markup(re.sub(r"\W+", "-", anchor))
