"""`report`: gather what there is, draw it, and write one file."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import xarray as xr

from distoolkit import __version__
from distoolkit.material import Material, Source, gather
from distoolkit.reports import sections
from distoolkit.storage import replacing
from distoolkit.views.exporting import page


def report(
    runs: Source | Sequence[Source],
    path: str | os.PathLike[str] | None = None,
    *,
    images: xr.Dataset | None = None,
    latents: xr.Dataset | Sequence[xr.Dataset] | None = None,
    scores: xr.Dataset | Sequence[xr.Dataset] | None = None,
    title: str | None = None,
) -> Path:
    """Write what there is to show about runs as one HTML file.

    It shows the scores with how each was computed, images and what each model makes of them, traversals, which unit
    carries which factor, training curves, the pictures of installed panels, and the full provenance. It opens
    offline and asks for nothing from outside. Several runs stand side by side; runs that differ only by their seed
    are shown as repeats.

    Parameters
    ----------
    runs
        A run, its folder, or a mapping from kinds to Datasets that come from no run; or several of these.
    path
        The file; ``report.html`` in the folder of the first run without it.
    images
        The images to show; those that the runs were fitted on, loaded again by name, without them.
    latents, scores
        One for each run, in place of those saved in its folder.
    title
        Of the page.

    Returns
    -------
    Path
        Where it was written, whole or not at all.

    Raises
    ------
    DataError
        As for `distoolkit.material.gather`.
    RunError, SchemaError
        A folder that is no run; a Dataset of the wrong kind.
    """
    found = gather(runs, images, latents, scores)
    target = Path(path) if path is not None else _beside(found[0])
    title = title or _title(found)
    parts = [part for part in _parts(found) if part]
    # ids are given in one place, so that the list of contents cannot point at a section that is not there
    anchors = [
        (part.split('id="', 1)[1].split('"', 1)[0], part.split("<h2>", 1)[1].split("</h2>", 1)[0]) for part in parts
    ]
    contents = "".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in anchors)
    body = (
        f"<main><header><h1>{html.escape(title)}</h1><p class='quiet'>{html.escape(_subtitle(found))}</p>"
        f"<nav>{contents}</nav></header>\n{''.join(parts)}<footer>Written by distoolkit {__version__}. "
        "The full provenance is in this file as JSON, in the script distoolkit-provenance.</footer></main>"
    )
    style = f"<style>{resources.files('distoolkit.reports').joinpath('style.css').read_text(encoding='utf-8')}</style>"
    with replacing(target) as temporary:
        temporary.write_text(page(title, body, _record(found), head=style), encoding="utf-8")
    return target


def _parts(found: list[Material]) -> list[str]:
    shown = sections.representative(found)
    return [
        sections.scores(found),
        sections.images(shown),
        sections.traversals(shown),
        sections.heat_maps(shown),
        sections.responses(shown),
        sections.scatters(shown),
        sections.histories(shown),
        sections.panels(shown),
        sections.provenance(found),
        sections.legend(),
    ]


def _beside(first: Material) -> Path:
    return (first.run.folder if first.run is not None else Path.cwd()) / "report.html"


def _title(found: list[Material]) -> str:
    methods = list(dict.fromkeys(m.run.method.name if m.run else m.name for m in found))
    data = list(dict.fromkeys(str(m.record.get("data", "")) for m in found))
    return f"{', '.join(methods)} on {', '.join(filter(None, data)) or 'images'}"


def _subtitle(found: list[Material]) -> str:
    count = f"{len(found)} runs" if len(found) > 1 else "one run"
    samples = {m.data["latents"].sizes["sample"] for m in found if "latents" in m.data}
    return count + (f", codes of {max(samples):,} images" if samples else "")


def _record(found: list[Material]) -> str:
    records: list[dict[str, Any]] = [{"name": m.name, **m.record} for m in found]
    record = {"distoolkit": __version__, "shows": _title(found), "provenance": {"sources": records}}
    return json.dumps(record, sort_keys=True, default=str)
