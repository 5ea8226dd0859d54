from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import distoolkit
from distoolkit import schema
from distoolkit.config import knob
from distoolkit.contract import ConfigError, DataError, PluginError, SchemaError, TrainingError, UnknownNameError
from distoolkit.runs import open_run
from distoolkit.training import fit, start
from tests.training import toys


def test_fit_gives_a_finished_run_whose_model_learned(train: Any, tiny_images: xr.Dataset) -> None:
    run = train(steps=150, later=0, lr=0.01)
    assert run.status == "finished"
    losses = run.history["loss"].values
    assert losses[-1] < 0.8 * losses[0]
    image = torch.from_numpy(tiny_images["image"].values).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        model: Any = run.model()
        assert model.decode(model.encode(image)).shape == image.shape


def test_fit_is_start_with_a_loop_around_it(train: Any, begin: Any) -> None:
    import inspect

    ours, theirs = inspect.signature(fit).parameters, inspect.signature(start).parameters
    assert set(ours) - set(theirs) == {"progress"}
    assert all(ours[name].default == theirs[name].default for name in theirs)


def test_quick_settings(train: Any) -> None:
    run = train(quick=True, later=1)
    assert (run.config.steps, run.config.later, run.record["steps"]) == (3, 1, 4)


def test_a_config_may_complete_what_it_is_given(tiny_images: xr.Dataset, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Config(toys.Config):
        @staticmethod
        def completed(changes: dict[str, Any]) -> dict[str, Any]:
            return {"later": changes["steps"], **changes}

    method = replace(toys.method(), config=Config, quick=Config(steps=3))
    for changes, later in (({"steps": 2}, 2), ({"steps": 2, "later": 1}, 1)):
        run = fit(method, tiny_images, folder=tmp_path / str(later), quick=True, progress=False, **changes)
        assert (run.config.steps, run.config.later) == (2, later)


def test_the_default_folder_is_free_and_named_after_what_is_in_it(
    tiny_images: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = tiny_images.assign_attrs(data="my ../images: v2")
    folders = [
        fit(toys.method(), images, quick=True, seed=seed, progress=False).folder
        for images, seed in ((tiny_images, 0), (tiny_images, 0), (tiny_images, 5), (odd, 0))
    ]
    assert [str(f) for f in folders] == [
        str(Path("runs") / name) for name in ("toy-tiny-0-1", "toy-tiny-0-2", "toy-tiny-5-1", "toy-my_.._images_v2-0-1")
    ]
    assert distoolkit.open_run("runs/toy-tiny-0-2", toys.method()).status == "finished"


def test_bars_are_shown_for_each_stage_and_end_whole(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    train(progress=True)
    lines = [line for line in capsys.readouterr().err.replace("\r", "\n").split("\n") if line]
    ends = [line for line in lines if "100%" in line]
    assert {line.split(":")[0] for line in ends} == {"first", "second"}
    assert "12/12" in next(line for line in ends if line.startswith("first"))
    assert "loss=" in ends[-1]
    assert len(lines) <= 6, "a log gets no line for every step"


def test_progress_off_is_silent(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    train(progress=False)
    assert capsys.readouterr() == ("", "")


# -- what is refused before anything is written


@dataclass(frozen=True)
class Greedy:
    latents: int = knob(3, (1, 16, 1), "size of the code")
    steps: int = knob(3, (1, 16, 1), "steps")
    seed: int = knob(3, (1, 16, 1), "taken")


class Blind(nn.Module):
    def __init__(self, config: Any, spec: Any) -> None:
        super().__init__()


def plain(model: Any, loop: Any, config: Any) -> list[Any]:
    return [{"loss": 1.0}]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "beta_vea"}, UnknownNameError, "no method 'beta_vea'"),
        ({"method": 3}, PluginError, "3 is no method: give the name of an installed one"),
        ({"stepz": 3}, UnknownNameError, "no setting 'stepz'; did you mean 'steps'"),
        ({"steps": -3}, ConfigError, "steps = -3 is not allowed"),
        ({"images": np.zeros((3, 8, 8))}, SchemaError, "expected an xarray.Dataset, given ndarray: use as_images"),
        ({"images": schema.as_latents(np.zeros((3, 2)))}, SchemaError, "of kind 'latents', expected 'images'"),
        ({"device": "gpu"}, ConfigError, "device = 'gpu' is not allowed: give 'auto', 'cpu', 'cuda'"),
        ({"device": "cuda:99"}, ConfigError, "device = 'cuda:99' is not here"),
        ({"precision": "8"}, ConfigError, "precision = '8' is not allowed: give 32-true, bf16-mixed"),
        ({"precision": "16-mixed", "device": "cpu"}, ConfigError, "needs a GPU; on a CPU give '32-true'"),
        ({"seed": -1}, ConfigError, "seed = -1 is not allowed"),
        ({"seed": 1.5}, ConfigError, "seed = 1.5 is not allowed"),
        ({"checkpoint_every": 0}, ConfigError, "checkpoint_every = 0 is not allowed"),
        ({"log_every": 0}, ConfigError, "log_every = 0 is not allowed"),
        ({"time_limit": 0}, ConfigError, "time_limit = 0 is not allowed"),
        ({"method": toys.method(config=Greedy, quick=Greedy())}, PluginError, r"rename \['seed'\]"),
        ({"method": toys.method(model=Blind)}, TrainingError, r"is Blind; it must be a torch.nn.Module with encode"),
        ({"method": toys.method(model=lambda c, s: 3)}, TrainingError, "is int; it must be a torch.nn.Module"),
        ({"method": toys.method(trainer=plain)}, TrainingError, "returned list; write it as a generator"),
    ],
)
def test_what_cannot_be_trained_leaves_no_folder(
    options: dict[str, Any], error: type[Exception], message: str, train: Any, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        train(**options)
    assert list(tmp_path.iterdir()) == []


def test_a_batch_larger_than_the_data(train: Any) -> None:
    with pytest.raises(TrainingError, match="batches of 64 images and there are only 48: give batch_size = 48 or less"):
        train(batch_size=64)


# -- the reader's interrupt


def interrupting(times: int) -> Any:
    """Return a trainer that is interrupted in its 15th step, and counts the steps that it brought to their end."""

    def trainer(model: toys.Toy, loop: Any, config: toys.Config) -> Iterator[Any]:
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
        for batch in loop.stage("first", config.steps):
            if loop.step == 14 and loop.state("ask", {"on": 1})["on"]:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            loop.minimise(model.encode(batch["image"]).square().mean(), sgd)
            yield {"x": 1.0}

    return toys.method(trainer=trainer)


def test_an_interrupt_lets_the_step_end_and_leaves_a_run_that_resumes(train: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"stopped, in .*run>: open_run\(\) opens it, fit\(.*resume=True\)"):
        train(method=interrupting(1), steps=30)
    run = open_run(tmp_path / "run", toys.method())
    assert (run.status, run.record["steps"]) == ("stopped", 15)
    assert run.model() is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert train(method=interrupting(0), steps=30, resume=True).record["steps"] == 30


def test_a_second_interrupt_does_not_wait(train: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        train(method=interrupting(2), steps=30)
    assert "keeps the weights of step 10" in caught.value.__notes__[0]
    run = open_run(tmp_path / "run", toys.method())
    assert (run.status, run.record["steps"]) == ("stopped", 10)
    assert train(method=interrupting(0), steps=30, resume=True).record["steps"] == 30


def test_an_interrupt_between_two_steps_loses_nothing(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the bar is drawn, say."""
    import contextlib

    from distoolkit.training import fitting

    @contextlib.contextmanager
    def bars(shown: bool) -> Iterator[Any]:
        def show(progress: Any) -> None:
            if progress.step == 7:
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr(fitting, "bars", bars)
    with pytest.raises(KeyboardInterrupt):
        train()
    run = open_run(tmp_path / "run", toys.method())
    assert (run.status, run.record["steps"]) == ("stopped", 7)


def test_fit_works_in_a_thread_and_under_other_handlers(train: Any) -> None:
    runs: list[Any] = []
    thread = threading.Thread(target=lambda: runs.append(train("thread")))
    thread.start()
    thread.join(60)
    assert runs[0].status == "finished"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert train("ignored").status == "finished"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


# -- imports


def test_fabric_is_imported_when_something_is_trained() -> None:
    code = "import sys, distoolkit.training, distoolkit.encoding; print('lightning_fabric' in sys.modules)"
    environment = os.environ | {"DISTOOLKIT_PLUGINS": "core"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr


def test_a_method_that_needs_factors_is_given_them_in_the_order_of_the_images(
    tiny_images: xr.Dataset, train: Any
) -> None:
    seen = []

    def look(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for batch in loop.stage("train", 2):
            seen.append((loop.factors, batch["index"]))
            yield {"loss": 0.0}

    train(method=toys.method(trainer=look, needs=frozenset({"factors"})))
    factors, index = seen[0]
    np.testing.assert_array_equal(factors[index], tiny_images["factors"].isel(sample=index.numpy()))
    train("unaware", method=toys.method(trainer=look))
    assert seen[-1][0] is None


def test_images_without_the_factors_that_a_method_needs_are_refused_before_anything_is_written(
    tiny_images: xr.Dataset, train: Any, tmp_path: Path
) -> None:
    bare = distoolkit.as_images(tiny_images["image"].values)
    with pytest.raises(DataError, match=r"toy needs images with true factors, and these have none: load a labelled"):
        train(method=toys.method(needs=frozenset({"factors"})), images=bare)
    assert not (tmp_path / "run").exists()
