"""The diffusion model: a U-Net that predicts noise, its schedule and, if wanted, a first stage.

As a method of its own (``ddpm``) its code is the noise x_T from which DDIM walks to the picture: encoding is inversion.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from distoolkit.contract import ConfigError, DataError, ImageSpec, Unit
from distoolkit.nn.diffusion import sampling
from distoolkit.nn.diffusion.autoencoder import Autoencoder, Pixels, make_first_stage
from distoolkit.nn.diffusion.averaging import make_average
from distoolkit.nn.diffusion.schedule import Schedule
from distoolkit.nn.diffusion.space import DiffusionSpace, make_parts, shape_of
from distoolkit.nn.diffusion.unet import Shape, UNet
from distoolkit_disdiff.choices import SAMPLERS

if TYPE_CHECKING:
    from distoolkit_disdiff import settings


class Diffusion(DiffusionSpace):
    """Noise prediction on pixels, or on the latent maps of a first stage.

    Parameters
    ----------
    first, schedule, sampling_steps, bf16
        As in `DiffusionSpace`.
    shape
        Of the U-Net.

    Attributes
    ----------
    unet, average
        The network that is trained, and the moving average of its weights, with which everything else is done.
    """

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
        latent_shape = (shape.channels, shape.side, shape.side)
        super().__init__(first, schedule, latent_shape, sampling_steps=sampling_steps, bf16=bf16)
        self.unet = UNet(shape)
        self.average = make_average(self.unet)

    @property
    def layout(self) -> tuple[Unit, ...]:
        """One unit: no entry of the noise means anything by itself."""
        return (Unit("noise", math.prod(self.latent_shape)),)

    def look(self, noisy: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """Return eps(x_t, t), the feature maps and the time embedding of the frozen network; no gradient."""
        with torch.no_grad(), self.frozen(noisy):
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
        entries = math.prod(self.latent_shape)
        if code.dim() != 2 or code.shape[1] != entries:
            raise DataError(
                f"a code of shape {tuple(code.shape)} is no flat noise of this model: give (batch, {entries}), the "
                f"entries of x_T {self.latent_shape}"
            )
        start = code.reshape(-1, *self.latent_shape)
        steps = self.sampling_steps
        return self.to_image(sampling.ddim(self.predict, self.schedule, start, steps, clip=clip, progress=progress))

    def sample(self, count: int, *, seed: int = 0, sampler: str = "ddim", progress: bool = False) -> torch.Tensor:
        """Draw new images: the same for the same seed and kind of device.

        Parameters
        ----------
        sampler
            One of `SAMPLERS`: ``"ddim"`` takes ``sampling_steps`` and adds no noise on the way, ``"ddpm"`` visits every
            time and adds the noise of the reverse process.

        Returns
        -------
        torch.Tensor
            (count, channel, y, x) in [0, 1].

        Raises
        ------
        ConfigError
            Another sampler.
        """
        start = self.start(count, seed)
        if sampler == "ddim":
            return self.decode(start.flatten(1), clip=self.bounded, progress=progress)
        if sampler != "ddpm":
            raise ConfigError(f"sampler = {sampler!r} is not allowed: give {' or '.join(map(repr, SAMPLERS))}")
        # not seeded as `start` is: on the CPU the first noise added would be x_T itself
        generator = torch.Generator(start.device).manual_seed(seed + 1)
        return self.to_image(
            sampling.ddpm(self.predict, self.schedule, start, clip=self.bounded, generator=generator, progress=progress)
        )

    def train(self, mode: bool = True) -> Diffusion:
        """Set the mode of what is trained; the average stays in evaluation mode."""
        super().train(mode)
        self.average.eval()
        return self


def build(config: settings.DDPMConfig | settings.DisDiffConfig, spec: ImageSpec) -> Diffusion:
    """Build the diffusion model that the settings ask for."""
    first, schedule, (channels, side, _) = make_parts(config, spec)
    shape = shape_of(config, channels, side)
    return Diffusion(first, schedule, shape, sampling_steps=config.sampling_steps, bf16=config.frozen_bf16)


def build_autoencoder(config: settings.AutoencoderConfig, spec: ImageSpec) -> Autoencoder:
    """Build the first stage as a method of its own."""
    found: Autoencoder = make_first_stage(config, config.latents, spec)
    return found
