"""Run by test_resume.py as a process: forks a child for each kill point, lets SIGKILL end it, resumes, compares.

Usage: ``python -m tests.training.kills FOLDER``. Prints one JSON list of ``[kill point, fault or ""]``.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.runs import Run, open_run
from distoolkit.training import Loop, checkpoint, fit
from tests.training import toys

OPTIONS: dict[str, Any] = {"checkpoint_every": 1, "log_every": 3, "progress": False, "seed": 5}


def images() -> xr.Dataset:
    return schema.as_images(np.random.default_rng(0).integers(0, 256, (48, 16, 16, 1), dtype=np.uint8))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(target: Any, name: str, count: int, before: Callable[..., Any] | None = None) -> None:
    """Make the process kill itself at a call of a function."""
    real, calls = getattr(target, name), itertools.count(1)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == count:
            if before is not None:
                before(*args, **kwargs)
            die()
        return real(*args, **kwargs)

    setattr(target, name, wrapped)


def at_unlink(name: str) -> None:
    """Make the process kill itself just before a file of this name is removed."""
    real = Path.unlink

    def wrapped(self: Path, missing_ok: bool = False) -> None:
        if self.name == name:
            die()
        real(self, missing_ok)

    setattr(Path, "unlink", wrapped)  # noqa: B010 - mypy knows it for a method


def points() -> dict[str, Callable[[], None]]:
    """Name each kill point, with the function that arms it in the child."""

    def half(path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])

    rng = random.Random(0)
    found: dict[str, Callable[[], None]] = {}
    for call in sorted(rng.sample(range(1, 33), 6)):  # 12 steps of two calls, 8 steps of one
        found[f"call {call} of minimise"] = lambda call=call: at_call(Loop, "minimise", call)  # type: ignore[misc]
    for call in (1, 7, 13, 20):
        found[f"half of checkpoint {call} written"] = lambda call=call: at_call(Path, "write_bytes", call, half)  # type: ignore[misc]
    for call in (2, 9, 14, 21, 22, 23):  # run.json first; the last ones: weights, history, run.json
        found[f"before rename {call}"] = lambda call=call: at_call(os, "replace", call)  # type: ignore[misc]
    found["between two stages"] = lambda: at_call(toys, "restart", 1)
    found["before the checkpoint of a finished run is removed"] = lambda: at_unlink(checkpoint.FILE)
    return found


def child(work: Callable[[], None]) -> int:
    """Run work in a forked process; return how it ended."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def begin(folder: Path) -> None:
    fit(toys.method(), images(), folder=folder, **OPTIONS)


def resume(folder: Path) -> Run:
    return fit(toys.method(), images(), folder=folder, resume=True, **OPTIONS)


def difference(run: Run, whole: Run) -> str:
    """Say what differs between a resumed run and one that never stopped."""
    ours, theirs = run.model().state_dict(), whole.model().state_dict()
    odd = [name for name in theirs if not torch.equal(ours[name], theirs[name])]
    if odd:
        return f"weights differ: {odd}"
    if not run.history.drop_vars("seconds").equals(whole.history.drop_vars("seconds")):
        return "histories differ"
    left = sorted(p.name for p in run.folder.iterdir())
    return "" if left == sorted(p.name for p in whole.folder.iterdir()) else f"files left: {left}"


def armed(arm: Callable[[], None], folder: Path) -> None:
    arm()
    begin(folder)


def by_the_clock(folder: Path, seconds: float) -> str:
    """Kill a child from outside after some time, whatever it is doing; say how far its checkpoint was."""
    pid = os.fork()
    if pid == 0:
        begin(folder)
        os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    saved = checkpoint.read(folder) if folder.exists() else None
    return f"step {saved.record['step']}" if saved else "no checkpoint"


def main(place: Path) -> None:
    torch.set_num_threads(1)
    begin(place / "whole")
    whole = open_run(place / "whole", toys.method())
    results = []
    for number, (name, arm) in enumerate(points().items()):
        folder = place / str(number)
        status = child(lambda: armed(arm, folder))  # noqa: B023 - called at once
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            results.append([name, f"the child was not killed (wait status {status})"])
            continue
        results.append([name, difference(resume(folder), whole)])
    for number in range(6):
        folder = place / f"clock{number}"
        reached = by_the_clock(folder, 0.03 + 0.05 * number)
        if folder.exists() and not (folder / "run.json").exists():
            continue  # killed before there was a run
        results.append([f"clock {number}, {reached}", difference(resume(folder), whole)])
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
