from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from distoolkit import registry, schema
from distoolkit.contract import ImageSpec, Method, RunError, SchemaError, UnknownNameError
from distoolkit.runs import Run, create_run, open_run, spec_of
from tests.training import toys


@pytest.fixture
def make(tiny_images: xr.Dataset, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that makes the folder of a run that has not been trained."""

    def make(name: str = "run", method: Method[Any] | None = None, **config: Any) -> Run:
        method = method or toys.method()
        return create_run(
            tmp_path / name, method, toys.Config(**config), tiny_images, seed=3, device="cpu", precision="32-true"
        )

    return make


def rewrite(run: Run, **changes: Any) -> None:
    path = run.folder / "run.json"
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not ...}))


def build(config: toys.Config, spec: ImageSpec) -> toys.Toy:
    return toys.Toy(config, spec)


def test_a_run_comes_back_from_its_folder(make: Any, tiny_images: xr.Dataset) -> None:
    made = make(lr=0.5)
    run = open_run(str(made.folder), toys.method())
    assert run.record == made.record
    assert run.config == toys.Config(lr=0.5)
    assert run.spec == spec_of(tiny_images) == ImageSpec(channels=1, height=16, width=16, count=48)
    assert (run.name, run.seed, run.status) == ("run", 3, "running")
    assert run.record["data_hash"] == tiny_images.attrs["data_hash"]
    assert set(run.record["versions"]) == {"distoolkit", "torch", "numpy", "xarray", "lightning-fabric", "python"}
    assert (run.record["plugin"], run.record["plugin_version"]) == ("not installed", "")


def test_an_installed_method_is_found_and_its_plugin_recorded(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = registry.Registry()
    monkeypatch.setattr(registry, "shared", lambda: fresh)
    method = toys.method()

    class Brings:
        from distoolkit.hookspecs import hookimpl

        @hookimpl
        def distoolkit_methods(self) -> list[Any]:
            return [method]

    fresh.add("brings", Brings, "distoolkit-brings", "1.2")
    run = make(method=method)
    assert (run.record["plugin"], run.record["plugin_version"]) == ("distoolkit-brings", "1.2")
    assert open_run(run.folder).method is method


def test_provenance_fits_into_every_dataset(make: Any) -> None:
    run = make()
    latents = schema.stamp(schema.as_latents(np.zeros((3, 2))), "latents", **run.provenance)
    assert (latents.attrs["run"], latents.attrs["method"], latents.attrs["seed"]) == ("run", "toy", 3)
    assert schema.attribute(latents, "config")["lr"] == 0.01
    run.save(latents)
    assert schema.attribute(run.open("latents"), "versions") == run.record["versions"]


def test_weights_come_back(make: Any) -> None:
    run = make()
    model = build(run.config, run.spec)
    run.save_weights(model)
    opened = run.model()
    assert not opened.training
    assert all(torch.equal(t, model.state_dict()[k]) for k, t in opened.state_dict().items())
    assert {p.device.type for p in run.model("meta").parameters()} == {"meta"}


def test_tied_weights_are_saved(make: Any) -> None:
    def tied(config: Any, spec: Any) -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        model[1].weight = model[0].weight
        return model

    run = make(method=toys.method(model=tied))
    model = tied(None, None)
    run.save_weights(model)
    opened: Any = run.model()
    assert opened[1].weight is opened[0].weight
    assert torch.equal(opened[0].weight, model[0].weight)  # type: ignore[index]


def test_a_run_without_weights_says_so(make: Any) -> None:
    run = make()
    with pytest.raises(RunError, match=r"run has no weights, the run is running; fit\(..., resume=True\) goes on"):
        run.model()
    with pytest.raises(RunError, match="the run is finished; they were removed: fit it again"):
        run.mark("finished").model()


@pytest.mark.parametrize("damage", ["other sizes", "other names", "half a file"])
def test_weights_that_do_not_fit_are_refused(damage: str, make: Any) -> None:
    run = make()
    model = build(toys.Config(latents=5) if damage == "other sizes" else run.config, run.spec)
    run.save_weights(nn.ModuleDict({"inner": model}) if damage == "other names" else model)
    if damage == "half a file":
        path = run.folder / "weights.safetensors"
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RunError, match=r"the weights in .*weights.safetensors do not fit toy with Config\(latents=3"):
        run.model()


def test_datasets_are_kept_by_kind(make: Any) -> None:
    run = make()
    assert not run.has("latents")
    with pytest.raises(RunError, match=r"holds no latents \(it holds nothing\); run.save\(dataset\) puts them there"):
        run.open("latents")
    first, second = (schema.as_latents(np.full((4, 2), value)) for value in (1.0, 2.0))
    assert run.save(first) == run.folder / "latents.nc"
    run.save(second)
    assert run.open("latents")["code"].equals(second["code"])
    with pytest.raises(RunError, match=r"holds no history \(it holds latents\)"):
        _ = run.history
    with pytest.raises(SchemaError):
        run.save(xr.Dataset())


def test_a_mark_changes_the_folder_and_gives_the_run_as_it_is(make: Any) -> None:
    run = make()
    marked = run.mark("finished", steps=7)
    assert (run.status, marked.status, marked.record["steps"]) == ("running", "finished", 7)
    assert open_run(run.folder, toys.method()).record == marked.record
    assert repr(marked) == f"<Run toy on tiny: finished, in {run.folder}>"


def test_a_folder_that_holds_something_is_not_begun(make: Any, tmp_path: Path) -> None:
    make()
    with pytest.raises(RunError, match=r"run is not empty; choose another folder, or resume"):
        make()
    (tmp_path / "empty").mkdir()
    assert make("empty").status == "running"


# -- folders that cannot be opened


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no run folder: it has no run.json"):
        open_run(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", '{"format": "distoolkit-run/1", "met', "\x00" * 40, "3", "[1]"])
def test_a_half_written_record(text: str, make: Any) -> None:
    run = make()
    (run.folder / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run.json cannot be read .*the run is damaged, fit it again"):
        open_run(run.folder, toys.method())


@pytest.mark.parametrize("name", ["method", "config", "spec", "seed", "status", "plugin", "created"])
def test_a_record_that_lacks_something(name: str, make: Any) -> None:
    run = make()
    rewrite(run, **{name: ...})
    with pytest.raises(RunError, match=rf"lacks \['{name}'\]"):
        open_run(run.folder, toys.method())


def test_a_record_of_another_version(make: Any) -> None:
    run = make()
    rewrite(run, format="distoolkit-run/9")
    with pytest.raises(RunError, match=r"has format 'distoolkit-run/9'.*this version reads 'distoolkit-run/1'"):
        open_run(run.folder, toys.method())


def test_another_method(make: Any) -> None:
    run = make()
    with pytest.raises(RunError, match="is a run of 'toy', not of 'other'"):
        open_run(run.folder, toys.method(name="other"))
    with pytest.raises(UnknownNameError, match="no method 'toy'"):
        open_run(run.folder)


@pytest.mark.parametrize("config", [{"latents": 3, "gone": 1}, {"latents": 99}])
def test_settings_that_the_method_no_longer_takes(config: dict[str, Any], make: Any) -> None:
    run = make()
    rewrite(run, config=config, plugin="distoolkit-toy", plugin_version="0.9")
    with pytest.raises(RunError, match=r"no longer takes .*install the version that wrote it: distoolkit-toy 0.9"):
        _ = open_run(run.folder, toys.method()).config


def test_nothing_is_unpickled(make: Any) -> None:
    """Weights that are a pickle, as torch.save writes them, are refused and not run."""
    run = make()

    class Bad:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("it was unpickled",))

    torch.save({"x": Bad()}, run.folder / "weights.safetensors")
    with pytest.raises(RunError, match="do not fit"):
        run.model()
