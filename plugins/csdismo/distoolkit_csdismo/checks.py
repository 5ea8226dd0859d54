"""What is checked when the tables are found: that pictures vary, and that content and style each have a part in it.

Two trivial solutions fit the images as well as a split does: all is in style, or all is in content. Neither is
forbidden by the loss.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import MethodWarning, TrainingError

if TYPE_CHECKING:
    from distoolkit_csdismo import Config
    from distoolkit_csdismo.model import ContentStyle

LEAST_SHARE = 0.05
"""Of either half in the differences between pictures, before a warning. A half that is not used has 0. Splits that were
measured with this code, and runs in which one half took most, lie well above; see the README."""
LOOKED_AT = 512  # pairs of images


class CollapseError(TrainingError):
    """The pictures of different images hardly differ: nothing was learnt."""


class UnusedHalfWarning(MethodWarning):
    """Only content or only style decides what is drawn: the images were not split."""


@torch.no_grad()
def look_back(model: ContentStyle, loop: Any) -> torch.Tensor:
    """Draw every training image from the tables; keep the mean squared error in the model.

    Returns
    -------
    torch.Tensor
        One number: the variance of the pictures over images, summed over pixels, as a share of that of the images.
    """
    training = model.training
    model.eval()
    content, style = model.split(model.table())
    shape = (loop.spec.channels, loop.spec.height, loop.spec.width)
    sums = [torch.zeros(shape, device=loop.device) for _ in range(4)]
    error = torch.zeros((), device=loop.device)
    for batch in loop.chunks():
        image, index = batch["image"].float(), batch["index"]
        drawn = model.generator(content[index], style[index]).float()
        for total, value in zip(sums, (image, image.square(), drawn, drawn.square()), strict=True):
            total += value.sum(0)
        error += (drawn - image).square().mean((1, 2, 3)).sum()
    model.train(training)
    model.table_error.copy_(error / loop.spec.count)
    image, image2, drawn, drawn2 = (total / loop.spec.count for total in sums)
    spread: torch.Tensor = (drawn2 - drawn.square()).sum() / (image2 - image.square()).sum().clamp(min=1e-12)
    return spread


def alarm(spread: float, config: Config, loop: Any) -> None:
    """Refuse to go on where the pictures hardly vary.

    Raises
    ------
    CollapseError
        Tells how much they vary, and what to try.
    """
    if spread >= config.least_spread:
        return
    each = config.steps * config.batch_size / loop.spec.count
    raise CollapseError(
        f"after the first stage the pictures have {spread:.3g} of the variance of the images; least_spread = "
        f"{config.least_spread} is asked for. Each image was in {each:.0f} batches: below 40 give more steps or fewer "
        "images; else try reconstruction = 'mse' or 'lap+mse', or other learning rates. least_spread = 0 goes on "
        "regardless"
    )


@torch.no_grad()
def shares(model: ContentStyle, loop: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Measure how much content alone and style alone change pictures drawn from the tables.

    Returns
    -------
    tuple
        For content, then for style: the mean absolute change of a picture when that half is taken from another image,
        over the change when both are.
    """
    training = model.training
    model.eval()
    # not the images' own order, in which neighbours may share a factor
    order = torch.randperm(loop.spec.count, generator=torch.Generator().manual_seed(loop.seed))[:LOOKED_AT]
    others = order.roll(1).to(loop.device)
    order = order.to(loop.device)
    content, style = model.split(model.table())
    changes = torch.zeros(3, device=loop.device)
    for part in range(0, len(order), 64):
        one, other = order[part : part + 64], others[part : part + 64]
        drawn = model.generator(content[one], style[one])
        mixes = ((other, one), (one, other), (other, other))
        changes += torch.stack([(model.generator(content[c], style[s]) - drawn).abs().sum() for c, s in mixes])
    model.train(training)
    by_content, by_style = changes[:2] / changes[2].clamp(min=1e-12)
    return by_content, by_style


def warn(by_content: float, by_style: float) -> None:
    """Warn where a half has no part in the pictures."""
    cures = {
        "content": (by_content, "a shorter warm-up (warm), fewer entries of style, or a smaller style_lr"),
        "style": (by_style, "a longer warm-up (warm), more entries of style, or a larger style_lr"),
    }
    for half, (share, cure) in cures.items():
        if share < LEAST_SHARE:
            warnings.warn(
                f"{half} is hardly used: taken from another image it changes pictures by {share:.2g} of what taking "
                f"both does, less than {LEAST_SHARE}. The images were not split; try {cure}",
                UnusedHalfWarning,
                stacklevel=2,
            )
