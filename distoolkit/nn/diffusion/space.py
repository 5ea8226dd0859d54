"""Where diffusion happens: on pictures, or on the latent maps of a first stage, under a noise schedule."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion.autoencoder import Autoencoder, Pixels, make_first_stage
from distoolkit.nn.diffusion.precision import autocast
from distoolkit.nn.diffusion.sampling import sampling_times
from distoolkit.nn.diffusion.schedule import Schedule, make_betas
from distoolkit.nn.diffusion.settings import Diffusion as Settings
from distoolkit.nn.diffusion.unet import Shape


class DiffusionSpace(nn.Module):
    """The way from images to x0 and back, and the noise schedule.

    Parameters
    ----------
    first
        `Pixels` or an `Autoencoder`.
    schedule
        The noise schedule.
    latent_shape
        (channel, y, x) of x0.
    sampling_steps
        DDIM steps of a sample or an inversion.
    bf16
        Run the frozen parts in bfloat16.

    Attributes
    ----------
    scale
        What latent maps are multiplied by to have a standard deviation of about 1; 1 on pixels.
    """

    scale: torch.Tensor

    def __init__(
        self,
        first: Pixels | Autoencoder,
        schedule: Schedule,
        latent_shape: tuple[int, int, int],
        *,
        sampling_steps: int = 50,
        bf16: bool = False,
    ) -> None:
        super().__init__()
        self.first = first
        self.schedule = schedule
        self.sampling_steps = sampling_steps
        self.bf16 = bf16
        self.latent_shape = latent_shape
        self.register_buffer("scale", torch.ones(()))

    @property
    def bounded(self) -> bool:
        """Whether x0 is a picture in [-1, 1], not a latent map of any size."""
        return isinstance(self.first, Pixels)

    def to_clean(self, image: torch.Tensor) -> torch.Tensor:
        """Return x0 of images (batch, channel, y, x) in [0, 1]; no gradient."""
        with torch.no_grad(), self.frozen(image):
            latent = self.first.to_latent(2 * image - 1)
        return latent.float() * self.scale

    def to_picture(self, clean: torch.Tensor, quantise: bool = True) -> torch.Tensor:
        """Draw x0 as pictures in about [-1, 1]; differentiable with ``quantise=False``."""
        with self.frozen(clean):
            # x0 comes in float32, whatever the precision of a run; the scale has that of the first stage's weights
            picture = self.first.to_picture((clean / self.scale).to(self.scale.dtype), quantise)
        return picture.float()

    def to_image(self, clean: torch.Tensor) -> torch.Tensor:
        """Draw x0 as images in [0, 1]."""
        return ((self.to_picture(clean) + 1) / 2).clamp(0, 1)

    def start(self, count: int, seed: int = 0) -> torch.Tensor:
        """Return ``count`` draws of x_T on the model's device: made on the CPU, so that all devices draw alike."""
        generator = torch.Generator("cpu").manual_seed(seed)
        noise = torch.randn(count, *self.latent_shape, generator=generator, device="cpu")
        return noise.to(self.scale.device)

    def frozen(self, like: torch.Tensor) -> contextlib.AbstractContextManager[Any]:
        """Compute in bfloat16 if asked to, else in the precision outside."""
        return autocast(like.device, torch.bfloat16) if self.bf16 else contextlib.nullcontext()


def make_parts(config: Settings, spec: ImageSpec) -> tuple[Pixels | Autoencoder, Schedule, tuple[int, int, int]]:
    """Build the first stage and the schedule that the settings ask for; the third is the shape of x0.

    Raises
    ------
    ConfigError
        Images that are not square, or more sampling steps than times.
    """
    if spec.height != spec.width:
        raise ConfigError(f"images of {spec} are not square; the U-Net takes squares: crop or resize the images")
    first = make_first_stage(config, config.latent_channels, spec)
    shape = first.latent_shape if isinstance(first, Autoencoder) else (spec.channels, spec.height, spec.width)
    betas = make_betas(config.schedule, config.timesteps, config.beta_start, config.beta_end)
    schedule = Schedule(betas)
    sampling_times(schedule, config.sampling_steps)  # refuses more steps than there are times
    return first, schedule, shape


def shape_of(config: Settings, channels: int, side: int) -> Shape:
    """Return the size of the U-Net that the settings ask for."""
    return Shape(channels, side, config.width, config.multipliers, config.blocks, config.attention, config.heads)
