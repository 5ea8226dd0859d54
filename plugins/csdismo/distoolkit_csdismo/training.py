"""How it is trained: generator and tables together, style first; then encoders, with the generator trained along."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Report
from distoolkit_csdismo import vgg
from distoolkit_csdismo.checks import alarm, look_back, shares, warn
from distoolkit_csdismo.losses import Loss, reconstruction_of

if TYPE_CHECKING:
    from distoolkit_csdismo import Config
    from distoolkit_csdismo.model import ContentStyle

SCALE = 100.0
"""Of the reconstruction loss: mean squared errors are so small that Adam's epsilon would swallow their gradients."""
BETAS = (0.5, 0.999)


def train(model: ContentStyle, loop: Any, config: Config) -> Iterator[Report]:
    """Yield one report for each step: of the stages ``warm-up``, ``latents`` and ``encoders``."""
    loss = reconstruction_of(config, loop.spec, loop.device)
    if config.reconstruction == "vgg" and loop.once("weights"):
        model.weights_sha256.copy_(torch.tensor(list(vgg.digest(config.weights_path)), dtype=torch.uint8))
    yield from fit_tables(model, loop, config, loss)
    if loop.once("looked at"):
        spread = look_back(model, loop)
        if config.least_spread > 0:
            alarm(float(spread), config, loop)
            warn(*map(float, shares(model, loop)))
    yield from fit_encoders(model, loop, config, loss)


def fit_tables(model: ContentStyle, loop: Any, config: Config, loss: Loss) -> Iterator[Report]:
    """Optimise generator and both tables; for the first part with content held at zero."""
    adam = loop.optimizer(
        "tables",
        torch.optim.Adam(
            [
                {"params": list(model.generator.parameters()), "lr": config.lr},
                {"params": [model.content_table], "lr": config.content_lr},
                {"params": [model.style_table], "lr": config.style_lr},
            ],
            betas=BETAS,
        ),
    )
    rates = (config.lr, config.content_lr, config.style_lr)
    warm = math.floor(config.warm * config.steps)
    for name, first, steps in (("warm-up", 0, warm), ("latents", warm, config.steps - warm)):
        for batch in loop.stage(name, steps):
            decay(adam, rates, first + loop.stage_step, config.steps)
            total, report = table_loss(model, batch, config, loss, shown=float(name == "latents"))
            loop.minimise(total, adam)
            if model.constraint.project is not None:
                model.constraint.project(model.content_table)
            yield report


def table_loss(
    model: ContentStyle, batch: dict[str, torch.Tensor], config: Config, loss: Loss, shown: float = 1.0
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss of the first stage and its report.

    Parameters
    ----------
    shown
        What content is multiplied by: 0 in the warm-up, else 1.
    """
    contents, index = model.contents(), batch["index"]
    content = contents[index]
    if config.content_noise:
        content = content + config.content_noise * torch.randn_like(content)
    error = loss(model.generator(shown * content, model.style_table[index]), batch["image"])
    total, report = SCALE * error, {"reconstruction": error}
    if model.constraint.penalty is not None:
        report["constraint"] = model.constraint.penalty(contents, index)
        total = total + config.constraint_weight * report["constraint"]
    return total, {"loss": total, **report}


def fit_encoders(model: ContentStyle, loop: Any, config: Config, loss: Loss) -> Iterator[Report]:
    """Teach the encoders the tables, through their pictures as well; the tables stay as they are.

    Errors of style are divided by its variance over images, because its scale is free.
    """
    trained = [p for part in (model.content_encoder, model.style_encoder, model.generator) for p in part.parameters()]
    adam = loop.optimizer("encoders", torch.optim.Adam(trained, lr=config.lr, betas=BETAS))
    content, style = model.split(model.table().detach())
    variance = style.var(0, unbiased=False).mean() + 1e-8
    for batch in loop.stage("encoders", config.encoder_steps):
        decay(adam, (config.lr,), loop.stage_step, config.encoder_steps)
        code = model.encode(batch["image"])
        error = loss(model.decode(code), batch["image"])
        off_content, off_style = (
            (a - b[batch["index"]]).square().mean() for a, b in zip(model.split(code), (content, style), strict=True)
        )
        total = SCALE * error + off_content + off_style / variance
        loop.minimise(total, adam)
        yield {
            "loss": total,
            "reconstruction": error,
            "content_error": off_content,
            "style_error": off_style / variance,
        }


def decay(optimizer: torch.optim.Optimizer, rates: tuple[float, ...], step: int, steps: int) -> None:
    """Set each group's learning rate: from its own down to 1 % of it, along half a cosine."""
    left = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps))
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * left
