"""What the loop does to an optimiser beyond calling it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    """List what an optimiser changes."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def prefer_fused(optimizer: torch.optim.Optimizer) -> None:
    """Switch a stock optimiser to its fused kernel, unless its maker chose otherwise: one pass over the weights."""
    if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
        return
    able = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters(optimizer))
    for group in optimizer.param_groups:
        chosen = group.get("fused") is not None or group.get("foreach") is not None
        if able and not chosen and not group.get("differentiable") and not isinstance(group["lr"], torch.Tensor):
            group["fused"] = True


def average_gradients(optimizer: torch.optim.Optimizer, fabric: Fabric) -> None:
    """Replace the gradients on each device by their mean over devices.

    One message for all of them; unlike DistributedDataParallel it does not care through which of its methods a
    model was called, or how many optimisers there are.
    """
    gradients = [p.grad for p in parameters(optimizer) if p.grad is not None]
    total = fabric.all_reduce(torch.cat([g.reshape(-1) for g in gradients]), reduce_op="mean")
    assert isinstance(total, torch.Tensor)
    for gradient, part in zip(gradients, torch.split(total, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))
