"""The moving average of weights that samples and codes are made with."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def make_average(module: M) -> M:
    """Return a copy to hold the average: no gradient, evaluation mode."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def decay_at(update: int, decay: float) -> float:
    """Return the share of the old average that is kept at an update (1, 2, ...): min(decay, (1 + n) / (10 + n))."""
    return min(decay, (1 + update) / (10 + update))


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, update: int, decay: float) -> None:
    """Move the average towards the module's present weights, in place. Buffers are copied."""
    share = 1 - decay_at(update, decay)
    old = [p.detach() for p in average.parameters()]
    new = [p.detach() for p in module.parameters()]
    torch._foreach_lerp_(old, new, share)
    for kept, present in zip(average.buffers(), module.buffers(), strict=True):
        kept.copy_(present)
