"""`check_datasource` and `check_panel`: the small contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataSource, Panel
from distoolkit.testing.faults import one_line, raise_all

KINDS = ("images", "latents", "scores", "traversal", "history")
"""The Datasets of a run that a panel may ask for."""


def check_datasource(source: str | DataSource, **options: Any) -> None:
    """Check one data set against the contract: its record, its images, and that it loads the same twice.

    Parameters
    ----------
    source
        Its name, or its record.
    options
        Passed to its ``load``; choose them so that few images come.

    Raises
    ------
    ContractError
        Lists every fault found, in plain words.
    """
    record = registry.find("datasets", source) if isinstance(source, str) else source
    raise_all(f"data set {record.name!r}", _datasource_faults(record, options))


def check_panel(panel: str | Panel, data: Mapping[str, xr.Dataset]) -> None:
    """Check one panel against the contract: its record, and that it draws from what it says it needs.

    Parameters
    ----------
    panel
        Its name, or its record.
    data
        Datasets by kind; those that the panel ``needs`` must be among them.

    Raises
    ------
    ContractError
        Lists every fault found, in plain words.
    """
    record = registry.find("panels", panel) if isinstance(panel, str) else panel
    raise_all(f"panel {record.name!r}", _panel_faults(record, data))


def _record_faults(record: DataSource | Panel, ref: Any) -> Iterator[str]:
    if not record.name.isidentifier() or record.name != record.name.lower():
        yield f"name {record.name!r}: give lower-case letters, digits and underscores, like 'shapes3d'"
    if not record.summary.strip() or "\n" in record.summary:
        yield f"summary {record.summary!r}: give one line"
    try:
        registry.resolve(ref)
    except Exception as error:  # whatever a module may raise as it is imported
        yield one_line(error)


def _datasource_faults(source: DataSource, options: dict[str, Any]) -> Iterator[str]:
    faults = list(_record_faults(source, source.load))
    yield from faults
    if source.licence in ("", "unknown"):
        yield "licence is not given; if nobody knows it, say that in words"
    if faults:
        return
    try:
        images, again = (registry.resolve(source.load)(**options) for _ in range(2))
        schema.check(images, "images")
    except Exception as error:
        yield f"load({json.dumps(options)[1:-1]}) fails: {one_line(error)}"
        return
    if not images.attrs.get("data_hash"):
        yield "the images have no data_hash: as_images(..., data_hash=...) or leave it out to have one computed"
    if images.attrs.get("data_hash") != again.attrs.get("data_hash"):
        yield "it loads with another data_hash the second time: what is drawn must come from a seed option"
    elif not images["image"].isel(sample=slice(8)).identical(again["image"].isel(sample=slice(8))):
        yield "it loads other images the second time under the same data_hash"


def _panel_faults(panel: Panel, data: Mapping[str, xr.Dataset]) -> Iterator[str]:
    faults = list(_record_faults(panel, panel.build))
    yield from faults
    unknown = sorted(panel.needs - set(KINDS))
    if unknown:
        yield f"it needs {', '.join(unknown)}; a run has {', '.join(KINDS)}"
    missing = sorted(panel.needs - set(data) - set(unknown))
    if missing:
        yield f"it needs {', '.join(missing)}, which the check was not given"
    if faults or unknown or missing:
        return
    before = {kind: dataset.copy(deep=True) for kind, dataset in data.items()}
    try:
        # only what it says it needs: a panel that reaches for more would fail on another run
        if registry.resolve(panel.build)({kind: data[kind] for kind in panel.needs}) is None:
            yield "build() returned None: it must return a HoloViews element or a Panel object"
    except Exception as error:
        yield f"build() fails: {one_line(error)}"
    yield from (
        f"build() changed the {kind} that it was given" for kind in data if not data[kind].identical(before[kind])
    )
