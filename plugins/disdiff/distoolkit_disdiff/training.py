"""How the three methods are trained: autoencoder, diffusion model, then encoder and gradient fields together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import AdamW

from distoolkit.contract import Report, TrainingError
from distoolkit.nn.diffusion.autoencoder import Autoencoder
from distoolkit.nn.diffusion.averaging import update_average
from distoolkit.nn.diffusion.losses import noise_error
from distoolkit.nn.diffusion.stages import Guard, fit_autoencoder, prepare_first_stage, set_scale, warm_up
from distoolkit_disdiff import losses, pretrained
from distoolkit_disdiff.diffusion import Diffusion
from distoolkit_disdiff.model import DisDiff

if TYPE_CHECKING:
    from distoolkit_disdiff.settings import AutoencoderConfig, DDPMConfig, DisDiffConfig


def train_autoencoder(model: Autoencoder, loop: Any, config: AutoencoderConfig) -> Iterator[Report]:
    """Yield one report for each step of ``latent_autoencoder``."""
    yield from fit_autoencoder(model, loop, config.steps, config.lr, config.kl_weight)


def train_ddpm(model: Diffusion, loop: Any, config: DDPMConfig) -> Iterator[Report]:
    """Yield one report for each step of ``ddpm``: first the autoencoder, if there is one and it is not given."""
    yield from prepare_first_stage(model, loop, config, pretrained.load_autoencoder)
    yield from fit_diffusion(model, loop, config.steps, config.lr, config.warmup, config.ema)


def train_disdiff(model: DisDiff, loop: Any, config: DisDiffConfig) -> Iterator[Report]:
    """Yield one report for each step of ``disdiff``: the parts below it first, those that are not given."""
    if isinstance(model.diffusion, Diffusion):
        if config.pretrained:
            if loop.once("load the diffusion model"):
                pretrained.load_diffusion(model.diffusion, config, loop.spec)
        else:
            yield from prepare_first_stage(model.diffusion, loop, config, pretrained.load_autoencoder)
            yield from fit_diffusion(
                model.diffusion,
                loop,
                config.diffusion_steps,
                config.diffusion_lr,
                config.diffusion_warmup,
                config.diffusion_ema,
            )
    yield from fit_disdiff(model, loop, config)


def fit_diffusion(model: Diffusion, loop: Any, steps: int, lr: float, warmup: int, ema: float) -> Iterator[Report]:
    """Train the U-Net to predict the noise: mean absolute error, as in the configurations of the authors' code."""
    model.first.requires_grad_(False)
    model.unet.requires_grad_(True)
    adam = loop.optimizer("diffusion", AdamW(model.unet.parameters(), lr=lr))
    keep_out(adam, "first stage", model.first)
    guard = Guard(loop, "first stage", model.first)
    for batch in loop.stage("diffusion", steps):
        if loop.stage_step == 0:
            set_scale(model, batch["image"])
        clean = model.to_clean(batch["image"])
        t = torch.randint(len(model.schedule), (len(clean),), device=clean.device)
        noise = torch.randn_like(clean)
        predicted = model.unet(model.schedule.add_noise(clean, noise, t), t)
        loss = noise_error(noise, predicted, t, model.schedule).mean()
        warm_up(adam, lr, loop.stage_step, warmup)
        loop.minimise(loss, adam)
        update_average(model.average, model.unet, loop.stage_step + 1, ema)
        yield {"diffusion_loss": loss}
    guard.check()


def fit_disdiff(model: DisDiff, loop: Any, config: DisDiffConfig) -> Iterator[Report]:
    """Train encoder and gradient estimator together; everything below them is frozen."""
    model.diffusion.requires_grad_(False)
    trained = [*model.encoder.parameters(), *model.estimator.parameters()]
    adam = loop.optimizer("disdiff", AdamW(trained, lr=config.lr))
    keep_out(adam, "diffusion model", model.diffusion)
    guard = Guard(loop, "diffusion model", model.diffusion)
    for batch in loop.stage("disdiff", config.steps):
        image = batch["image"]
        t = torch.randint(len(model.diffusion.schedule), (len(image),), device=image.device)
        which = torch.randint(config.latents, (len(image),), device=image.device)
        noise = torch.randn(len(image), *model.noise.shape[1:], device=image.device)
        terms = compute_terms(model, image, t, noise, which, config)
        loss = terms.loss(config.dis_weight)
        warm_up(adam, config.lr, loop.stage_step, config.warmup)
        loop.minimise(loss, adam, clip_norm=config.clip_norm or None)
        for name in ("encoder", "estimator"):
            update_average(model.average[name], getattr(model, name), loop.stage_step + 1, config.ema)
        yield {"loss": loss, **terms.report()}
    guard.check()


def keep_out(optimizer: torch.optim.Optimizer, name: str, part: nn.Module) -> None:
    """Raise before the first step if a frozen part would be trained; `Guard` sees it after the last one.

    Raises
    ------
    TrainingError
        The optimiser holds weights of the part; they are named.
    """
    trained = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    shared = [key for key, weight in part.named_parameters() if id(weight) in trained]
    if shared:
        raise TrainingError(
            f"the {name} is to be frozen, and the optimiser holds {len(shared)} of its weights, the first of them "
            f"{shared[0]}: a part that is trained shares them; give it copies"
        )


@dataclass(frozen=True)
class Terms:
    """The parts of DisDiff's loss, each (batch,).

    Attributes
    ----------
    reconstruction, frozen
        Error of the predicted noise with all fields, and that of the frozen model alone.
    invariant, variant
        The two halves of the disentangling loss, in nats; ln N is chance.
    weight
        Their common weight w.
    named
        1 where the largest invariant logit is that of the field that was added, else 0.
    """

    reconstruction: torch.Tensor
    frozen: torch.Tensor
    invariant: torch.Tensor
    variant: torch.Tensor
    weight: torch.Tensor
    named: torch.Tensor

    def loss(self, dis_weight: float) -> torch.Tensor:
        """Return the total: reconstruction + lambda * mean of w (invariant + variant)."""
        return self.reconstruction.mean() + dis_weight * (self.weight * (self.invariant + self.variant)).mean()

    def report(self) -> dict[str, torch.Tensor]:
        """Return what goes into the history: means over the batch."""
        return {
            "reconstruction": self.reconstruction.mean(),
            "frozen_reconstruction": self.frozen.mean(),
            "invariant": self.invariant.mean(),
            "variant": self.variant.mean(),
            "change_weight": self.weight.mean(),
            "named_rightly": self.named.mean(),
        }


def compute_terms(
    model: DisDiff,
    image: torch.Tensor,
    t: torch.Tensor,
    noise: torch.Tensor,
    which: torch.Tensor,
    config: DisDiffConfig,
) -> Terms:
    """Compute the parts of the loss for given times, noise and chosen fields.

    Gradients reach encoder and estimator: through the reconstruction, and through the reading of the picture with
    field c added (never through the reading's own weights, the true code z, the reading without the field, or the
    weight w).

    Parameters
    ----------
    image
        (batch, channel, y, x) in [0, 1].
    t, which
        (batch,) times in 0 .. T-1, and the index c of the field to add to each sample.
    noise
        (batch, ...) of the shape of x0.
    """
    frozen_part, schedule = model.diffusion, model.diffusion.schedule
    code = model.by_unit(model.encoder(2 * image - 1))
    noisy = schedule.add_noise(frozen_part.to_clean(image), noise, t)
    frozen, maps, time = model.look(model.estimator, noisy, t)
    fields = model.estimator(maps, time, code).float()
    predicted = frozen + schedule.shift(fields.sum(1), t, config.shift)

    before = schedule.clean_from(noisy, frozen, t)
    after = before + schedule.clean_change(losses.pick(fields, which), t)
    picture = frozen_part.to_picture(after, quantise=False)
    with torch.no_grad():
        picture_before = frozen_part.to_picture(before, quantise=False)
        read_before = model.by_unit(losses.read_frozen(model.encoder, picture_before))
    read_after = model.by_unit(losses.read_frozen(model.encoder, picture))
    invariant, variant = losses.disentangling(read_before, read_after, code.detach(), which)
    changed = (before, after) if config.weight_space == "latent" else (picture_before, picture)
    return Terms(
        noise_error(noise, predicted, t, schedule, config.reconstruction),
        noise_error(noise, frozen, t, schedule, config.reconstruction),
        invariant,
        variant,
        losses.change_weight(*changed, config.weight_quantile),
        (losses.invariant_logits(read_before, read_after.detach()).argmax(1) == which).float(),
    )
