"""Building on a run that is there: check that it fits, take its weights, and tell whether they stay as they are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion import settings as shared
from distoolkit.runs import Run, open_finished, open_run
from distoolkit_disdiff import settings

if TYPE_CHECKING:
    from distoolkit.nn.diffusion.autoencoder import Autoencoder
    from distoolkit_disdiff.diffusion import Diffusion

# what may differ between a run and the one that builds on it: it changes no weight's shape or meaning
_FREE = {
    "batch_size",
    "autoencoder",
    "autoencoder_steps",
    "autoencoder_lr",
    "kl_weight",
    "sampling_steps",
    "frozen_bf16",
}
_AUTOENCODER = [f.name for f in dataclasses.fields(shared.FirstStage) if f.name not in _FREE]
_DIFFUSION = [f.name for f in dataclasses.fields(shared.Diffusion) if f.name not in _FREE]
# the settings that name a run below: of which methods it may be, and what it settles
_BELOW = {"pretrained": (("ddpm", "disdiff"), _DIFFUSION), "autoencoder": (("latent_autoencoder",), _AUTOENCODER)}


def on_top_of(run: Run | str | os.PathLike[str], **changes: Any) -> dict[str, Any]:
    """Return the settings that build on a finished run: its folder, and the networks and schedule that it was trained
    with.

    ``distoolkit.fit("disdiff", images, **on_top_of(run, latents=8))``.

    Parameters
    ----------
    run
        A run of ``ddpm`` (for ``disdiff``), of ``disdiff`` (its diffusion model is used again), or of
        ``latent_autoencoder`` (for ``ddpm``); or its folder.
    changes
        Further settings, put on top.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if run.method.name == "latent_autoencoder":
        return _networks(run.config, _AUTOENCODER) | {"autoencoder": str(run.folder)} | changes
    if run.method.name in ("ddpm", "disdiff"):
        return _networks(run.config, _DIFFUSION) | {"pretrained": str(run.folder)} | changes
    raise ConfigError(f"nothing builds on {run!r}: give a run of ddpm, disdiff or latent_autoencoder")


def fill_in(changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the networks and schedule of the run that they build on, where they say nothing of these.

    A run, or its folder as a path, becomes the folder's name. Of ``pretrained`` and ``autoencoder`` the first counts.

    Raises
    ------
    ConfigError, RunError
        As in `load_diffusion`.
    """
    for field, (_, names) in _BELOW.items():
        below = changes.get(field)
        if isinstance(below, Run | str | os.PathLike) and below != "":
            folder = str(below.folder if isinstance(below, Run) else below)
            if not {*names, "latent_channels"} <= changes.keys():
                changes = _networks(_open(folder, field).config, names) | changes
            return {**changes, field: folder}
    return changes


def load_diffusion(model: Diffusion, config: shared.Diffusion, spec: ImageSpec) -> None:
    """Take the weights of the run that ``config.pretrained`` names.

    Raises
    ------
    ConfigError
        The run is of another method or image size, or has other networks or another schedule.
    RunError
        There is no run, or it has no weights.
    """
    folder = getattr(config, "pretrained", "")
    run = _open(folder, "pretrained")
    _check(run, "pretrained", config, spec)
    found = run.model()
    model.load_state_dict(getattr(found, "diffusion", found).state_dict())


def load_autoencoder(model: Autoencoder, config: shared.Diffusion, spec: ImageSpec) -> None:
    """Take the weights of the run that ``config.autoencoder`` names; errors as in `load_diffusion`."""
    run = _open(config.autoencoder, "autoencoder")
    _check(run, "autoencoder", config, spec)
    model.load_state_dict(run.model().state_dict())


def _networks(config: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return the settings that two runs must share, by the names that the upper one gives them."""
    found = {name: getattr(config, name) for name in names}
    if isinstance(config, settings.AutoencoderConfig):
        found["latent_channels"] = config.latents
    else:
        found["latent_channels"] = config.latent_channels
    return found


def _open(folder: str, field: str) -> Run:
    run, methods = open_finished(folder, field), _BELOW[field][0]
    if run.method.name not in methods:
        raise ConfigError(f"{field} = {folder!r} is a run of {run.method.name!r}: give one of {' or '.join(methods)}")
    return run


def _check(run: Run, field: str, config: Any, spec: ImageSpec) -> None:
    names = _BELOW[field][1]
    theirs, ours = run.spec, spec
    if (theirs.channels, theirs.height, theirs.width) != (ours.channels, ours.height, ours.width):
        raise ConfigError(
            f"{field} = {str(run.folder)!r} was trained on images of {theirs}, and these are {ours}: resize these, or "
            "give a run on images of their size"
        )
    there, here = _networks(run.config, names), _networks(config, names)
    wrong = [n for n in there if there[n] != here[n]]
    if wrong:
        differences = ", ".join(f"{n} = {there[n]!r} there, {here[n]!r} here" for n in wrong)
        fix = ", ".join(f"{n}={there[n]!r}" for n in wrong)
        raise ConfigError(
            f"{field} = {str(run.folder)!r} has other networks or another schedule ({differences}): give {fix}, or all "
            "at once with fit(..., **distoolkit_disdiff.on_top_of(run))"
        )
