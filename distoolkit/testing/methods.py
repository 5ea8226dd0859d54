"""`check_method`: everything that the toolkit expects of a method, tried out on images of a few pixels."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from distoolkit import config as configs
from distoolkit import registry
from distoolkit.contract import API, ConfigError, Decodes, Encodes, Fidelity, HasPosterior, ImageSpec, Method, Paper
from distoolkit.data.batches import Pixels
from distoolkit.runs import Run, open_run, spec_of
from distoolkit.testing.data import tiny_images
from distoolkit.testing.devices import device_faults
from distoolkit.testing.faults import one_line, raise_all
from distoolkit.training import start

_STEPS = 8  # of the stage that `steps` governs: the checks look at the plumbing, not at what is learnt
_STOPS = 4  # kill points that are tried


def check_method(method: str | Method[Any], images: xr.Dataset | None = None) -> None:
    """Check one method against the contract: the test that every plugin should have.

    Trains the method's quick settings (with few steps) several times, so it takes seconds.

    Parameters
    ----------
    method
        Its name, or its record.
    images
        What to train on; `tiny_images` (96 colour images of 16x16) unless given. Give ``tiny_images(32)`` to a
        method that needs more pixels.

    Raises
    ------
    ContractError
        Lists every fault found, in plain words.
    """
    record = registry.find("methods", method) if isinstance(method, str) else method
    images = tiny_images() if images is None else images
    raise_all(f"method {record.name!r}", method_faults(record, images))


def method_faults(method: Method[Any], images: xr.Dataset) -> Iterator[str]:
    """Yield the faults one after another; a check whose ground is missing is left out."""
    faults = [*record_faults(method), *config_faults(method)]
    yield from faults
    if faults:
        return
    try:
        model = registry.resolve(method.model)(method.quick, spec_of(images))
    except Exception as error:
        yield f"the model cannot be built from the quick settings for {spec_of(images)} images: {one_line(error)}"
        return
    faults = list(model_faults(model, method, images))
    yield from faults
    if not isinstance(model, torch.nn.Module) or not isinstance(model, Encodes):
        return
    yield from other_size_faults(method, images)
    with tempfile.TemporaryDirectory() as folder:
        yield from training_faults(method, images, Path(folder))
    yield from device_faults(method, images, **few_steps(method))


def record_faults(method: Method[Any]) -> Iterator[str]:
    """Check what the record says of itself and that its references lead somewhere."""
    if not method.name.isidentifier() or method.name != method.name.lower():
        yield f"name {method.name!r}: give lower-case letters, digits and underscores, like 'factor_vae'"
    if not method.summary.strip() or "\n" in method.summary:
        yield f"summary {method.summary!r}: give one line"
    if not isinstance(method.paper, Paper) or not method.paper.title:
        yield "paper has no title (a method of your own: give the name of your project)"
    if not isinstance(method.fidelity, Fidelity):
        yield f"fidelity is {method.fidelity!r}: give Fidelity(source=..., deviations=(...))"
    elif method.fidelity.source not in ("paper", "code", "reconstruction", "none"):
        yield f"fidelity source {method.fidelity.source!r}: give 'paper', 'code', 'reconstruction' or 'none'"
    if odd := sorted(method.needs - {"factors"}):
        yield f"needs {odd}: the toolkit can give a trainer 'factors' and nothing else"
    if method.api > API:
        yield f"api = {method.api}: this distoolkit has {API}"
    for what, ref in (("model", method.model), ("trainer", method.trainer), *method.widgets.items()):
        try:
            registry.resolve(ref)
        except Exception as error:  # whatever a module may raise as it is imported
            yield f"{what}: {one_line(error)}"


def config_faults(method: Method[Any]) -> Iterator[str]:
    """Check that every setting can become a form field, a flag and JSON, and that the defaults are allowed."""
    if not isinstance(method.config, type) or not configs.is_config(method.quick):
        yield "config must be a frozen dataclass and quick an instance of it"
        return
    if type(method.quick) is not method.config:
        yield f"quick is a {type(method.quick).__name__}, config is {method.config.__name__}: give the same class"
        return
    try:
        found = configs.settings(method.config)
        for config in (method.config(), method.quick):
            configs.configure(config)
    except ConfigError as error:
        yield str(error)
        return
    names = {setting.name for setting in found}
    yield from (f"config has no setting {name!r}" for name in ("latents", "steps") if name not in names)
    for setting in found:
        if not setting.help:
            yield f"setting {setting.name!r} has no help: knob(default, (low, high, step), 'one line')"
        if setting.kind in (int, float) and setting.low is None:
            yield f"setting {setting.name!r} has no range: knob(default, (low, high, step), 'one line')"


def model_faults(model: Any, method: Method[Any], images: xr.Dataset) -> Iterator[str]:
    """Check what the model computes: shapes, types, ranges, and that codes depend on their image alone."""
    if not isinstance(model, torch.nn.Module):
        yield f"the model is {type(model).__name__}: it must be a torch.nn.Module"
        return
    yield from plain_tensors(model)
    if not isinstance(model, Encodes):
        yield "the model has no encode(image) -> code"
        return
    model.eval()
    image = _batch(images)
    with torch.no_grad():
        try:
            code = model.encode(image)
            faults = list(_code_faults(model, code, image, method.quick.latents))
            yield from faults
            if faults:
                return
            if isinstance(model, Decodes):
                yield from _drawing_faults(model.decode(code), image)
            if isinstance(model, HasPosterior):
                yield from _posterior_faults(model.posterior(image), code)
        except Exception as error:
            yield f"the untrained model fails on a batch of images: {one_line(error)}"


def _code_faults(model: Any, code: Any, image: torch.Tensor, latents: int) -> Iterator[str]:
    count = len(image)
    if not isinstance(code, torch.Tensor) or code.dim() != 2 or len(code) != count or not code.is_floating_point():
        shape = f"{tuple(code.shape)} {code.dtype}" if isinstance(code, torch.Tensor) else type(code).__name__
        yield f"encode() gives {shape}: it must give floats of shape ({count}, latent)"
        return
    layout = getattr(model, "layout", None)
    if layout is None and code.shape[1] != latents:
        yield (
            f"encode() gives {code.shape[1]} entries and the config has latents = {latents}: make them equal, or name "
            "the units by an attribute `layout: tuple[Unit, ...]`"
        )
    if layout is not None:
        if sum(unit.size for unit in layout) != code.shape[1]:
            yield f"the layout holds {sum(u.size for u in layout)} entries, encode() gives {code.shape[1]}"
        if len({unit.name for unit in layout}) != len(layout):
            yield f"unit names of the layout repeat: {[unit.name for unit in layout]}"
    if not bool(code.isfinite().all()):
        yield "encode() of the untrained model gives NaN or infinity"
    elif not torch.equal(model.encode(image), code):
        yield "encode() gives another code each time: it must give the mean; put the draw into posterior()"
    elif not torch.allclose(model.encode(image[:1]), code[:1], rtol=1e-3, atol=1e-5):
        yield "the code of an image depends on the other images of its batch in evaluation mode"


def _drawing_faults(drawn: torch.Tensor, image: torch.Tensor) -> Iterator[str]:
    if drawn.shape != image.shape:
        yield f"decode() gives {tuple(drawn.shape)}: it must give {tuple(image.shape)} (batch, channel, y, x)"
    elif not bool(((drawn >= 0) & (drawn <= 1)).all()):
        yield f"decode() gives values from {float(drawn.min()):g} to {float(drawn.max()):g}: they must lie in [0, 1]"


def _posterior_faults(q: Any, code: torch.Tensor) -> Iterator[str]:
    if not isinstance(q, torch.distributions.Distribution):
        yield f"posterior() gives {type(q).__name__}: it must give a torch.distributions.Distribution"
    elif tuple(q.batch_shape) not in (tuple(code.shape[:1]), tuple(code.shape)):
        yield f"posterior() has batch shape {tuple(q.batch_shape)}: it must be (batch,) or (batch, latent)"
    elif q.mean.shape != code.shape:
        yield f"the mean of posterior() has shape {tuple(q.mean.shape)}, encode() gives {tuple(code.shape)}"


def plain_tensors(model: torch.nn.Module) -> Iterator[str]:
    """Find tensors that ``.to(device)`` and saving would leave behind: plain attributes, alone or in containers."""
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            if any(isinstance(part, torch.Tensor) for part in parts):
                where = f"{path}.{name}" if path else name
                yield f"{where} is a tensor in a plain attribute: keep it by register_buffer({name!r}, ...)"


def other_size_faults(method: Method[Any], images: xr.Dataset) -> Iterator[str]:
    """Build the model for grey images of twice the size: it works or says in plain words that it cannot."""
    spec = spec_of(images)
    other = ImageSpec(4 - spec.channels, 2 * spec.height, 2 * spec.width, spec.count)
    image = torch.rand(2, other.channels, other.height, other.width)
    try:
        model = registry.resolve(method.model)(method.quick, other).eval()
        with torch.no_grad():
            code = model.encode(image)
            if isinstance(model, Decodes):
                yield from (f"on {other} images, {fault}" for fault in _drawing_faults(model.decode(code), image))
    except ConfigError:
        return  # refused, with what is allowed
    except Exception as error:
        yield f"built for {other} images, the model fails: {one_line(error)}; raise ConfigError if it cannot take them"


def training_faults(method: Method[Any], images: xr.Dataset, folder: Path) -> Iterator[str]:
    """Train, save, load, stop and resume; the results must agree bit for bit."""
    try:
        session = _session(method, images, folder / "whole")
        progress = list(session)
        run = session.finish()
    except Exception as error:
        yield f"training with the quick settings fails: {one_line(error)}"
        return
    if not progress:
        yield "the trainer yields no report"
        return
    trained = _weights(run)
    yield from _reload_faults(session.model.eval(), run, images)
    yield from _seed_faults(method, images, folder, session.model, trained)
    for stop in _stops([(p.step, p.stage) for p in progress]):
        try:
            if not _same(trained, _weights(_resumed(method, images, folder / f"stopped-{stop}", stop))):
                yield (
                    f"stopped after step {stop} of {len(progress)} and resumed, the run ends with other weights: keep "
                    "what must survive in the model, or in loop.module, loop.optimizer or loop.state"
                )
        except Exception as error:
            yield f"stopped after step {stop} of {len(progress)}, the run cannot be resumed: {one_line(error)}"
    yield from _widget_faults(method, run, images)


def few_steps(method: Method[Any]) -> dict[str, Any]:
    """Return the change that makes the quick settings quicker still."""
    (steps,) = (s for s in configs.settings(method.config) if s.name == "steps")
    return {"steps": int(max(steps.low or 1, min(method.quick.steps, _STEPS)))}


def _session(method: Method[Any], images: xr.Dataset, folder: Path, **options: Any) -> Any:
    options = {"device": "cpu", "quick": True, "log_every": 1, **few_steps(method), **options}
    return start(method, images, folder=folder, **options)


def _reload_faults(model: torch.nn.Module, run: Run, images: xr.Dataset) -> Iterator[str]:
    image = _batch(images)
    try:
        loaded: Any = open_run(run.folder, run.method).model()
    except Exception as error:
        yield f"the saved run cannot be opened again: {one_line(error)}"
        return
    with torch.no_grad():
        before, after = model.encode(image), loaded.encode(image)  # type: ignore[operator]
        if not torch.equal(before, after):
            yield "saved and loaded, the model gives other codes: keep its results as parameters or persistent buffers"
        if not bool(before.isfinite().all()):
            yield "encode() of the trained model gives NaN or infinity"
        elif isinstance(loaded, Decodes):
            yield from (f"trained, {fault}" for fault in _drawing_faults(loaded.decode(after), image))


def _seed_faults(
    method: Method[Any], images: xr.Dataset, folder: Path, model: torch.nn.Module, trained: dict[str, torch.Tensor]
) -> Iterator[str]:
    if not any(True for _ in model.parameters()):
        return  # closed form: the result may be the same whatever the seed
    other = _session(method, images, folder / "seed", seed=1)
    list(other)
    if _same(trained, _weights(other.finish())):
        yield "seeds 0 and 1 end with the same weights: do not seed any generator yourself"


def _stops(steps: list[tuple[int, str]]) -> list[int]:
    """Choose where to stop: after the first step, at the ends of stages, halfway, and just before the end."""
    total = len(steps)
    ends = [step for (step, stage), (_, later) in itertools.pairwise(steps) if stage != later]
    wanted = [s for s in (1, *ends, total // 2, total - 1) if 0 < s < total]
    return list(dict.fromkeys(wanted))[:_STOPS]


def _resumed(method: Method[Any], images: xr.Dataset, folder: Path, stop: int) -> Run:
    session = _session(method, images, folder)
    for progress in session:
        if progress.step == stop:
            session.stop()
    session.finish()
    rest = _session(method, images, folder, resume=True)
    list(rest)
    run: Run = rest.finish()
    return run


def _widget_faults(method: Method[Any], run: Run, images: xr.Dataset) -> Iterator[str]:
    for name, ref in method.widgets.items():
        try:
            if registry.resolve(ref)(run, images) is None:
                yield f"widget {name!r} returned None: it must return something to display"
        except Exception as error:
            yield f"widget {name!r} fails on a finished run: {one_line(error)}"


def _weights(run: Run) -> dict[str, torch.Tensor]:
    return dict(run.model().state_dict())


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _batch(images: xr.Dataset, count: int = 8) -> torch.Tensor:
    pixels = Pixels(images.isel(sample=slice(count)), torch.device("cpu"), resident=False)
    return pixels.batch(torch.arange(len(pixels)))["image"]
