"""The verbs: `fit` a method, or `start` it and take the steps yourself."""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import torch
import xarray as xr

from distoolkit import config as configs
from distoolkit import registry, schema
from distoolkit.contract import ConfigError, DataError, Encodes, Method, PluginError, Report, TrainingError
from distoolkit.data.batches import Pixels
from distoolkit.runs import Run, spec_of
from distoolkit.training import checkpoint, folders
from distoolkit.training.checkpoint import Checkpoint
from distoolkit.training.devices import compile_forwards, make_fabric, precision_of
from distoolkit.training.foreground import bars, interruptible
from distoolkit.training.history import History
from distoolkit.training.loop import Loop
from distoolkit.training.randomness import RandomState, seed_everything
from distoolkit.training.session import Session

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def fit(
    method: str | Method[Any],
    images: xr.Dataset,
    *,
    seed: int = 0,
    device: str = "auto",
    precision: str = "32-true",
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    quick: bool = False,
    time_limit: float | None = None,
    compile: bool = False,
    checkpoint_every: int = 500,
    log_every: int = 10,
    fabric: Fabric | None = None,
    **config: Any,
) -> Run:
    """Train a method on images.

    Parameters
    ----------
    method
        The name of an installed method (`distoolkit.methods()` lists them), or its record.
    images
        Dataset of kind ``images``, from `distoolkit.load` or `distoolkit.as_images`.
    seed
        Decides the first weights, the order of the images and all noise.
    device
        ``"auto"`` (a GPU if there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    precision
        ``"32-true"``, ``"bf16-mixed"``, ``"16-mixed"``, ``"bf16-true"`` or ``"64-true"``.
    folder
        Where the run goes; ``runs/<method>-<data>-<seed>-<n>`` in the working directory unless given.
    resume
        Go on with the run in ``folder``. Settings that are not given are the run's own; those that are given
        must be the run's, and so must the method, the images, the seed and the precision. A finished run is
        returned as it is; where there is no run yet, one is begun.
    progress
        Show a progress bar for each stage.
    quick
        Start from the method's quick settings, which train in seconds, in place of its defaults.
    time_limit
        Stop after so many seconds of training, after the step that is then running.
    compile
        Compile the model with `torch.compile`: the first steps take long, later ones are faster.
    checkpoint_every
        Steps between two checkpoints, from which a killed run can go on. The first come earlier, after 10, 20,
        40, ... steps.
    log_every
        Steps between two rows of the history.
    fabric
        A Lightning Fabric that was launched, for several devices or machines; ``device`` and ``precision`` are
        then its own. Gradients are averaged over its devices, and ``batch_size`` counts the images of all.
    config
        The method's own settings.

    Returns
    -------
    Run
        Its ``status`` is ``finished``, or ``stopped`` where the time limit ended it.

    Raises
    ------
    UnknownNameError
        No such method or setting; the nearest names are given.
    ConfigError, SchemaError
        A setting outside its range; something that is no Dataset of images.
    DataError
        Images without what the method needs (`Method.needs`).
    RunError
        The folder holds other files or, when resuming, another run: each difference is named.
    TrainingError
        A loss became NaN or infinite (the run is then ``failed`` and keeps its latest good weights), or the
        trainer broke its contract.
    KeyboardInterrupt
        The reader interrupted it. The step was brought to its end and the run is ``stopped``: usable, and
        ready to be resumed. A second interrupt does not wait for the step.
    """
    options = {
        name: value for name, value in locals().items() if name not in ("method", "images", "config", "progress")
    }
    session = start(method, images, **options, **config)
    try:
        with (
            interruptible(session) as interrupts,
            bars(shown=progress and session.leads) as show,
            session.own_randomness(),
        ):
            for done in session:
                show(done)
    finally:  # an interrupt may come between two steps
        run = session.finish()
    if interrupts:
        raise KeyboardInterrupt(
            f"{run!r}: open_run() opens it, fit(..., folder={str(run.folder)!r}, resume=True) goes on"
        )
    return run


def start(
    method: str | Method[Any],
    images: xr.Dataset,
    *,
    seed: int = 0,
    device: str = "auto",
    precision: str = "32-true",
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    quick: bool = False,
    time_limit: float | None = None,
    compile: bool = False,
    checkpoint_every: int = 500,
    log_every: int = 10,
    fabric: Fabric | None = None,
    **config: Any,
) -> Session:
    """Begin (or resume) a run and take no step yet: iterate over the session to train it.

    >>> session = start("beta_vae", images, steps=2000)
    >>> for progress in session:
    ...     if progress.step == 500:
    ...         session.stop()
    >>> run = session.finish()

    Parameters and errors are those of `fit`.
    """
    _check_options(checkpoint_every, log_every, time_limit)
    schema.check(images, "images")
    record = _method(method)
    old = folders.existing(folder, record) if resume else None
    settings = _settings(record, old, quick, config)
    fabric = fabric or make_fabric(device, precision)
    if old:
        folders.check_same(old, images, settings, seed, precision_of(fabric))
        if old.status == "finished":
            (old.folder / checkpoint.FILE).unlink(missing_ok=True)  # a kill may have come before its removal
            return Session(old, None, None, History(log_every))
    saved = checkpoint.read(old.folder) if old else None
    history = History(log_every, None if fabric.world_size == 1 else fabric.all_reduce)
    if saved:
        history.unpack(saved.part("history"), saved.record["history"])
    outside = RandomState.now(fabric.device)
    try:
        loop, reports = _prepare(record, images, settings, seed, fabric, saved, compile)
        random = RandomState.now(fabric.device)
    finally:
        outside.apply(fabric.device)
    run, release = folders.begin(old, folder, record, settings, images, seed, fabric)
    return Session(
        run,
        loop,
        reports,
        history,
        random=random,
        seconds=saved.record["seconds"] if saved else 0.0,
        time_limit=time_limit,
        checkpoint_every=checkpoint_every,
        release=release,
    )


def rehearse(
    method: str | Method[Any],
    images: xr.Dataset,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    precision: str = "32-true",
    quick: bool = True,
    **config: Any,
) -> Iterator[Report]:
    """Let a trainer take its steps and yield its reports as they are: no run folder, nothing read back or saved.

    This is what a test of a method uses. It also runs on devices that hold no data, such as ``"meta"``: batches
    and weights are there, shapes and devices are checked by torch, and no value is ever looked at. The trainer
    draws from torch's global generator, which is seeded here.
    """
    record = _method(method)
    schema.check(images, "images")
    settings = _settings(record, None, quick, config)
    loop, reports = _prepare(record, images, settings, seed, make_fabric(device, precision), None, False)
    while (report := loop.advance(reports)) is not None:
        loop.reported()
        yield report
    loop.check_end()


def _method(method: str | Method[Any]) -> Method[Any]:
    record = registry.find("methods", method) if isinstance(method, str) else method
    if not isinstance(record, Method):
        raise PluginError(f"{method!r} is no method: give the name of an installed one, or a Method record")
    clash = {s.name for s in configs.settings(record.config)} & set(inspect.signature(fit).parameters)
    if clash:
        raise PluginError(f"method {record.name!r} has settings that fit() needs for itself: rename {sorted(clash)}")
    return record


def _settings(method: Method[Any], old: Run | None, quick: bool, changes: dict[str, Any]) -> Any:
    base = old.config if old and not quick else method.quick if quick else method.config
    complete = getattr(method.config, "completed", dict)
    return configs.configure(base, **complete(changes))


def _prepare(
    method: Method[Any],
    images: xr.Dataset,
    settings: Any,
    seed: int,
    fabric: Fabric,
    saved: Checkpoint | None,
    compile: bool,
) -> tuple[Loop, Generator[Report, None, None]]:
    """Build the model and its trainer, from the seed alone."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed = {seed!r} is not allowed: give a whole number from 0")
    factors = _factors(method, images)
    pixels = Pixels(images, fabric.device)
    spec = spec_of(images)
    seed_everything(seed)
    model = registry.resolve(method.model)(settings, spec)
    if not isinstance(model, torch.nn.Module) or not isinstance(model, Encodes):
        raise TrainingError(
            f"the model of {method.name!r} is {type(model).__name__}; it must be a torch.nn.Module with "
            "encode(image) -> code (the protocol distoolkit.contract.Encodes)"
        )
    loop = Loop(model, pixels, config=settings, spec=spec, seed=seed, fabric=fabric, saved=saved, factors=factors)
    if compile:
        compile_forwards(loop.model)
    loop.model.train()
    reports = registry.resolve(method.trainer)(loop.model, loop, settings)
    if not isinstance(reports, Generator):
        raise TrainingError(
            f"the trainer of {method.name!r} returned {type(reports).__name__}; write it as a generator that "
            "yields one report for every batch"
        )
    return loop, reports


def _factors(method: Method[Any], images: xr.Dataset) -> torch.Tensor | None:
    """Return the factors that a method needs: (sample, factor). One that does not say so is given none."""
    if "factors" not in method.needs:
        return None
    if "factors" not in images:
        raise DataError(
            f"{method.name} needs images with true factors, and these have none: load a labelled data set "
            "(`distoolkit datasets` lists their factors), or give as_images(..., factors=...)"
        )
    return torch.from_numpy(images["factors"].values.astype("int64"))


def _check_options(checkpoint_every: int, log_every: int, time_limit: float | None) -> None:
    for name, value in (("checkpoint_every", checkpoint_every), ("log_every", log_every)):
        if value < 1:
            raise ConfigError(f"{name} = {value!r} is not allowed: give a number of steps from 1")
    if time_limit is not None and not time_limit > 0:
        raise ConfigError(f"time_limit = {time_limit!r} is not allowed: give seconds, more than 0")
