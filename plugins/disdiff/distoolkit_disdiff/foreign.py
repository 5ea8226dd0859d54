"""DisDiff on a diffusion model that was trained elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from distoolkit.contract import ConfigError, Fidelity, ImageSpec, Method
from distoolkit.nn.diffusion.sampling import sampling_times
from distoolkit.nn.diffusion.schedule import Schedule
from distoolkit_disdiff.model import DisDiff, assemble
from distoolkit_disdiff.settings import DisDiffConfig

_TRUNK = "the fields have a contracting half of their own: a foreign network shows no feature maps"
Network = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def around(eps: Network, betas: Any, *, name: str = "disdiff_foreign") -> Method[DisDiffConfig]:
    """Return a method like ``disdiff``, on a diffusion model of yours: ``distoolkit.fit(around(eps, betas), images)``.

    A stranger's network shows no feature maps, so the gradient estimator gets a contracting half of its own, of the
    size that ``width``, ``multipliers``, ``blocks`` and ``attention`` say. A run of this method is opened with
    ``distoolkit.open_run(folder, method=around(eps, betas))``.

    Parameters
    ----------
    eps
        ``(x_t, t) -> predicted noise``: ``x_t`` (batch, channel, y, x), pictures in [-1, 1] with noise; ``t`` (batch,)
        whole numbers in 0 .. T-1. If it is an ``nn.Module``, a copy of it in evaluation mode moves with the model and
        is kept in the run; otherwise it has to see to its device and its mode itself.
    betas
        (T,) the schedule that it was trained with: beta_t, each above 0 and below 1. The settings ``schedule``,
        ``beta_start`` and ``beta_end`` have no say; ``timesteps`` must be T. It is kept in the run, which cannot be
        opened with another.
    name
        Of the method, in the run and in every Dataset that comes from it.
    """
    from distoolkit_disdiff import DISDIFF

    def build(config: DisDiffConfig, spec: ImageSpec) -> DisDiff:
        if config.first_stage != "none" or config.pretrained:
            raise ConfigError(
                f"first_stage = {config.first_stage!r}, pretrained = {config.pretrained!r}: a diffusion model given as "
                "a function works on pixels and is trained already; give first_stage = 'none', pretrained = ''"
            )
        return assemble(Foreign(eps, Schedule(betas), config, spec), config, spec, trunk=True)

    return Method(
        name=name,
        summary="DisDiff on a diffusion model trained elsewhere",
        paper=DISDIFF.paper,
        config=DisDiffConfig,
        quick=DISDIFF.quick,
        model=build,
        trainer=DISDIFF.trainer,
        widgets=DISDIFF.widgets,
        fidelity=Fidelity(source=DISDIFF.fidelity.source, deviations=(*DISDIFF.fidelity.deviations, _TRUNK)),
    )


class Foreign(nn.Module):
    """A frozen noise prediction, in the shape that `distoolkit_disdiff.model.DisDiff` works with.

    Attributes
    ----------
    betas
        (T,) those of the schedule, saved with the weights.
    """

    bounded = True
    betas: torch.Tensor

    def __init__(self, eps: Network, schedule: Schedule, config: DisDiffConfig, spec: ImageSpec) -> None:
        super().__init__()
        if len(schedule) != config.timesteps:
            raise ConfigError(
                f"the schedule given has {len(schedule)} times and timesteps = {config.timesteps}: give timesteps = "
                f"{len(schedule)}"
            )
        sampling_times(schedule, config.sampling_steps)  # refuses more steps than there are times
        self.eps = copy.deepcopy(eps).eval() if isinstance(eps, nn.Module) else eps  # the caller's stays as it is
        self.schedule = schedule
        self.register_buffer("betas", schedule.betas.clone())
        self.sampling_steps = config.sampling_steps
        self.latent_shape = (spec.channels, spec.height, spec.width)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        kept = state_dict.get(f"{prefix}betas")
        if kept is not None and not _alike(kept, self.betas):
            raise ConfigError(
                f"this run was made with betas from {_range(kept)}, and {_range(self.betas)} are given: open it with "
                "the schedule that its diffusion model was trained with"
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def to_clean(self, image: torch.Tensor) -> torch.Tensor:
        """Return x0 of images in [0, 1]."""
        return 2 * image - 1

    def to_picture(self, clean: torch.Tensor, quantise: bool = True) -> torch.Tensor:
        """Return x0: it is a picture."""
        return clean

    def to_image(self, clean: torch.Tensor) -> torch.Tensor:
        """Draw x0 as images in [0, 1]."""
        return ((clean + 1) / 2).clamp(0, 1)

    def look(self, noisy: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """Return eps(x_t, t) and no feature maps."""
        # in a run of another precision a module has been converted with the model, and so have the betas
        given = noisy.to(self.betas.dtype) if isinstance(self.eps, nn.Module) else noisy
        with torch.no_grad():
            noise = self.eps(given, t)
        if not isinstance(noise, torch.Tensor) or noise.shape != noisy.shape:
            found = tuple(noise.shape) if isinstance(noise, torch.Tensor) else type(noise).__name__
            raise ConfigError(
                f"eps(x_t, t) gave {found} for x_t of shape {tuple(noisy.shape)}: it must return the noise, alike"
            )
        return noise.float(), [], t

    def predict(self, noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return eps(x_t, t)."""
        return self.look(noisy, t)[0]

    def start(self, count: int, seed: int = 0) -> torch.Tensor:
        """Return ``count`` draws of x_T."""
        generator = torch.Generator("cpu").manual_seed(seed)
        noise = torch.randn(count, *self.latent_shape, generator=generator, device="cpu")
        return noise.to(self.schedule.betas.device)


def _alike(kept: torch.Tensor, betas: torch.Tensor) -> bool:
    """Compare in the precision of the run that kept them."""
    return kept.shape == betas.shape and torch.allclose(kept, betas.to(kept))


def _range(betas: torch.Tensor) -> str:
    return f"{float(betas[0]):g} to {float(betas[-1]):g} in {len(betas)} steps"
