"""EncDiff: an encoder to N units, and a diffusion model that reads them; both learn together.

The code is the only thing that an image and its picture have in common: decoding walks from noise to a picture with
the noise prediction eps(x_t, t, z).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import DataError, ImageSpec, Unit
from distoolkit.nn.diffusion import sampling
from distoolkit.nn.diffusion.averaging import make_average
from distoolkit.nn.diffusion.checks import check_finite, check_images, check_pairs, check_start, check_units
from distoolkit.nn.diffusion.encoders import make_encoder
from distoolkit.nn.diffusion.sampling import Predictor
from distoolkit.nn.diffusion.space import DiffusionSpace, make_parts, shape_of
from distoolkit_encdiff.network import Network

if TYPE_CHECKING:
    from distoolkit_encdiff.settings import EncDiffConfig


class EncDiff(nn.Module):
    """The whole model.

    Parameters
    ----------
    space
        What is diffused: pictures or latent maps, and the noise schedule.
    encoder
        (batch, channel, y, x) in [-1, 1] to (batch, N d).
    network
        The noise prediction under a code.
    image_shape
        (channel, y, x) of the images.
    units, unit_size
        N and d.

    Attributes
    ----------
    average
        Moving averages of ``encoder`` and ``network``: codes and pictures are made with these.
    noise
        (1, ...) the x_T that all pictures start from unless another is given, so that they differ by their code alone.
    """

    noise: torch.Tensor
    draws_slowly = True

    def __init__(
        self,
        space: DiffusionSpace,
        encoder: nn.Module,
        network: Network,
        image_shape: tuple[int, int, int],
        units: int,
        unit_size: int = 1,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.space = space
        self.encoder = encoder
        self.network = network
        self.units, self.unit_size = units, unit_size
        self.average = nn.ModuleDict({"encoder": make_average(encoder), "network": make_average(network)})
        self.register_buffer("noise", space.start(1))

    @property
    def layout(self) -> tuple[Unit, ...]:
        """N units of d entries."""
        return tuple(Unit(f"unit{c}", self.unit_size) for c in range(self.units))

    def by_unit(self, code: torch.Tensor) -> torch.Tensor:
        """Split flat codes: (batch, N d) to (batch, N, d).

        Raises
        ------
        DataError
            Codes of another width.
        """
        if code.dim() != 2 or code.shape[1] != self.units * self.unit_size:
            raise DataError(
                f"a code of shape {tuple(code.shape)} does not split into {self.units} units of {self.unit_size} "
                f"entries: give (batch, {self.units * self.unit_size})"
            )
        return code.reshape(-1, self.units, self.unit_size)

    # -- the contract

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return flat codes (batch, N d) of images in [0, 1]; unit c is entries c d to (c + 1) d."""
        check_images(image, self.image_shape)
        code: torch.Tensor = self.average["encoder"](2 * image - 1)
        return code

    def decode(
        self,
        code: torch.Tensor,
        *,
        noise: torch.Tensor | None = None,
        clip: bool | None = None,
        progress: bool = False,
    ) -> torch.Tensor:
        """Draw images (batch, channel, y, x) in [0, 1] from flat codes (batch, N d), by DDIM without added noise.

        Parameters
        ----------
        noise
            x_T, (batch, ...) or (1, ...): that of `invert` for a reconstruction; `noise` of the model by default.
        clip
            Keep the estimates of x0 within [-1, 1] on the way. By default that is done on pixels, unless ``noise`` is
            given: a walk from inverted noise is to retrace the inversion.
        progress
            Show a bar over the steps.

        Raises
        ------
        DataError
            Codes or noise of another shape, or not finite.
        """
        start = self.noise if noise is None else noise
        space = self.space
        check_start(start, len(code), space.latent_shape)
        start = start.expand(len(code), *space.latent_shape)
        clip = space.bounded and noise is None if clip is None else clip
        predict, steps = self.predictor(code), space.sampling_steps
        return space.to_image(sampling.ddim(predict, space.schedule, start, steps, clip=clip, progress=progress))

    # -- what only a diffusion model can do

    def predictor(self, code: torch.Tensor) -> Predictor:
        """Return eps(x_t, t, z) as a function of (x_t, t), for the flat codes given; averaged weights, no gradient."""
        split = self.by_unit(code)
        check_finite("code", code)

        def predict(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            with torch.no_grad(), self.space.frozen(noisy):
                noise: torch.Tensor = self.average["network"](noisy, t, split)
            return noise.float()

        return predict

    def invert(self, image: torch.Tensor, code: torch.Tensor | None = None, *, progress: bool = False) -> torch.Tensor:
        """Find the x_T from which `decode` comes back to the image; ``code`` is the image's own by default.

        Raises
        ------
        DataError
            Images of another shape, another number of codes than of images, or what is not finite.
        """
        check_images(image, self.image_shape)
        code = self.encode(image) if code is None else code
        check_pairs(len(code), "codes", len(image))
        predict = self.predictor(code)
        space = self.space
        return sampling.ddim_invert(
            predict, space.schedule, space.to_clean(image), space.sampling_steps, progress=progress
        )

    def swap(
        self, target: torch.Tensor, source: torch.Tensor, units: Sequence[int], *, progress: bool = False
    ) -> torch.Tensor:
        """Draw the targets with ``units`` of their codes taken from the sources, each from its own inverted x_T.

        ``target`` and ``source`` (batch, channel, y, x) in [0, 1]; so is the result.

        Raises
        ------
        DataError
            A unit that does not exist or is given twice, images of another shape, or not a source for each target.
        """
        chosen = check_units(units, self.units)
        for image in (target, source):
            check_images(image, self.image_shape)
        check_pairs(len(source), "sources", len(target))
        code = self.encode(target)
        noise = self.invert(target, code, progress=progress)
        mixed = self.by_unit(code).clone()
        mixed[:, chosen] = self.by_unit(self.encode(source))[:, chosen]
        return self.decode(mixed.flatten(1), noise=noise, progress=progress)

    def train(self, mode: bool = True) -> EncDiff:
        """Set the mode of what is trained; averages stay in evaluation mode."""
        super().train(mode)
        self.average.eval()
        return self


def build(config: EncDiffConfig, spec: ImageSpec) -> EncDiff:
    """Build the model that the settings ask for; the weights of a given first stage are loaded by the trainer."""
    first, schedule, latent_shape = make_parts(config, spec)
    space = DiffusionSpace(first, schedule, latent_shape, sampling_steps=config.sampling_steps, bf16=config.frozen_bf16)
    encoder = make_encoder(config.encoder, spec, config.latents * config.unit_size, config.encoder_width)
    network = Network(
        shape_of(config, latent_shape[0], latent_shape[1]),
        config.latents,
        config.unit_size,
        inject=config.inject,
        sides=config.cross_attention,
        token_size=config.token_size,
        token_width=config.token_width,
    )
    image_shape = (spec.channels, spec.height, spec.width)
    return EncDiff(space, encoder, network, image_shape, config.latents, config.unit_size)
