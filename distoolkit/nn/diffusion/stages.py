"""What the training of diffusion models has in common: the first stage, its scale, warm-up, and what is frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec, Report, TrainingError
from distoolkit.nn.diffusion.autoencoder import Autoencoder
from distoolkit.nn.diffusion.settings import Diffusion
from distoolkit.nn.diffusion.space import DiffusionSpace


def fit_autoencoder(model: Autoencoder, loop: Any, steps: int, lr: float, kl_weight: float) -> Iterator[Report]:
    """Train the first stage: absolute error of the picture plus the loss of its bottleneck."""
    model.requires_grad_(True)
    adam = loop.optimizer("autoencoder", torch.optim.Adam(model.parameters(), lr=lr))
    weight = kl_weight if model.kind == "kl" else 1.0
    for batch in loop.stage("autoencoder", steps):
        picture = 2 * batch["image"] - 1
        reading = model.read(picture)
        error = (reading.picture - picture).float().abs().mean()
        bottleneck = reading.bottleneck.mean()
        loop.minimise(error + weight * bottleneck, adam)
        yield {"autoencoder_error": error, "bottleneck": bottleneck}


def prepare_first_stage(
    model: DiffusionSpace, loop: Any, config: Diffusion, load: Callable[[Autoencoder, Diffusion, ImageSpec], None]
) -> Iterator[Report]:
    """Take the first stage from the run that is given, by ``load``, or train it; nothing on pixels.

    Raises
    ------
    ConfigError
        A run is given, and the model works on pixels.
    """
    if not isinstance(model.first, Autoencoder):
        if config.autoencoder:
            raise ConfigError(f"autoencoder = {config.autoencoder!r} with first_stage = 'none': give 'vq' or 'kl'")
        return
    if not config.autoencoder:
        yield from fit_autoencoder(model.first, loop, config.autoencoder_steps, config.autoencoder_lr, config.kl_weight)
    elif loop.once("load the autoencoder"):
        load(model.first, config, loop.spec)


@torch.no_grad()
def set_scale(model: DiffusionSpace, image: torch.Tensor) -> None:
    """Set the scale of the latent maps, one over the standard deviation of the first batch's. On pixels it stays 1."""
    if isinstance(model.first, Autoencoder):
        model.scale.copy_(1 / model.first.to_latent(2 * image - 1).float().std())


def warm_up(optimizer: torch.optim.Optimizer, lr: float, step: int, steps: int) -> None:
    """Set the learning rate for a step (0, 1, ...): rising in a straight line over the first ``steps``."""
    for group in optimizer.param_groups:
        group["lr"] = lr * min(1.0, (step + 1) / steps) if steps else lr


class Guard:
    """Compare a frozen part before and after a stage, by a fingerprint of all its weights and buffers.

    The fingerprint is kept in the checkpoint, so that a resumed stage is compared with its true beginning.
    """

    def __init__(self, loop: Any, name: str, part: nn.Module) -> None:
        self.name, self.part = name, part
        self.kept = loop.state(f"frozen {name}", {"fingerprint": ""})
        if not self.kept["fingerprint"]:
            self.kept["fingerprint"] = fingerprint(part)

    def check(self) -> None:
        """Raise if the part is not what it was.

        Raises
        ------
        TrainingError
            A weight or a buffer has changed, by whatever hand.
        """
        if fingerprint(self.part) != self.kept["fingerprint"]:
            raise TrainingError(
                f"the {self.name} changed while it was to be frozen: an optimiser, an in-place operation or a module "
                "in training mode has touched it. The codes of this run cannot be trusted; fit it again"
            )


def fingerprint(module: nn.Module) -> str:
    """Hash the names and bytes of all weights and buffers; empty for a module without data (the ``meta`` device)."""
    digest = hashlib.blake2b(digest_size=16)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in sorted(tensors.items()):
        if tensor.is_meta:
            return ""
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
