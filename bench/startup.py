"""How soon the package and its command line answer: CPU seconds of fresh processes, and what they load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from bench.measure import Row

HEAVY = ("torch", "lightning_fabric", "holoviews", "bokeh", "panel", "matplotlib", "ipywidgets", "sklearn")
REPEATS = 5


def rows() -> Iterator[Row]:
    """Measure the import and the commands that only say what is there."""
    bare = _cpu_seconds("pass")
    yield Row("import distoolkit", _cpu_seconds("import distoolkit") - bare, "s", 0.15, False, "more than bare Python")
    yield _loads("import distoolkit", "import distoolkit")
    for arguments in (["--help"], ["methods"], ["datasets"], ["metrics"], ["plugins"]):
        command = "distoolkit " + " ".join(arguments)
        code = f"from distoolkit.cli import cli\ncli({arguments!r}, standalone_mode=False)"
        yield Row(command, _cpu_seconds(code), "s", 1.0, False, "the whole process")
        yield _loads(command, code)


def _loads(what: str, code: str) -> Row:
    report = f"{code}\nimport sys\nprint(*set(sys.modules) & {set(HEAVY)!r}, file=sys.stderr)"
    loaded = _run(report).stderr.split()
    return Row(f"{what}: heavy packages loaded", len(loaded), "", 0, False, ", ".join(loaded) or "none of them")


def _cpu_seconds(code: str) -> float:
    """Return the least CPU seconds (user and system) of a fresh process that runs the code."""
    return min(_one(code) for _ in range(REPEATS))


def _one(code: str) -> float:
    before = os.times()
    _run(code)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
