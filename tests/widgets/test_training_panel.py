"""The training panel: it trains as `fit` does, can be paused and stopped, and leaves the kernel free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit.contract import Method
from distoolkit.training import fit
from distoolkit.widgets import TrainingPanel, follow, follower, training_panel
from distoolkit.widgets.follower import steps_done


@pytest.fixture
def panel(painter: Method[Any], tiny_images: xr.Dataset, tmp_path: Path) -> TrainingPanel:
    return training_panel(painter, tiny_images, device="cpu", folder=tmp_path / "run", steps=60, seconds=0.01)


async def until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        await asyncio.sleep(0.005)


def bar(panel: TrainingPanel) -> tuple[int, int]:
    return panel.monitor.bars["train"].value, panel.monitor.bars["train"].max


def test_it_trains_to_the_end_and_gives_the_run(panel: TrainingPanel, tmp_path: Path) -> None:
    seen: list[str] = []
    panel.observe(lambda change: seen.append(change["new"]), "status")

    async def press_start() -> None:
        panel._start.click()
        await panel.task

    asyncio.run(press_start())
    assert seen == ["starting", "running", "finished"]
    assert panel.run.status == "finished"
    assert panel.run.folder == tmp_path / "run"
    assert panel.run.config.steps == 60
    assert bar(panel) == (60, 60)
    assert 'aria-label="loss' in panel.monitor.plots.value
    assert "Finished after 60 steps" in panel.monitor.message.value
    assert not panel._start.disabled


def test_it_gives_the_weights_that_fit_gives_whatever_cells_run_meanwhile(
    panel: TrainingPanel, painter: Method[Any], tiny_images: xr.Dataset, tmp_path: Path
) -> None:
    async def train_and_draw_numbers() -> None:
        panel.start()
        while not panel.task.done():
            torch.rand(3)  # a cell of the reader's
            await asyncio.sleep(0.001)

    asyncio.run(train_and_draw_numbers())
    plain = fit(painter, tiny_images, device="cpu", folder=tmp_path / "plain", progress=False, steps=60)
    ours, theirs = panel.run.model().state_dict(), plain.model().state_dict()
    assert ours["weight"] != 0
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_pause_holds_and_resume_goes_on(panel: TrainingPanel) -> None:
    async def press_buttons() -> None:
        panel.start()
        await until(lambda: panel.status == "running" and panel._session.progress)
        panel._pause.click()
        assert panel._pause.description == "Resume"
        await asyncio.sleep(0.1)  # the slice of steps that was under way
        held = panel._session.progress.step
        assert 0 < held < 60
        await asyncio.sleep(0.3)
        assert panel._session.progress.step == held
        assert (panel.status, panel._stop.disabled) == ("paused", False)
        panel._pause.click()
        await panel.task

    asyncio.run(press_buttons())
    assert panel.status == "finished"
    assert bar(panel) == (60, 60)


@pytest.mark.parametrize("paused", [False, True])
def test_stop_keeps_a_run_that_can_be_used_and_resumed(
    panel: TrainingPanel, painter: Method[Any], tiny_images: xr.Dataset, paused: bool
) -> None:
    async def press_stop() -> None:
        panel.start()
        await until(lambda: panel.status == "running" and panel._session.progress)
        if paused:
            panel._pause.click()
            await asyncio.sleep(0.1)
        panel._stop.click()
        await panel.task

    asyncio.run(press_stop())
    assert panel.status == panel.run.status == "stopped"
    assert 0 < panel.run.model().steps < 60
    whole = fit(painter, tiny_images, device="cpu", folder=panel.run.folder, resume=True, progress=False)
    assert (whole.status, whole.model().steps) == ("finished", 60)


def test_a_nan_is_an_alarm_in_the_panel(panel: TrainingPanel) -> None:
    panel.form.fields["fail_at"].value = 35

    async def press_start() -> None:
        panel.start()
        await panel.task

    asyncio.run(press_start())
    assert panel.status == "failed"
    assert "loss = nan at step 35" in panel.monitor.message.value
    assert 'role="alert"' in panel.monitor.message.value
    assert panel.run.status == "failed"
    assert "keeps the weights of step 20" in panel.monitor.message.value
    assert panel.run.model().steps == 20
    assert not panel._start.disabled  # the settings can be changed and tried again


def test_what_cannot_start_is_said_in_the_panel(panel: TrainingPanel, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")

    async def press_start() -> None:
        panel.start()
        await panel.task

    asyncio.run(press_start())
    assert panel.status == "failed"
    assert "is not empty" in panel.monitor.message.value


def test_a_faulty_setting_keeps_start_from_being_pressed(panel: TrainingPanel) -> None:
    panel.form.fields["seconds"].value = -3.0
    assert panel._start.disabled
    panel.form.fields["seconds"].value = 0.0
    assert not panel._start.disabled


def test_without_a_kernel_it_says_so(panel: TrainingPanel) -> None:
    panel.start()
    assert "distoolkit.fit" in panel.monitor.message.value
    assert panel.status == "ready"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    manager_module = pytest.importorskip("jupyter_client.manager")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    manager = manager_module.KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


SETUP = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.widgets.conftest import Painter, Config, method
import numpy as np, distoolkit as dt
from distoolkit.widgets import training_panel

def busy(model, loop, config):
    for batch in loop.stage("train", config.steps):
        end = time.process_time() + 0.02
        while time.process_time() < end: pass
        yield {{"loss": float(model.steps)}}

import dataclasses
toy = dataclasses.replace(method(Painter), trainer=busy)
images = dt.as_images(np.zeros((64, 16, 16, 1), np.uint8))
panel = training_panel(toy, images, device="cpu", steps=100_000 // 10)
panel.start()
"""


@pytest.mark.slow
def test_a_kernel_answers_while_the_panel_trains(kernel: Any) -> None:
    def execute(code: str) -> tuple[str, float]:
        printed: list[str] = []
        begun = time.monotonic()
        reply = kernel.execute_interactive(
            code,
            timeout=60,
            output_hook=lambda m: printed.append(m["content"].get("text", "")) if m["msg_type"] == "stream" else None,
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed).strip(), time.monotonic() - begun

    execute(SETUP)
    for _ in range(200):
        status, _seconds = execute("print(panel.status)")
        if status == "running":
            break
        time.sleep(0.1)
    assert status == "running"
    answers = [execute("print(panel.status, panel._session.progress.step)") for _ in range(5)]
    steps = [int(text.split()[1]) for text, _ in answers]
    assert all(text.startswith("running") for text, _ in answers)
    assert steps[-1] > steps[0]  # it went on training between the cells
    assert np.median([seconds for _, seconds in answers]) < 2
    execute("panel.stop()")
    execute("await panel.task")
    assert execute("print(panel.run.status)")[0] == "stopped"


def test_following_a_run_of_another_process_shows_its_bars_and_curves(
    painter: Method[Any], tiny_images: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distoolkit import registry
    from distoolkit.training import start

    fresh = registry.Registry()
    fresh.records["methods"]["quarters"] = painter
    monkeypatch.setattr(registry, "shared", lambda: fresh)
    monkeypatch.setattr(registry, "owner", lambda *_: registry.Plugin("toy", "toy", "1"))
    monkeypatch.setattr(follower, "POLL", 0.01)

    async def watch() -> None:
        seen = follow(tmp_path / "run")
        assert "Waiting for a run" in seen.monitor.message.value
        session = start(painter, tiny_images, device="cpu", folder=tmp_path / "run", steps=30)
        for progress in session:
            if progress.step == 20:
                session.run.save(session.history)
                await until(lambda: "train" in seen.monitor.bars)
                assert (seen.monitor.bars["train"].value, seen.monitor.bars["train"].max) == (20, 30)
                assert seen.status == "running"
                assert "aria-label" in seen.monitor.plots.value
        session.finish()
        await asyncio.wait_for(seen.task, 10)
        assert seen.status == "finished"
        assert seen.monitor.bars["train"].value == 30
        assert "Finished after 30 steps" in seen.monitor.message.value

    asyncio.run(watch())


def test_following_something_else_is_an_alarm(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    seen = follow(tmp_path)
    assert seen.status == "failed"
    assert 'role="alert"' in seen.monitor.message.value


def test_steps_are_counted_for_each_stage() -> None:
    stages = ["closed form", "train", "train", "train", "tune"]
    history = xr.Dataset(coords={"step": [1, 2, 10, 41, 45], "stage": ("step", stages)})
    assert steps_done(history) == {"closed form": 1, "train": 40, "tune": 4}
