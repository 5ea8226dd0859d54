"""Which places of a picture read which unit, by the weights of the cross-attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from distoolkit.contract import DataError
from distoolkit_encdiff.attention import CrossAttention
from distoolkit_encdiff.model import EncDiff


@torch.no_grad()
def attention_maps(
    model: EncDiff, image: torch.Tensor, times: Sequence[int], noise: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the share of its attention that each place gives each unit, at some times: (time, unit, y, x).

    Averaged over heads and over all layers, smaller maps being enlarged to the largest; the units of a place add up
    to 1. All layers count alike.

    Parameters
    ----------
    model
        With ``inject="attention"``.
    image
        (1, channel, y, x) in [0, 1].
    times
        t in 0 .. T-1.
    noise
        (1, ...) that is added to x0 at every time; the model's x_T by default.

    Raises
    ------
    DataError
        The model has no cross-attention, or a time is none.
    """
    network, last = model.average["network"], len(model.space.schedule) - 1
    layers = [m for m in network.modules() if isinstance(m, CrossAttention)]
    if not layers:
        raise DataError("this model has no cross-attention to show: fit one with inject='attention'")
    if not len(times) or not all(0 <= t <= last for t in times):
        raise DataError(f"times = {list(times)} are not allowed: give at least one, each in 0 to {last}")
    found: list[torch.Tensor] = []

    def look(layer: Any, seen: tuple[torch.Tensor, torch.Tensor], _: torch.Tensor) -> None:
        found.append(layer.weights(*seen).mean(1).float())

    hooks = [layer.register_forward_hook(look) for layer in layers]
    try:
        t = torch.tensor(list(times), device=image.device)
        code = model.encode(image).expand(len(t), -1)
        model.predictor(code)(noisy_at(model, image, t, noise), t)
    finally:
        for hook in hooks:
            hook.remove()
    side = max(m.shape[-1] for m in found)
    return torch.stack([F.interpolate(m, size=(side, side), mode="nearest") for m in found]).mean(0)


def noisy_at(model: EncDiff, image: torch.Tensor, t: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
    """Return x_t of one image at several times, all with the same noise: (time, ...)."""
    clean = model.space.to_clean(image).expand(len(t), -1, -1, -1)
    noise = (model.noise if noise is None else noise).expand_as(clean)
    return model.space.schedule.add_noise(clean, noise, t)
