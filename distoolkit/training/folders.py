"""Run folders: finding the one to resume, making the one to begin."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from distoolkit import config as configs
from distoolkit.contract import Method, RunError
from distoolkit.runs import Run, create_run, open_run, spec_of
from distoolkit.storage import claim
from distoolkit.training.devices import precision_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Folder = str | os.PathLike[str] | None


def existing(folder: Folder, method: Method[Any]) -> Run | None:
    """Return the run to resume; None where nothing is yet.

    Raises
    ------
    RunError
        No folder was given, or it holds something that is no run.
    """
    if folder is None:
        raise RunError("resume=True needs the folder of the run: fit(..., folder='runs/...', resume=True)")
    folder = Path(folder)
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if not (folder / "run.json").exists():
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:5])
        raise RunError(
            f"{folder} holds {there} and no run.json: it is no run, or a half-written one. Choose another folder, or "
            "delete this one and fit again"
        )
    return open_run(folder, method)


def check_same(run: Run, images: xr.Dataset, settings: Any, seed: int, precision: str) -> None:
    """Refuse to resume a run as something that it is not.

    Raises
    ------
    RunError
        Names each setting and each fact about the images that differs.
    """
    now = _identity(configs.as_json(settings), images.attrs, spec_of(images), seed, precision)
    record = run.record
    then = _identity(configs.as_json(run.config), record, run.spec, run.seed, str(record.get("precision")))
    differences = [f"{n} is {then.get(n)!r} there and {value!r} here" for n, value in now.items() if then[n] != value]
    if differences:
        raise RunError(f"{run.folder} holds another run of {run.method.name!r}: " + "; ".join(differences))


def _identity(settings: dict[str, Any], data: Any, spec: Any, seed: int, precision: str) -> dict[str, Any]:
    return {
        **settings,
        "seed": seed,
        "precision": precision,
        "data": str(data.get("data", "array")),
        "data_hash": str(data.get("data_hash", "")),
        "image size": str(spec),
        "number of images": spec.count,
    }


def begin(
    old: Run | None,
    folder: Folder,
    method: Method[Any],
    settings: Any,
    images: xr.Dataset,
    seed: int,
    fabric: Fabric,
) -> tuple[Run, Callable[[], None] | None]:
    """Make the run folder, or take the old one up again; claim it.

    Returns
    -------
    Run
        The run, with status ``running``.
    callable
        Lets go of the folder. None on all devices but the first, which are told where it is and write nothing.

    Raises
    ------
    RunError
        The folder holds other files, or another process is training in it.
    """
    run, release = old, None
    if fabric.is_global_zero:
        if run is None:
            place = Path(folder) if folder is not None else _free_folder(method, images, seed)
            device, precision = str(fabric.device), precision_of(fabric)
            run = create_run(place, method, settings, images, seed=seed, device=device, precision=precision)
        release = claim(run.folder)
        for leftover in run.folder.glob(".*.tmp"):  # of a run that was killed while it wrote
            leftover.unlink()
        if old:
            run = run.mark("running", error="")
    if fabric.world_size > 1:
        there: Any = fabric.broadcast((run.folder, run.record) if run else None)
        run = Run(there[0], there[1], method)
    assert run is not None
    return run, release


def _free_folder(method: Method[Any], images: xr.Dataset, seed: int) -> Path:
    data = re.sub(r"[^A-Za-z0-9_.]+", "_", str(images.attrs.get("data", "array"))).strip("._") or "images"
    number = 1
    while (folder := Path("runs") / f"{method.name}-{data}-{seed}-{number}").exists():
        number += 1
    return folder
