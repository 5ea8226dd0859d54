"""A checkpoint: all that an unfinished run needs to go on, in one safetensors file.

Tensors are named ``model/<key>``, ``module/<name>/<key>``, ``optimizer/<name>/<parameter>/<key>``,
``random/<generator>`` and ``history/<column>``; the rest is JSON in the file's header. Nothing is unpickled, and
one file is replaced at once: a kill leaves the old checkpoint or the new one.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distoolkit.contract import DistoolkitError, RunError, TrainingError
from distoolkit.storage import read_tensors, write_tensors
from distoolkit.training.randomness import RandomState

FILE = "checkpoint.safetensors"
_FORMAT = "distoolkit-checkpoint/1"

Part = torch.nn.Module | torch.optim.Optimizer


@dataclass
class Checkpoint:
    """One moment of a run, between two steps.

    Attributes
    ----------
    tensors
        By their names in the file.
    record
        ``step``, ``stage`` (the latest), ``done`` (steps of each stage), ``once``, ``states``, ``groups``
        (settings of each optimiser), ``numbers`` (what it keeps that is no tensor), ``random``, ``scaler``.
    """

    tensors: dict[str, torch.Tensor]
    record: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write it into a run folder, in the place of an older one."""
        write_tensors(folder / FILE, self.tensors, self.record)

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """Return the tensors below a name."""
        return {k.removeprefix(prefix + "/"): t for k, t in self.tensors.items() if k.startswith(prefix + "/")}

    @property
    def random(self) -> RandomState:
        """The state of the generators of random numbers."""
        return RandomState.unpack(self.part("random"), self.record["random"])

    def copy_of_state(self, name: str) -> dict[str, Any]:
        """Return a trainer's JSON state, free to be changed."""
        return copy.deepcopy(dict(self.record["states"][name]))

    def restore(self, name: str, part: Part) -> None:
        """Bring a module or optimiser back to this moment. One that it knows nothing of is left as it is."""
        if name not in self.record["parts"]:
            return
        try:
            if isinstance(part, torch.nn.Module):
                part.load_state_dict(self.part(name))
            else:
                part.load_state_dict(self._optimizer_state(name, part))
        except (RuntimeError, ValueError, KeyError) as error:
            raise RunError(
                f"the checkpoint's {name!r} does not fit the one the trainer made ({error}): resume with the version "
                "of the plugin that began the run"
            ) from error

    def _optimizer_state(self, name: str, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for key, tensor in self.part(name).items():
            position, field = key.split("/", 1)
            parameter = parameters[int(position)]
            if tensor.shape == parameter.shape:
                # in the parameter's memory layout: a fused kernel walks both in step
                tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
            state.setdefault(int(position), {})[field] = tensor.detach().clone()
        for position, field, number in self.record["numbers"][name]:
            state.setdefault(position, {})[field] = number
        groups, first = [], 0
        for group, settings in zip(optimizer.param_groups, self.record["groups"][name], strict=True):
            count = len(group["params"])
            like = {k: tuple(v) if isinstance(group.get(k), tuple) else v for k, v in settings.items()}
            groups.append({**like, "params": list(range(first, first + count))})
            first += count
        return {"state": state, "param_groups": groups}


def take(parts: Mapping[str, Part], states: Mapping[str, dict[str, Any]], random: RandomState) -> Checkpoint:
    """Take a checkpoint of modules, optimisers, JSON states and generators.

    Raises
    ------
    TrainingError
        An optimiser or a state that holds something that is neither a tensor nor JSON.
    """
    tensors, record = random.pack()
    found = Checkpoint({f"random/{name}": tensor for name, tensor in tensors.items()}, {"format": _FORMAT})
    found.record |= {"parts": list(parts), "random": record, "groups": {}, "numbers": {}}
    for name, part in parts.items():
        if isinstance(part, torch.nn.Module):
            found.tensors |= {f"{name}/{key}": tensor for key, tensor in part.state_dict().items()}
        else:
            _take_optimizer(found, name, part)
    for name, state in states.items():
        check_json(name, state)
    found.record["states"] = copy.deepcopy(dict(states))
    return found


def _take_optimizer(found: Checkpoint, name: str, optimizer: torch.optim.Optimizer) -> None:
    packed = optimizer.state_dict()
    found.record["groups"][name] = [{k: v for k, v in g.items() if k != "params"} for g in packed["param_groups"]]
    found.record["numbers"][name] = []
    for position, fields in packed["state"].items():
        for field, value in fields.items():
            if isinstance(value, torch.Tensor):
                found.tensors[f"{name}/{position}/{field}"] = value
            else:
                found.record["numbers"][name].append([position, field, value])
    try:
        json.dumps([found.record["groups"][name], found.record["numbers"][name]], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TrainingError(
            f"{name!r} ({type(optimizer).__name__}) holds something that is neither a tensor nor a plain number "
            f"({error}), so the run could not be resumed: give plain numbers as its settings, or use another optimiser"
        ) from error


def read(folder: Path) -> Checkpoint | None:
    """Read the checkpoint of a run folder; None if it has none.

    Raises
    ------
    RunError
        A file that is damaged or of another format.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        tensors, record = read_tensors(path)
    except DistoolkitError as error:
        raise RunError(f"{error}; delete it to begin the run again") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise RunError(f"{path} is no {_FORMAT!r} checkpoint; resume the run with the version that wrote it")
    return Checkpoint(tensors, record)


def check_json(name: str, state: dict[str, Any]) -> None:
    """Refuse a state that would not come back from JSON as it went in: tuples, number keys, tensors, NaN."""
    try:
        same = json.loads(json.dumps(state, allow_nan=False)) == state
    except (TypeError, ValueError):
        same = False
    if not same:
        raise TrainingError(
            f"state {name!r} holds {state!r}; give JSON types only: strings as keys, and numbers, strings, lists "
            "(no tuples), True, False or None as values"
        )
