"""Building on a first stage that is there."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion.autoencoder import Autoencoder
from distoolkit.nn.diffusion.settings import Diffusion, FirstStage
from distoolkit.runs import Run, open_finished, open_run

# what may differ between two runs with one first stage: it changes no weight's shape or meaning
_FREE = {"batch_size", "kl_weight"}
_SHARED = [f.name for f in dataclasses.fields(FirstStage) if f.name not in _FREE]


def on_top_of(run: Run | str | os.PathLike[str], **changes: Any) -> dict[str, Any]:
    """Return the settings that build on the first stage of a finished run: its folder and its networks.

    ``distoolkit.fit("encdiff", images, **on_top_of(run, latents=10))``.

    Parameters
    ----------
    run
        A run of ``latent_autoencoder`` (of the plugin distoolkit-disdiff), or of ``encdiff`` with a first stage; or its
        folder.
    changes
        Further settings, put on top.

    Raises
    ------
    ConfigError
        The run has no first stage.
    """
    run = run if isinstance(run, Run) else open_run(run)
    return _networks(run) | {"autoencoder": str(run.folder)} | changes


def fill_in(changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the networks of the first stage that ``autoencoder`` names (or is), where none are given.

    A run, or its folder as a path, becomes the folder's name.

    Raises
    ------
    ConfigError, RunError
        As in `load_first_stage`.
    """
    below = changes.get("autoencoder")
    if not isinstance(below, Run | str | os.PathLike) or below == "":
        return changes
    folder = str(below.folder if isinstance(below, Run) else below)
    if not {*_SHARED, "latent_channels"} <= changes.keys():
        changes = _networks(open_finished(folder, "autoencoder")) | changes
    return {**changes, "autoencoder": folder}


def load_first_stage(model: Autoencoder, config: Diffusion, spec: ImageSpec) -> None:
    """Take the weights of the first stage of the run that ``config.autoencoder`` names.

    Raises
    ------
    ConfigError
        The run has no first stage, one of other networks, or one for images of another size.
    RunError
        There is no run, or it has no weights.
    """
    run = open_finished(config.autoencoder, "autoencoder")
    there, theirs = _networks(run), run.spec
    if (theirs.channels, theirs.height, theirs.width) != (spec.channels, spec.height, spec.width):
        raise ConfigError(
            f"autoencoder = {config.autoencoder!r} was trained on images of {theirs}, and these are {spec}: resize "
            "these, or give a run on images of their size"
        )
    if wrong := [name for name, value in there.items() if getattr(config, name) != value]:
        differences = ", ".join(f"{n} = {there[n]!r} there, {getattr(config, n)!r} here" for n in wrong)
        raise ConfigError(
            f"autoencoder = {config.autoencoder!r} has other networks ({differences}): give "
            f"{', '.join(f'{n}={there[n]!r}' for n in wrong)}, or all at once with "
            "fit(..., **distoolkit_encdiff.on_top_of(run))"
        )
    found: Any = run.model()
    model.load_state_dict((found.space.first if run.method.name == "encdiff" else found).state_dict())


def _networks(run: Run) -> dict[str, Any]:
    """Return the settings of a run's first stage, by the names that ``encdiff`` gives them."""
    if run.method.name == "latent_autoencoder":
        channels = run.config.latents
    elif run.method.name == "encdiff" and run.config.first_stage != "none":
        channels = run.config.latent_channels
    else:
        raise ConfigError(f"{run!r} has no first stage: give a run of latent_autoencoder, or of encdiff with one")
    return {**{name: getattr(run.config, name) for name in _SHARED}, "latent_channels": channels}
