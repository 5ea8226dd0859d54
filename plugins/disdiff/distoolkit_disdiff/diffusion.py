"""The diffusion model: a U-Net that predicts noise, its schedule and, if wanted, a first stage.

As a method of its own (``ddpm``) its code is the noise x_T from which DDIM walks to the picture: encoding is inversion.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec, Unit
from distoolkit_disdiff import sampling
from distoolkit_disdiff.autoencoder import Autoencoder, Pixels, make_first_stage
from distoolkit_disdiff.averaging import make_average
from distoolkit_disdiff.precision import autocast
from distoolkit_disdiff.schedule import Schedule, make_betas
from distoolkit_disdiff.unet import Shape, UNet

if TYPE_CHECKING:
    from distoolkit_disdiff import settings


class Diffusion(nn.Module):
    """Noise prediction on pixels, or on the latent maps of a first stage.

    Parameters
    ----------
    first
        `Pixels` or an `Autoencoder`.
    schedule
        The noise schedule.
    shape
        Of the U-Net.
    sampling_steps
        DDIM steps of `encode` and `decode`.
    bf16
        Run the frozen parts in bfloat16.

    Attributes
    ----------
    unet, average
        The network that is trained, and the moving average of its weights, with which everything else is done.
    scale
        What latent maps are multiplied by to have a standard deviation of about 1; 1 on pixels.
    """

    scale: torch.Tensor
    draws_slowly = True

    def __init__(
        self,
        first: Pixels | Autoencoder,
        schedule: Schedule,
        shape: Shape,
        *,
        sampling_steps: int = 50,
        bf16: bool = False,
    ) -> None:
        super().__init__()
        self.first = first
        self.schedule = schedule
        self.sampling_steps = sampling_steps
        self.bf16 = bf16
        self.latent_shape = (shape.channels, shape.side, shape.side)
        self.unet = UNet(shape)
        self.average = make_average(self.unet)
        self.register_buffer("scale", torch.ones(()))

    @property
    def bounded(self) -> bool:
        """Whether x0 is a picture in [-1, 1], not a latent map of any size."""
        return isinstance(self.first, Pixels)

    @property
    def layout(self) -> tuple[Unit, ...]:
        """One unit: no entry of the noise means anything by itself."""
        return (Unit("noise", math.prod(self.latent_shape)),)

    def to_clean(self, image: torch.Tensor) -> torch.Tensor:
        """Return x0 of images (batch, channel, y, x) in [0, 1]; no gradient."""
        with torch.no_grad(), self._frozen(image):
            latent = self.first.to_latent(2 * image - 1)
        return latent.float() * self.scale

    def to_picture(self, clean: torch.Tensor, quantise: bool = True) -> torch.Tensor:
        """Draw x0 as pictures in about [-1, 1]; differentiable with ``quantise=False``."""
        with self._frozen(clean):
            picture = self.first.to_picture(clean / self.scale, quantise)
        return picture.float()

    def to_image(self, clean: torch.Tensor) -> torch.Tensor:
        """Draw x0 as images in [0, 1]."""
        return ((self.to_picture(clean) + 1) / 2).clamp(0, 1)

    def look(self, noisy: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """Return eps(x_t, t), the feature maps and the time embedding of the frozen network; no gradient."""
        with torch.no_grad(), self._frozen(noisy):
            maps, time = self.average.trunk(noisy, t)
            noise = self.average.expanding(maps, time)
        return noise.float(), [m.float() for m in maps], time.float()

    def predict(self, noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return eps(x_t, t) of the frozen network; no gradient."""
        return self.look(noisy, t)[0]

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the flat x_T (batch, latent) from which `decode` comes back to about the image."""
        start = sampling.ddim_invert(self.predict, self.schedule, self.to_clean(image), self.sampling_steps)
        return start.flatten(1)

    def decode(self, code: torch.Tensor, *, clip: bool = False, progress: bool = False) -> torch.Tensor:
        """Walk from flat x_T (batch, latent) to images (batch, channel, y, x) in [0, 1]; ``clip`` as in `ddim`."""
        start = code.reshape(-1, *self.latent_shape)
        steps = self.sampling_steps
        return self.to_image(sampling.ddim(self.predict, self.schedule, start, steps, clip=clip, progress=progress))

    def sample(self, count: int, *, seed: int = 0, progress: bool = False) -> torch.Tensor:
        """Draw ``count`` new images (count, channel, y, x) in [0, 1]; the same ones for the same seed and device "
        "kind."""
        return self.decode(self.start(count, seed).flatten(1), clip=self.bounded, progress=progress)

    def start(self, count: int, seed: int = 0) -> torch.Tensor:
        """Return ``count`` draws of x_T on the model's device: made on the CPU, so that all devices draw alike."""
        generator = torch.Generator("cpu").manual_seed(seed)
        noise = torch.randn(count, *self.latent_shape, generator=generator, device="cpu")
        return noise.to(self.scale.device)

    def train(self, mode: bool = True) -> Diffusion:
        """Set the mode of what is trained; the average stays in evaluation mode."""
        super().train(mode)
        self.average.eval()
        return self

    def _frozen(self, like: torch.Tensor) -> contextlib.AbstractContextManager[Any]:
        """Compute in bfloat16 if asked to, else in the precision outside."""
        return autocast(like.device, torch.bfloat16) if self.bf16 else contextlib.nullcontext()


def shape_of(config: settings.Diffusion, channels: int, side: int) -> Shape:
    """Return the size of the U-Net that the settings ask for."""
    return Shape(channels, side, config.width, config.multipliers, config.blocks, config.attention, config.heads)


def build(config: settings.Diffusion, spec: ImageSpec) -> Diffusion:
    """Build the diffusion model that the settings ask for."""
    if spec.height != spec.width:
        raise ConfigError(f"images of {spec} are not square; the U-Net takes squares: crop or resize the images")
    first = make_first_stage(config, config.latent_channels, spec)
    channels, side, _ = (
        first.latent_shape if isinstance(first, Autoencoder) else (spec.channels, spec.height, spec.width)
    )
    betas = make_betas(config.schedule, config.timesteps, config.beta_start, config.beta_end)
    sampling.sampling_times(config.timesteps, config.sampling_steps)  # refuses more steps than there are times
    return Diffusion(
        first,
        Schedule(betas),
        shape_of(config, channels, side),
        sampling_steps=config.sampling_steps,
        bf16=config.frozen_bf16,
    )
