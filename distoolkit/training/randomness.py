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
    """A moment of torch's (CPU and device), numpy's and Python's global generators.

    Attributes
    ----------
    tensors
        The long parts.
    record
        The short parts, as JSON types.
    """

    tensors: dict[str, torch.Tensor]
    record: dict[str, Any]

    @classmethod
    def now(cls, device: torch.device) -> RandomState:
        """Read the present state; ``device`` is where the training runs."""
        state: Any = np.random.get_state()  # noqa: NPY002 - a trainer may use numpy's global one
        _, keys, position, has_gauss, gauss = state
        version, words, next_gauss = random.getstate()
        tensors = {
            "torch": torch.get_rng_state(),
            "numpy": torch.from_numpy(keys.astype(np.int64)),
            "python": torch.tensor(words, dtype=torch.int64),
        }
        if device.type in ("cuda", "mps"):
            tensors[device.type] = _module(device).get_rng_state()
        record = {
            "numpy": [int(position), int(has_gauss), float(gauss)],
            "python": [version, next_gauss],
        }
        return cls(tensors, record)

    def apply(self, device: torch.device) -> None:
        """Put the generators into this state. A device that this moment knows nothing of keeps its own."""
        torch.set_rng_state(self.tensors["torch"])
        position, has_gauss, gauss = self.record["numpy"]
        words = self.tensors["numpy"].numpy().astype(np.uint32)
        np.random.set_state(("MT19937", words, position, has_gauss, gauss))  # noqa: NPY002
        version, next_gauss = self.record["python"]
        random.setstate((version, tuple(self.tensors["python"].tolist()), next_gauss))
        if device.type in self.tensors:
            _module(device).set_rng_state(self.tensors[device.type])


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
