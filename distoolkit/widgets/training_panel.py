"""Training with a start, a pause and a stop button, in a kernel that still answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import ipywidgets as w
import traitlets
import xarray as xr

from distoolkit.contract import DistoolkitError, Method
from distoolkit.widgets.form import ConfigForm, config_form
from distoolkit.widgets.monitor import Monitor, button, verdict

REFRESH = 0.5
"""Seconds between two pictures of the curves."""
SLICE = 0.05
"""Seconds of training after which the kernel gets to do its other work ..."""
REST = 0.004
"""... and how long it is given. A cell that is run takes many turns of the event loop, so one turn is too short."""


class TrainingPanel(w.VBox):
    """A form, the buttons and the curves of one run. `training_panel` makes it.

    Attributes
    ----------
    status
        ``ready``, ``starting``, ``running``, ``paused``, ``finished``, ``stopped`` or ``failed`` (observable).
    run
        The `Run` of the last training, from its first step on; None before (observable).
    form
        The settings.
    task
        The asyncio task that trains; ``await panel.task`` waits for its end.
    """

    status = traitlets.Unicode("ready")
    run = traitlets.Any(None, allow_none=True)

    def __init__(self, images: xr.Dataset, form: ConfigForm, options: dict[str, Any]) -> None:
        self.images, self.form, self.options = images, form, options
        self.monitor = Monitor()
        self.task: asyncio.Task[None] | None = None
        self._session: Any = None
        self._going = asyncio.Event()
        self._start = button("Start", "play", "Train with these settings", self.start, "primary")
        self._pause = button("Pause", "pause", "Hold after this step; press again to go on", self.pause)
        self._stop = button("Stop", "stop", "End after this step; what was learnt is kept", self.stop)
        super().__init__([form, w.HBox([self._start, self._pause, self._stop]), self.monitor])
        form.observe(self._show_status, "valid")
        self.observe(self._show_status, "status")
        self._show_status()

    def start(self) -> None:
        """Train in the event loop of the kernel; cells can be run meanwhile."""
        if self.task is not None and not self.task.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.monitor.say("There is no kernel to train in: use distoolkit.fit in a script.", alarm=True)
            return
        self.status = "starting"
        self.task = loop.create_task(self._train())

    def pause(self) -> None:
        """Hold the training after the current step, or let it go on."""
        if self.status == "running":
            self._going.clear()
            self.status = "paused"
        elif self.status == "paused":
            self.status = "running"
            self._going.set()

    def stop(self) -> None:
        """End the training after the current step. The run can be used, and resumed."""
        if self._session is not None:
            self._session.stop()
            self._going.set()

    async def _train(self) -> None:
        self.monitor.clear()
        self.monitor.say("Getting ready: loading torch, building the model, moving the images ...")
        self._going.set()
        try:
            await asyncio.sleep(2 * REST)  # let the browser see the line above
            await self._steps()
            self.run = self._session.finish()
            self.status = self.run.status
            self.monitor.draw(self.run.history)
            self.monitor.say(verdict(self.run))
        except Exception as error:  # a trainer is a stranger's code: whatever it raises belongs in the panel
            self._failed(error)
        finally:
            self._session = None

    async def _steps(self) -> None:
        from distoolkit import training

        config = {s.name: getattr(self.form.config, s.name) for s in self.form.settings}
        self._session = training.start(self.form.method, self.images, **self.options, **config)
        self.run = self._session.run
        self.status = "running"
        drawn = rested = time.monotonic()
        for progress in self._session:
            now = time.monotonic()
            last_of_stage = progress.stage_step >= progress.stage_steps
            if now - drawn > REFRESH or last_of_stage:
                self._show_progress(progress)
                drawn = now
            if now - rested > SLICE or last_of_stage:
                await asyncio.sleep(REST)
                await self._going.wait()
                rested = time.monotonic()

    def _show_progress(self, progress: Any) -> None:
        self.monitor.progress(progress.stage, progress.stage_step, progress.stage_steps)
        self.monitor.draw(self._session.history)
        self.monitor.say(f"Training: step {progress.step}, {progress.seconds:.0f} s so far.")

    def _failed(self, error: Exception) -> None:
        if self._session is not None:
            self.run = self._session.run
            with contextlib.suppress(Exception):  # the curves up to the fault help to find it
                self.monitor.draw(self._session.history)
        name = "" if isinstance(error, DistoolkitError) else f"{type(error).__name__}: "
        self.status = "failed"
        told = ". ".join([f"Training failed: {name}{error}", *getattr(error, "__notes__", [])])
        self.monitor.say(told, alarm=True)

    def _show_status(self, _: Any = None) -> None:
        active = self.status in ("starting", "running", "paused")
        self._start.disabled = active or not self.form.valid
        self._pause.disabled = self.status not in ("running", "paused")
        self._stop.disabled = self.status not in ("running", "paused")
        self._pause.description = "Resume" if self.status == "paused" else "Pause"
        self._pause.icon = "play" if self.status == "paused" else "pause"
        self.form.lock(active)
        if self.status == "paused":
            self.monitor.say("Paused. Resume goes on with the next step.")

    def __repr__(self) -> str:
        """Say what is trained and how it stands."""
        return f"<TrainingPanel of {self.form.method.name}: {self.status}>"


def training_panel(
    method: str | Method[Any],
    images: xr.Dataset,
    *,
    seed: int = 0,
    device: str = "auto",
    precision: str = "32-true",
    folder: str | Path | None = None,
    **defaults: Any,
) -> TrainingPanel:
    """Show a method's settings with buttons that train it, and the curves while it does.

    Parameters
    ----------
    method
        Name of an installed method, or its record.
    images
        Images Dataset.
    seed, device, precision, folder
        As in `distoolkit.fit`.
    **defaults
        Settings that start with another value than the config's default.

    Returns
    -------
    TrainingPanel
        A widget; ``.run`` is the run.

    Raises
    ------
    UnknownNameError, ConfigError
        No such method or setting; a default that is not allowed.
    """
    options = {"seed": seed, "device": device, "precision": precision, "folder": folder}
    return TrainingPanel(images, config_form(method, **defaults), options)
