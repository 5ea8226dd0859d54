"""How EncDiff is trained: perhaps a first stage, then encoder and U-Net together on nothing but the noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import AdamW

from distoolkit.contract import Report
from distoolkit.nn.diffusion.averaging import update_average
from distoolkit.nn.diffusion.losses import noise_error
from distoolkit.nn.diffusion.stages import Guard, prepare_first_stage, set_scale, warm_up
from distoolkit_encdiff.model import EncDiff
from distoolkit_encdiff.pretrained import load_first_stage

if TYPE_CHECKING:
    from distoolkit_encdiff.settings import EncDiffConfig


def train(model: EncDiff, loop: Any, config: EncDiffConfig) -> Iterator[Report]:
    """Yield one report for each step: those of the first stage, if there is one and it is not given, come first."""
    yield from prepare_first_stage(model.space, loop, config, load_first_stage)
    model.space.requires_grad_(False)
    guard = Guard(loop, "first stage", model.space.first)
    trained = [*model.encoder.parameters(), *model.network.parameters()]
    adam = loop.optimizer("encdiff", AdamW(trained, lr=config.lr))
    for batch in loop.stage("encdiff", config.steps):
        image = batch["image"]
        if loop.stage_step == 0:
            set_scale(model.space, image)
        t = torch.randint(len(model.space.schedule), (len(image),), device=image.device)
        noise = torch.randn(len(image), *model.space.latent_shape, device=image.device)
        loss = compute_loss(model, image, t, noise, config.noise_error).mean()
        warm_up(adam, config.lr, loop.stage_step, config.warmup)
        loop.minimise(loss, adam)
        for name in ("encoder", "network"):
            update_average(model.average[name], getattr(model, name), loop.stage_step + 1, config.ema)
        yield {"loss": loss}
    guard.check()


def compute_loss(
    model: EncDiff, image: torch.Tensor, t: torch.Tensor, noise: torch.Tensor, kind: str = "l1"
) -> torch.Tensor:
    """Return the distance of the predicted noise from the true one, (batch,): the encoder learns through it too.

    Parameters
    ----------
    image
        (batch, channel, y, x) in [0, 1].
    t
        (batch,) times in 0 .. T-1.
    noise
        (batch, ...) of the shape of x0.
    kind
        As in `distoolkit.nn.diffusion.losses.noise_error`.
    """
    space = model.space
    code = model.by_unit(model.encoder(2 * image - 1))
    noisy = space.schedule.add_noise(space.to_clean(image), noise, t)
    return noise_error(noise, model.network(noisy, t, code), t, space.schedule, kind)
