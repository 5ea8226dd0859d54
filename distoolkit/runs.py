"""A run: the folder with all that came out of one `fit`.

=====================  ===========================================================================
``run.json``           method, plugin, config, image spec, seed, data, versions, device, status
``weights.safetensors``  the model's parameters and buffers
``history.nc``         what the trainer reported
``latents.nc``, ``scores.nc``, ``traversal.nc``  whatever was saved with `Run.save`
``checkpoint.safetensors``  what an unfinished run needs to go on
=====================  ===========================================================================

Every file is written whole or not at all, and nothing that is read is unpickled.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from distoolkit import config as configs
from distoolkit import registry, schema
from distoolkit.contract import ConfigError, ImageSpec, Method, RunError, UnknownNameError
from distoolkit.storage import write_json, write_tensors

if TYPE_CHECKING:
    import torch

FORMAT = "distoolkit-run/1"
_PROVENANCE = (
    "method",
    "plugin",
    "plugin_version",
    "config",
    "data",
    "data_hash",
    "seed",
    "versions",
    "device",
    "created",
)
_NEEDED = ("format", "spec", "status", *_PROVENANCE)
_VERSIONED = ("distoolkit", "torch", "numpy", "xarray", "lightning-fabric")


@dataclass(frozen=True)
class Run:
    """One fitted (or unfinished) method. `distoolkit.fit` returns it, `open_run` gives it back from its folder."""

    folder: Path
    record: dict[str, Any]
    method: Method[Any]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def status(self) -> str:
        """``running``, ``stopped``, ``failed`` or ``finished``."""
        return str(self.record["status"])

    @property
    def seed(self) -> int:
        """The seed that the run was fitted with."""
        return int(self.record["seed"])

    @cached_property
    def config(self) -> Any:
        """The method's config, as an instance of its dataclass."""
        try:
            return configs.configure(self.method.config, **self.record["config"])
        except (ConfigError, UnknownNameError) as error:
            raise RunError(
                f"{self.folder} was written with settings that {self.method.name} no longer takes ({error}); "
                f"install the version that wrote it: {self.record['plugin']} {self.record['plugin_version']}"
            ) from error

    @property
    def spec(self) -> ImageSpec:
        """Shape of the images that the model was built for."""
        return ImageSpec(**self.record["spec"])

    @property
    def provenance(self) -> dict[str, Any]:
        """What every Dataset that comes from this run carries in its attributes."""
        return {"run": self.name, **{name: self.record[name] for name in _PROVENANCE}}

    def model(self, device: str = "cpu") -> torch.nn.Module:
        """Build the model and load its weights, in evaluation mode. Nobody's random numbers are disturbed.

        Raises
        ------
        RunError
            There are no weights yet, or they do not fit the model.
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.folder / "weights.safetensors"
        if not path.exists():
            remedy = "they were removed: fit it again" if self.status == "finished" else "fit(..., resume=True) goes on"
            raise RunError(f"{self.folder} has no weights, the run is {self.status}; {remedy}")
        with torch.random.fork_rng(devices=[]):
            module: torch.nn.Module = registry.resolve(self.method.model)(self.config, self.spec)
        try:
            module.load_state_dict(load_file(path))
        except (RuntimeError, SafetensorError) as error:
            raise RunError(
                f"the weights in {path} do not fit {self.method.name} with {self.config} on {self.spec} images: {error}"
            ) from error
        return module.to(device).eval()

    def save_weights(self, module: torch.nn.Module) -> None:
        """Write the model's parameters and buffers, from whatever device they are on."""
        write_tensors(self.folder / "weights.safetensors", module.state_dict())

    def save(self, dataset: xr.Dataset) -> Path:
        """Keep a Dataset in the run folder, under the name of its kind; an older one is replaced."""
        schema.check(dataset)
        return schema.save(dataset, self.folder / f"{dataset.attrs['kind']}.nc")

    def has(self, kind: str) -> bool:
        """Tell whether a Dataset of this kind was saved."""
        return (self.folder / f"{kind}.nc").exists()

    def open(self, kind: str) -> xr.Dataset:
        """Read back a Dataset that was saved: ``history``, ``latents``, ``scores``, ``traversal``.

        Raises
        ------
        RunError
            Nothing of that kind was saved; what there is is listed.
        """
        if not self.has(kind):
            there = sorted(p.stem for p in self.folder.glob("*.nc")) or ["nothing"]
            raise RunError(
                f"{self.folder} holds no {kind} (it holds {', '.join(there)}); run.save(dataset) puts them there"
            )
        return schema.open(self.folder / f"{kind}.nc")

    @property
    def history(self) -> xr.Dataset:
        """What the trainer reported, along ``step``."""
        return self.open("history")

    def mark(self, status: str, **fields: Any) -> Run:
        """Write a new status (and other fields) into ``run.json`` and return the run as it is now."""
        record = {**self.record, **fields, "status": status}
        write_json(self.folder / "run.json", record)
        return Run(self.folder, record, self.method)

    def __repr__(self) -> str:
        """Say what this is and where."""
        return f"<Run {self.method.name} on {self.record['data']}: {self.status}, in {self.folder}>"


def create_run(
    folder: str | os.PathLike[str],
    method: Method[Any],
    config: Any,
    images: xr.Dataset,
    *,
    seed: int,
    device: str,
    **fields: Any,
) -> Run:
    """Start a run folder.

    Raises
    ------
    RunError
        The folder already holds a run, or other files.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise RunError(
            f"{folder} is not empty; choose another folder, or resume the run in it with resume=True "
            "(in a shell: --resume)"
        )
    record = {
        "format": FORMAT,
        "method": method.name,
        **_plugin_of(method),
        "config": configs.as_json(config),
        "spec": vars(spec_of(images)),
        "data": str(images.attrs.get("data", "array")),
        "data_hash": str(images.attrs.get("data_hash", "")),
        "data_options": schema.attribute(images, "data_options", {}),  # with them, `load` gives the images again
        "seed": seed,
        "device": device,
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONED}
        | {"python": platform.python_version()},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
        **fields,
    }
    write_json(folder / "run.json", record)
    return Run(folder, record, method)


def open_run(folder: str | os.PathLike[str], method: Method[Any] | None = None) -> Run:
    """Give back the run in a folder.

    Parameters
    ----------
    folder
        Where `distoolkit.fit` wrote it.
    method
        The method's record, when it is not installed as a plugin.

    Raises
    ------
    RunError
        No run there, a half-written or foreign ``run.json``, or a method that is not the one given.
    """
    folder = Path(folder)
    path = folder / "run.json"
    if not path.exists():
        raise RunError(
            f"{folder} is no run folder: it has no run.json. A run is made by distoolkit.fit(..., folder=...)"
        )
    try:
        record = dict(json.loads(path.read_text(encoding="utf-8")))
        missing = [name for name in _NEEDED if name not in record]
    except (ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({error}); the run is damaged, fit it again") from error
    if missing or record["format"] != FORMAT:
        raise RunError(f"{path} has format {record.get('format')!r} and lacks {missing}; this version reads {FORMAT!r}")
    if method is None:
        method = registry.find("methods", record["method"])
    elif method.name != record["method"]:
        raise RunError(f"{folder} is a run of {record['method']!r}, not of {method.name!r}")
    return Run(folder, record, method)


def open_finished(folder: str | os.PathLike[str], setting: str) -> Run:
    """Give back the run that a setting of another run names, to build on it.

    Raises
    ------
    ConfigError
        It broke off, was stopped or still trains.
    RunError
        As `open_run`.
    """
    run = open_run(folder)
    if run.status != "finished":
        raise ConfigError(
            f"{setting} = {str(folder)!r} is a run that is {run.status}, not finished: finish it with "
            "fit(..., folder=..., resume=True) and its own settings, or give a finished one"
        )
    return run


def spec_of(images: xr.Dataset) -> ImageSpec:
    """Read the image shape off an images Dataset."""
    sizes = images["image"].sizes
    return ImageSpec(sizes["channel"], sizes["y"], sizes["x"], sizes["sample"])


def _plugin_of(method: Method[Any]) -> dict[str, str]:
    """Name the plugin that brought a method; a record handed in directly belongs to none."""
    if registry.methods().get(method.name) is method:
        plugin = registry.owner("methods", method.name)
        return {"plugin": plugin.distribution, "plugin_version": plugin.version}
    return {"plugin": "not installed", "plugin_version": ""}
