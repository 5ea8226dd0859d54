"""What a trainer reported: kept on the device, read back now and then, and watched for NaN."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import Report, TrainingError

Row = tuple[int, str, float, dict[str, float]]


class History:
    """The reports of one run.

    Reports are numbers on the device; reading one back makes the host wait for the device. So they are kept as
    they come and read together, every ``every`` steps; one row of the history is made of the latest.

    Attributes
    ----------
    rows
        (step, stage, seconds, values) of every step that was logged.
    latest
        The values that were last read back.
    """

    def __init__(self, every: int, average: Any = None) -> None:
        self.every = every
        self.rows: list[Row] = []
        self.latest: dict[str, float] = {}
        self._average = average  # over devices: (tensor) -> tensor
        self._waiting: list[tuple[int, str, dict[str, torch.Tensor | float]]] = []
        self._good = 0

    def add(self, step: int, stage: str, report: Report) -> None:
        """Keep one report.

        Raises
        ------
        TrainingError
            One of its values is not a number.
        """
        self._waiting.append((step, stage, {name: _number(name, value) for name, value in report.items()}))

    def due(self, step: int, last: bool) -> bool:
        """Tell whether the step belongs in the history: the first, every so many, and the last of a stage."""
        return step == 1 or last or step % self.every == 0

    def read(self, seconds: float | None = None) -> None:
        """Read back all that is waiting; with ``seconds``, the latest report becomes a row.

        Raises
        ------
        TrainingError
            A value is NaN or infinite: its name, step and stage, and what to try.
        """
        waiting, self._waiting = self._waiting, []
        for (step, stage, _), values in zip(waiting, self._floats([w[2] for w in waiting]), strict=True):
            self._check(step, stage, values)
            self._good, self.latest = step, values
        if waiting and seconds is not None:
            self.rows.append((waiting[-1][0], waiting[-1][1], seconds, self.latest))

    def _check(self, step: int, stage: str, values: dict[str, float]) -> None:
        odd = {name: value for name, value in values.items() if not math.isfinite(value)}
        if odd:
            what = ", ".join(f"{name} = {value}" for name, value in odd.items())
            raise TrainingError(
                f"{what} at step {step} of stage {stage!r}; everything was finite at step {self._good}. Try a lower "
                "learning rate, smaller weights of the loss terms, or precision='32-true'"
            )

    def _floats(self, reports: list[dict[str, torch.Tensor | float]]) -> list[dict[str, float]]:
        """Read many numbers back in one go for each kind of tensor."""
        found: list[dict[str, float]] = [dict.fromkeys(report, math.nan) for report in reports]
        groups: dict[Any, list[tuple[int, str, torch.Tensor]]] = defaultdict(list)
        for position, report in enumerate(reports):
            for name, value in report.items():
                if isinstance(value, torch.Tensor):
                    groups[value.device, value.dtype].append((position, name, value))
                else:
                    found[position][name] = value
        for members in groups.values():
            together = torch.stack([value for _, _, value in members])
            if self._average is not None:
                together = self._average(together)
            for (position, name, _), number in zip(members, together.tolist(), strict=True):
                found[position][name] = float(number)
        return found

    def dataset(self, **provenance: Any) -> xr.Dataset:
        """Return the rows as a Dataset of kind ``history``: one variable for each name, along ``step``.

        A name that only some stages report is NaN elsewhere.
        """
        columns = {name: ("step", column) for name, column in self._columns().items()}
        coordinates = {
            "step": np.array([row[0] for row in self.rows], dtype=np.int64),
            "stage": ("step", np.array([row[1] for row in self.rows], dtype=np.str_)),
            "seconds": ("step", np.array([row[2] for row in self.rows], dtype=np.float64)),
        }
        return schema.stamp(xr.Dataset(columns, coordinates), "history", **provenance)

    def _columns(self) -> dict[str, np.ndarray[Any, Any]]:
        names = dict.fromkeys(name for row in self.rows for name in row[3])
        return {n: np.array([row[3].get(n, math.nan) for row in self.rows], dtype=np.float64) for n in names}

    def pack(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return the rows as tensors and JSON, for the checkpoint."""
        columns = self._columns()
        tensors = {f"history/{name}": torch.from_numpy(column) for name, column in columns.items()}
        steps, seconds = [row[0] for row in self.rows], [row[2] for row in self.rows]
        tensors["history/.step"] = torch.tensor(steps, dtype=torch.int64)
        tensors["history/.seconds"] = torch.tensor(seconds, dtype=torch.float64)
        return tensors, {"stages": _runs([row[1] for row in self.rows]), "latest": self.latest}

    def unpack(self, tensors: Mapping[str, torch.Tensor], record: Mapping[str, Any]) -> None:
        """Take back what `pack` gave."""
        values = {name: tensor.tolist() for name, tensor in tensors.items()}
        steps, seconds = values.pop(".step"), values.pop(".seconds")
        stages = [name for name, count in record["stages"] for _ in range(count)]
        for k, (step, stage, second) in enumerate(zip(steps, stages, seconds, strict=True)):
            row = {name: column[k] for name, column in values.items() if not math.isnan(column[k])}
            self.rows.append((step, stage, second, row))
        self.latest = dict(record["latest"])


def _number(name: str, value: Any) -> torch.Tensor | float:
    if isinstance(value, torch.Tensor):
        if value.numel() == 1:
            alone: torch.Tensor = value.detach()  # no graph is kept alive
            return alone.reshape(()) if alone.dim() else alone
        raise TrainingError(f"the report's {name!r} has shape {tuple(value.shape)}; report one number: take its mean()")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"the report's {name!r} is {value!r}; report one number") from error


def _runs(names: list[str]) -> list[tuple[str, int]]:
    """Shorten a list of names to (name, how often in a row)."""

    def counted() -> Iterator[tuple[str, int]]:
        start = 0
        for k in range(1, len(names) + 1):
            if k == len(names) or names[k] != names[start]:
                yield names[start], k - start
                start = k

    return list(counted())
