from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import RunError, TrainingError
from distoolkit.runs import open_run
from distoolkit.training import checkpoint
from tests.training import toys


def weights(run: Any) -> dict[str, torch.Tensor]:
    return run.model().state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(tmp_path: Path) -> None:
    environment = os.environ | {"DISTOOLKIT_PLUGINS": "core", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-m", "tests.training.kills", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert len(results) >= 18
    assert [result for result in results if result[1]] == []


def test_a_run_stopped_at_any_step_resumes_to_the_same_weights_and_history(train: Any, begin: Any) -> None:
    whole = train("whole", log_every=3)
    for step in range(1, 20, 3):
        session = begin(f"stopped{step}", log_every=3)
        for progress in session:
            if progress.step == step:
                session.stop()
        assert session.finish().status == "stopped"
        resumed = train(f"stopped{step}", resume=True, log_every=3)
        assert resumed.status == "finished"
        assert same(weights(resumed), weights(whole)), step
        assert resumed.history.drop_vars("seconds").equals(whole.history.drop_vars("seconds")), step
        assert (np.diff(resumed.history["seconds"]) > 0).all()


def test_kernels_in_another_memory_layout_resume_too(train: Any, begin: Any) -> None:
    """A fused optimiser walks the weights and its own averages side by side in memory."""
    colour = schema.as_images(np.random.default_rng(0).integers(0, 256, (48, 16, 16, 3), dtype=np.uint8))
    whole = train("whole", images=colour)
    session = begin("stopped", images=colour)
    for progress in session:
        if progress.step == 15:
            session.stop()
    session.finish()
    assert same(weights(train("stopped", images=colour, resume=True)), weights(whole))


def test_the_test_would_notice_lost_randomness(train: Any, begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the two tests above could not fail for what they are there for."""
    whole = train("whole")
    session = begin("stopped")
    for progress in session:
        if progress.step == 5:
            session.stop()
    monkeypatch.setattr("distoolkit.training.randomness.RandomState.apply", lambda self, device: None)
    torch.manual_seed(99)
    assert not same(weights(train("stopped", resume=True)), weights(whole))


def test_resuming_a_finished_run_changes_nothing(train: Any, tmp_path: Path) -> None:
    run = train()
    before = {p.name: p.stat().st_mtime_ns for p in run.folder.iterdir()}
    again = train(resume=True)
    assert again.status == "finished"
    assert again.folder == run.folder
    assert {p.name: p.stat().st_mtime_ns for p in run.folder.iterdir()} == before


def test_resuming_where_nothing_is_begins_a_run(train: Any) -> None:
    assert same(weights(train("fresh", resume=True)), weights(train("whole")))


def test_settings_that_are_not_given_are_those_of_the_run(train: Any, begin: Any) -> None:
    session = begin(steps=7, later=2, seed=3)
    next(session)
    session.finish()
    run = train(resume=True, seed=3)
    assert (run.config.steps, run.config.later, run.record["steps"]) == (7, 2, 9)


def test_another_run_is_refused_with_every_difference(train: Any, begin: Any, tiny_images: xr.Dataset) -> None:
    begin(lr=0.25).finish()
    other = schema.as_images(tiny_images["image"].values[:40] // 2, name="darker")
    with pytest.raises(RunError) as caught:
        train(images=other, resume=True, lr=0.5, steps=7, seed=9, precision="64-true")
    for difference in (
        "lr is 0.25 there and 0.5 here",
        "steps is 12 there and 7 here",
        "seed is 0 there and 9 here",
        "data is 'tiny' there and 'darker' here",
        "data_hash is",
        "number of images is 48 there and 40 here",
        "precision is '32-true' there and '64-true' here",
    ):
        assert difference in str(caught.value)
    assert "latents" not in str(caught.value)


def test_another_method_is_refused(train: Any, begin: Any) -> None:
    begin().finish()
    with pytest.raises(RunError, match="is a run of 'toy', not of 'other'"):
        train(method=toys.method(name="other"), resume=True)


def test_resume_needs_a_folder(train: Any) -> None:
    with pytest.raises(RunError, match="needs the folder"):
        train(folder=None, resume=True)


def test_a_folder_without_run_json_is_refused(train: Any, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(RunError, match=r"holds weights.safetensors and no run.json.*half-written"):
        train(resume=True)
    with pytest.raises(RunError, match="is not empty"):
        train()


def test_a_damaged_checkpoint_is_refused(train: Any, begin: Any) -> None:
    session = begin()
    next(session)
    file = session.finish().folder / checkpoint.FILE
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match=r"cannot be read as a whole.*delete it to begin the run again"):
        train(resume=True)
    file.unlink()
    assert same(weights(train(resume=True)), weights(train("whole")))


def test_a_checkpoint_of_another_format_is_refused(begin: Any, train: Any) -> None:
    from distoolkit.storage import write_tensors

    session = begin()
    next(session)
    write_tensors(session.finish().folder / checkpoint.FILE, {}, {"format": "distoolkit-checkpoint/99"})
    with pytest.raises(RunError, match="resume the run with the version that wrote it"):
        train(resume=True)


def test_a_trainer_that_lost_its_stage_is_refused(train: Any, begin: Any) -> None:
    session = begin()
    next(session)
    session.finish()

    def renamed(model: Any, loop: Any, config: Any) -> Any:
        yield from loop.descend(lambda b: model.encode(b["image"]).mean(), loop.optimizer("a", adam(model)), "new", 2)

    with pytest.raises(TrainingError, match="stopped in stage 'first', and the trainer, resumed, has only new"):
        train(method=toys.method(trainer=renamed), resume=True)


def test_a_checkpoint_that_does_not_fit_is_refused(train: Any, begin: Any) -> None:
    session = begin()
    next(session)
    session.finish()
    wider = toys.method(model=lambda config, spec: toys.Toy(dataclasses.replace(config, latents=5), spec))
    with pytest.raises(RunError, match="the checkpoint's 'model' does not fit"):
        train(method=wider, resume=True)


def test_two_writers_of_one_folder_are_refused(train: Any, begin: Any) -> None:
    session = begin()
    next(session)
    with pytest.raises(RunError, match="is being written by another process or session"):
        train(resume=True)
    session.finish()
    assert train(resume=True).status == "finished"


def test_what_a_killed_run_left_behind_is_removed(train: Any, begin: Any) -> None:
    session = begin()
    next(session)
    leftover = session.finish().folder / ".checkpoint.safetensors.0123abcd.tmp"
    leftover.write_bytes(b"half a checkpoint")
    train(resume=True)
    assert not leftover.exists()


def test_all_that_is_kept_survives(train: Any, begin: Any) -> None:
    """Modules, momentum, schedules, JSON states and code that runs once."""
    seen: list[Any] = []

    def trainer(model: Any, loop: Any, config: Any) -> Any:
        ema = loop.module("ema", torch.nn.Linear(2, 2))
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9))
        memory = loop.state("memory", {"list": [1], "nested": {"x": None}})
        if loop.once("first"):
            seen.append("once")
        for batch in loop.stage("only", 6):
            sgd.param_groups[0]["lr"] *= 0.5
            loop.minimise(model.encode(batch["image"]).square().mean(), sgd)
            with torch.no_grad():
                ema.weight.add_(1)
            memory["list"].append(loop.step)
            memory["nested"]["x"] = loop.step
            yield {"lr": sgd.param_groups[0]["lr"], "ema": ema.weight.sum()}
        seen.append((sgd.param_groups[0]["lr"], ema.weight.clone(), dict(memory)))

    method = toys.method(trainer=trainer)
    train("whole", method)
    session = begin("stopped", method)
    for progress in session:
        if progress.step == 4:
            session.stop()
    session.finish()
    train("stopped", method, resume=True)
    assert seen[0] == seen[2] == "once"
    assert len(seen) == 4
    assert seen[1][0] == seen[3][0] == 0.5**6
    assert torch.equal(seen[1][1], seen[3][1])
    assert seen[1][2] == seen[3][2] == {"list": [1, 0, 1, 2, 3, 4, 5], "nested": {"x": 5}}


def test_a_stage_that_the_trainer_left_early_stays_left(train: Any, begin: Any) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Any:
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
        for batch in loop.stage("short", 100):
            loop.minimise(model.encode(batch["image"]).square().mean(), sgd)
            yield {"x": 1.0}
            if loop.stage_step == 3:
                break
        yield from loop.descend(lambda b: model.encode(b["image"]).square().mean(), sgd, "rest", 4)

    method = toys.method(trainer=trainer)
    whole = train("whole", method)
    assert whole.record["steps"] == 7
    session = begin("stopped", method)
    for progress in session:
        if progress.step == 5:
            session.stop()
    session.finish()
    resumed = train("stopped", method, resume=True)
    assert resumed.record["steps"] == 7
    assert same(weights(resumed), weights(whole))


def test_closed_form_is_computed_again(train: Any, begin: Any) -> None:
    """What follows a stage and belongs to none is no place to resume from; the stage before it is."""
    calls: list[int] = []

    def trainer(model: Any, loop: Any, config: Any) -> Any:
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
        yield from loop.descend(lambda b: model.encode(b["image"]).square().mean(), sgd, "stage", 3)
        calls.append(loop.step)
        yield {"mean": sum(b["image"].sum() for b in loop.chunks(20))}
        with torch.no_grad():
            model.to_code.bias.add_(1)
        yield {"more": 1.0}

    method = toys.method(trainer=trainer)
    whole = train("whole", method, checkpoint_every=1)
    session = begin("stopped", method, checkpoint_every=1)
    for progress in session:
        if progress.step == 4:
            assert progress.stage == "closed form"
            session.stop()
    session.finish()
    assert same(weights(train("stopped", method, resume=True)), weights(whole))
    assert calls == [3, 3, 3]


def adam(model: torch.nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(model.parameters())


def test_a_run_killed_before_its_first_checkpoint_can_be_opened(begin: Any) -> None:
    session = begin()
    next(session)
    run = open_run(session.run.folder, toys.method())
    assert run.status == "running"
    with pytest.raises(RunError, match=r"no weights, the run is running; fit\(..., resume=True\) goes on"):
        run.model()
    session.finish()
