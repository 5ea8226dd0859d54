"""How a bench measures: CPU seconds of this process, the best of several, and one row a claim."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One claim: what was measured, the figure, and the bar it has to clear.

    Attributes
    ----------
    what
        The work, with its size.
    value, unit
        The measured figure.
    bar
        The limit; ``at_least`` says from which side.
    note
        What it was compared with, and on what.
    """

    what: str
    value: float
    unit: str
    bar: float
    at_least: bool
    note: str = ""

    @property
    def passed(self) -> bool:
        """Tell whether the bar is cleared."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        """Return one line of the table."""
        sign, mark = (">=" if self.at_least else "<="), ("ok  " if self.passed else "MISS")
        return f"{mark} {self.what}: {self.value:.3g} {self.unit} ({sign} {self.bar:g}) {self.note}".rstrip()


def cpu_seconds(work: Callable[[], Any], repeats: int = 3) -> float:
    """Run the work several times; return the least CPU seconds (user and system, all threads) of one run."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def take_turns(works: list[Callable[[], Any]], turns: int) -> list[float]:
    """Return the median CPU seconds of each; the first turns only warm up.

    Every other turn goes backward, so that none always follows the same other.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(turns):
        for place in range(len(works))[:: -1 if turn % 2 else 1]:
            begun = time.process_time()
            works[place]()
            seconds[place].append(time.process_time() - begun)
    return [statistics.median(times[turns // 10 :]) for times in seconds]
