"""The state of every generator of random numbers that a trainer may draw from."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class RandomState:
    """A moment of torch's (CPU and device), numpy's and Python's global generators."""

    host: torch.Tensor
    there: torch.Tensor | None
    numpy: Any
    python: Any

    @classmethod
    def now(cls, device: torch.device) -> RandomState:
        """Read the present state; ``device`` is where the training runs."""
        there = _module(device).get_rng_state() if device.type in ("cuda", "mps") else None
        return cls(torch.get_rng_state(), there, np.random.get_state(), random.getstate())  # noqa: NPY002

    def apply(self, device: torch.device) -> None:
        """Put the generators into this state. A device that this moment knows nothing of keeps its own."""
        torch.set_rng_state(self.host)
        np.random.set_state(self.numpy)  # noqa: NPY002 - a trainer may use numpy's global generator
        random.setstate(self.python)
        if self.there is not None and device.type in ("cuda", "mps"):
            _module(device).set_rng_state(self.there)

    def pack(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return it as tensors and JSON, for the checkpoint."""
        name, keys, *numbers = self.numpy
        version, words, gauss = self.python
        tensors = {
            "host": self.host,
            "numpy": torch.from_numpy(keys.astype(np.int64)),
            "python": torch.tensor(words, dtype=torch.int64),
        }
        if self.there is not None:
            tensors["device"] = self.there
        return tensors, {"numpy": [name, *map(float, numbers)], "python": [version, gauss]}

    @classmethod
    def unpack(cls, tensors: dict[str, torch.Tensor], record: dict[str, Any]) -> RandomState:
        """Take back what `pack` gave."""
        name, position, has_gauss, gauss = record["numpy"]
        keys = tensors["numpy"].numpy().astype(np.uint32)
        version, next_gauss = record["python"]
        return cls(
            tensors["host"],
            tensors.get("device"),
            (name, keys, int(position), int(has_gauss), gauss),
            (version, tuple(tensors["python"].tolist()), next_gauss),
        )


def seed_everything(*names: object) -> None:
    """Seed every generator from the names given: a seed, a stage, a rank."""
    number = number_of(*names)
    torch.manual_seed(number)  # CUDA and MPS too
    np.random.seed(number % 2**32)  # noqa: NPY002
    random.seed(number)


def number_of(*names: object) -> int:
    """Return a number below 2**63 that the names determine: the same in every process and on every machine."""
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _module(device: torch.device) -> Any:
    return torch.cuda if device.type == "cuda" else torch.mps
