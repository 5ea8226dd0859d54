"""Watching a run that another process trains: a closed browser or a restarted kernel stops nothing."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import ipywidgets as w
import traitlets
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DistoolkitError
from distoolkit.runs import open_run
from distoolkit.widgets.monitor import Monitor, button, verdict

POLL = 1.0
"""Seconds between two looks at the folder."""
SILENCE = 60.0
"""Seconds without news after which the reader is told: a training process writes every ten."""


class Follower(w.VBox):
    """The bars and curves of a run, read from its folder. `follow` makes it.

    Attributes
    ----------
    status
        ``waiting`` until there is a run, then the run's own status (observable).
    run
        The `Run` as it was last seen; None before there is one (observable).
    task
        The asyncio task that looks; ``await follower.task`` waits for the end of the run.
    """

    status = traitlets.Unicode("waiting")
    run = traitlets.Any(None, allow_none=True)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.monitor = Monitor()
        self.task: asyncio.Task[None] | None = None
        self._news = time.time()
        self._stop = button("Stop watching", "eye-slash", "The training goes on", self.stop)
        super().__init__([self.monitor, self._stop])
        self.look()

    def look(self) -> None:
        """Read the folder once."""
        if not (self.folder / "run.json").exists():
            self.monitor.say(f"Waiting for a run to begin in {self.folder} ...")
            return
        try:
            self.run = open_run(self.folder)
            self.status = self.run.status
            if self.run.has("history"):
                self._show(self.run.history)
        except DistoolkitError as error:
            self.status = "failed"
            self.monitor.say(str(error), alarm=True)
            return
        if self.status == "running":
            self.monitor.say(self._news_line())
        else:
            self.monitor.say(verdict(self.run), alarm=self.status == "failed")

    def stop(self) -> None:
        """Look no more. The training goes on."""
        if self.task is not None:
            self.task.cancel()
        self._stop.disabled = True

    async def watch(self) -> None:
        """Look again and again until the run has ended."""
        while self.status in ("waiting", "running"):
            await asyncio.sleep(POLL)
            self.look()
        self._stop.disabled = True

    def _show(self, history: xr.Dataset) -> None:
        planned = schema.attribute(history, "stages", {})
        for stage, done in steps_done(history).items():
            self.monitor.progress(stage, done, planned.get(stage, done))
        self.monitor.draw(history)

    def _news_line(self) -> str:
        written = max(os.path.getmtime(p) for p in (self.folder / "run.json", self.folder / "history.nc") if p.exists())
        silent = time.time() - written
        line = f"{self.run.method.name} is training in another process."
        return line if silent < SILENCE else f"{line} It has written nothing for {silent:.0f} s: it may have ended."

    def __repr__(self) -> str:
        """Say what is watched."""
        return f"<Follower of {self.folder}: {self.status}>"


def follow(folder: str | os.PathLike[str]) -> Follower:
    """Watch a run that another process trains, such as ``distoolkit fit METHOD --folder FOLDER``.

    Parameters
    ----------
    folder
        The run's folder; it need not be there yet.

    Returns
    -------
    Follower
        A widget that looks at the folder every second until the run has ended. Without an event loop (in a
        script) it looks once.
    """
    follower = Follower(Path(folder))
    try:
        follower.task = asyncio.get_running_loop().create_task(follower.watch())
    except RuntimeError:  # no kernel: what was seen is all
        follower._stop.disabled = True
    return follower


def steps_done(history: xr.Dataset) -> dict[str, int]:
    """Count the steps of each stage, in the order of the stages, from the steps that were logged."""
    done: dict[str, int] = {}
    before, stages = 0, history["stage"].values.astype(str)
    for position, stage in enumerate(stages):
        if position and stage != stages[position - 1]:
            before = int(history["step"][position - 1])  # the last step of every stage is logged
        done[stage] = int(history["step"][position]) - before
    return done
