"""DisDiff: an encoder to N units and a gradient field for each, on top of a frozen diffusion model.

The noise prediction under a set S of units is that of the frozen model plus a shift for each unit of S:
eps_S(x_t, t) = eps(x_t, t) - sqrt(1 - abar_t) * sum of g_c over c in S. With no unit it is the frozen model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distoolkit.contract import DataError, ImageSpec, Unit
from distoolkit.nn.diffusion import sampling
from distoolkit.nn.diffusion.averaging import make_average
from distoolkit.nn.diffusion.checks import check_finite, check_images, check_pairs, check_start, check_units
from distoolkit.nn.diffusion.encoders import make_encoder
from distoolkit.nn.diffusion.sampling import Predictor
from distoolkit.nn.diffusion.space import shape_of
from distoolkit_disdiff import diffusion as diffusions
from distoolkit_disdiff.estimator import Estimator

if TYPE_CHECKING:
    from distoolkit_disdiff.settings import DisDiffConfig


class DisDiff(nn.Module):
    """The whole model.

    Parameters
    ----------
    diffusion
        The frozen part: `distoolkit_disdiff.diffusion.Diffusion`, or `distoolkit_disdiff.foreign.Foreign`.
    encoder
        (batch, channel, y, x) in [-1, 1] to (batch, N d).
    estimator
        The gradient fields.
    image_shape
        (channel, y, x) of the images.

    Attributes
    ----------
    average
        Moving averages of ``encoder`` and ``estimator``: codes and pictures are made with these.
    noise
        (1, ...) the x_T that all pictures start from unless another is given, so that they differ by their code alone.
    """

    noise: torch.Tensor
    draws_slowly = True

    def __init__(
        self, diffusion: Any, encoder: nn.Module, estimator: Estimator, image_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.diffusion = diffusion
        self.encoder = encoder
        self.estimator = estimator
        self.average = nn.ModuleDict({"encoder": make_average(encoder), "estimator": make_average(estimator)})
        self.register_buffer("noise", diffusion.start(1))

    @property
    def layout(self) -> tuple[Unit, ...]:
        """N units of d entries."""
        return tuple(Unit(f"unit{c}", self.estimator.size) for c in range(self.estimator.units))

    def by_unit(self, code: torch.Tensor) -> torch.Tensor:
        """Split flat codes: (batch, N d) to (batch, N, d).

        Raises
        ------
        DataError
            Codes of another width.
        """
        units, size = self.estimator.units, self.estimator.size
        if code.dim() != 2 or code.shape[1] != units * size:
            raise DataError(
                f"a code of shape {tuple(code.shape)} does not split into {units} units of {size} entries: give "
                f"(batch, {units * size})"
            )
        return code.reshape(-1, units, size)

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
        units: Sequence[int] | None = None,
        strength: float = 1.0,
        clip: bool | None = None,
        progress: bool = False,
    ) -> torch.Tensor:
        """Draw images (batch, channel, y, x) in [0, 1] from flat codes (batch, N d), by DDIM without added noise.

        Parameters
        ----------
        noise
            x_T, (batch, ...) or (1, ...): that of `invert` for a reconstruction; `noise` of the model by default.
        units
            The units that have a say; all by default, none of them gives the frozen model's own picture.
        strength
            What the fields are multiplied by, 1 in the authors' code. More binds the picture more to its code, as the
            scale of a classifier's gradient does (Dhariwal and Nichol, "Diffusion models beat GANs", 2021).
        clip
            Keep the estimates of x0 within [-1, 1] on the way. By default that is done on pixels, unless ``noise`` is
            given: a walk from inverted noise is to retrace the inversion.
        progress
            Show a bar over the steps.
        """
        start = self.noise if noise is None else noise
        frozen = self.diffusion
        check_start(start, len(code), frozen.latent_shape)
        start = start.expand(len(code), *frozen.latent_shape)
        clip = frozen.bounded and noise is None if clip is None else clip
        predict, steps = self.predictor(code, units, strength), frozen.sampling_steps
        clean = sampling.ddim(predict, frozen.schedule, start, steps, clip=clip, progress=progress)
        return frozen.to_image(clean)  # type: ignore[no-any-return]

    # -- what only a diffusion model can do

    def predictor(self, code: torch.Tensor, units: Sequence[int] | None = None, strength: float = 1.0) -> Predictor:
        """Return eps_S as a function of (x_t, t), for the codes given, the units S and the strength of their fields."""
        if not 0 <= strength < float("inf"):
            raise DataError(f"strength = {strength} is not allowed: give 0 or more; 1 takes the fields as they are")
        split = self.by_unit(code)
        check_finite("code", code)
        which = self.which(units, code.device)

        def predict(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            if len(which) == 0:
                return self.diffusion.predict(noisy, t)  # type: ignore[no-any-return]
            noise, fields = self.fields(noisy, t, split, which)
            return noise + strength * self.diffusion.schedule.shift(fields.sum(1), t)  # type: ignore[no-any-return]

        return predict

    def fields(
        self, noisy: torch.Tensor, t: torch.Tensor, code: torch.Tensor, which: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return eps (batch, ...) and the fields g_c (batch, k, ...), with the averaged weights; no gradient.

        Parameters
        ----------
        code
            (batch, N, d).
        which
            (k,) the units wanted; all by default.
        """
        with torch.no_grad():
            noise, maps, time = self.look(self.average["estimator"], noisy, t)
            return noise, self.average["estimator"](maps, time, code, which)

    def look(
        self, estimator: Any, noisy: torch.Tensor, t: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """Return eps, and the feature maps and time embedding that the estimator works on: frozen, or its own."""
        noise, maps, time = self.diffusion.look(noisy, t)
        if estimator.trunk is not None:
            return noise, *estimator.trunk(noisy, t)
        dtype = estimator.unit.weight.dtype  # the frozen part answers in float32, whatever the precision of the run
        return noise, [m.to(dtype) for m in maps], time.to(dtype)

    def invert(
        self,
        image: torch.Tensor,
        code: torch.Tensor | None = None,
        *,
        strength: float = 1.0,
        progress: bool = False,
    ) -> torch.Tensor:
        """Find the x_T from which `decode`, with the same strength, comes back to the image.

        ``code`` is the image's own by default.
        """
        check_images(image, self.image_shape)
        code = self.encode(image) if code is None else code
        check_pairs(len(code), "codes", len(image))
        predict = self.predictor(code, strength=strength)
        frozen = self.diffusion
        return sampling.ddim_invert(
            predict, frozen.schedule, frozen.to_clean(image), frozen.sampling_steps, progress=progress
        )

    def swap(
        self,
        target: torch.Tensor,
        source: torch.Tensor,
        units: Sequence[int],
        *,
        strength: float = 1.0,
        progress: bool = False,
    ) -> torch.Tensor:
        """Draw the targets with ``units`` of their codes taken from the sources, each from its own inverted x_T.

        ``target`` and ``source`` (batch, channel, y, x) in [0, 1]; so is the result.
        """
        check_pairs(len(source), "sources", len(target))
        code = self.encode(target)
        noise = self.invert(target, code, strength=strength, progress=progress)
        mixed = self.by_unit(code).clone()
        chosen = self.which(units, code.device)
        mixed[:, chosen] = self.by_unit(self.encode(source))[:, chosen]
        return self.decode(mixed.flatten(1), noise=noise, strength=strength, progress=progress)

    def which(self, units: Sequence[int] | None, device: torch.device) -> torch.Tensor:
        """Check indices of units and return them as a tensor (k,); all units for None."""
        count = self.estimator.units
        chosen = list(range(count)) if units is None else check_units(units, count)
        return torch.tensor(chosen, dtype=torch.long, device=device)

    def train(self, mode: bool = True) -> DisDiff:
        """Set the mode of what is trained; averages and the frozen part stay in evaluation mode."""
        super().train(mode)
        self.average.eval()
        self.diffusion.eval()
        return self


def build(config: DisDiffConfig, spec: ImageSpec) -> DisDiff:
    """Build the model that the settings ask for; weights of a pretrained run are loaded by the trainer."""
    return assemble(diffusions.build(config, spec), config, spec)


def assemble(diffusion: Any, config: DisDiffConfig, spec: ImageSpec, *, trunk: bool = False) -> DisDiff:
    """Put an encoder and an estimator on a diffusion model; ``trunk`` gives the estimator feature maps of its own."""
    channels, side, _ = diffusion.latent_shape
    encoder = make_encoder(config.encoder, spec, config.latents * config.unit_size, config.encoder_width)
    estimator = Estimator(
        shape_of(config, channels, side),
        config.latents,
        config.unit_size,
        position=config.position,
        position_size=config.position_size,
        trunk=trunk,
    )
    return DisDiff(diffusion, encoder, estimator, (spec.channels, spec.height, spec.width))
