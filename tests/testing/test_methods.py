from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from distoolkit import registry
from distoolkit.config import knob
from distoolkit.contract import API, Paper, Unit
from distoolkit.testing import ContractError, check_method


def faults_of(method: Any) -> str:
    with pytest.raises(ContractError) as caught:
        check_method(method)
    return str(caught.value)


def test_a_good_method_passes(linear: ModuleType) -> None:
    check_method(linear.METHOD)


def test_an_installed_method_is_found_by_its_name() -> None:
    check_method("vae")


# -- the record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Linear"}, "name 'Linear': give lower-case letters"),
        ({"summary": ""}, "summary '': give one line"),
        ({"summary": "two\nlines"}, "give one line"),
        ({"paper": Paper(title="", authors="x")}, "paper has no title"),
        ({"fidelity": None}, "fidelity is None"),
        ({"api": API + 1}, f"api = {API + 1}: this distoolkit has {API}"),
        (
            {"needs": frozenset({"labels"})},
            "needs ['labels']: the toolkit can give a trainer 'factors' and nothing else",
        ),
        ({"model": "no_such_package:Model"}, "model: PluginError: cannot resolve 'no_such_package:Model'"),
        ({"trainer": "math:no_such_name"}, "trainer: PluginError: cannot resolve"),
        ({"widgets": {"picture": "math:pi"}}, "picture: PluginError: 'math:pi' is float"),
    ],
)
def test_faults_of_the_record(linear: ModuleType, change: dict[str, Any], says: str) -> None:
    assert says in faults_of(dataclasses.replace(linear.METHOD, **change))


def test_all_faults_come_at_once(linear: ModuleType) -> None:
    told = faults_of(dataclasses.replace(linear.METHOD, summary="", fidelity=None, name="A"))
    assert told.startswith("method 'A' breaks the contract (3):")
    assert told.count("\n  - ") == 3


# -- the config


def config_of(**fields: tuple[type, Any]) -> type:
    """Make a config class; a field is its type and its knob."""
    usual: dict[str, tuple[type, Any]] = {
        "latents": (int, knob(3, (1, 16, 1), "size of the code")),
        "steps": (int, knob(6, (1, 100, 1), "steps of training")),
    }
    return dataclasses.make_dataclass("Config", [(n, *tk) for n, tk in {**usual, **fields}.items()], frozen=True)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"beta": (float, knob(1.0, (0.0, 2.0, 0.1)))}, "setting 'beta' has no help"),
        ({"beta": (float, knob(1.0, help="weight"))}, "setting 'beta' has no range"),
        ({"beta": (float, knob(3.0, (0.0, 2.0, 0.1), "weight"))}, "beta = 3.0 is not allowed"),
        ({"beta": (dict, knob(None))}, "config field 'beta' has type"),
    ],
)
def test_faults_of_the_config(linear: ModuleType, fields: dict[str, Any], says: str) -> None:
    config = config_of(**fields)
    assert says in faults_of(dataclasses.replace(linear.METHOD, config=config, quick=config()))


def test_a_config_needs_its_two_settings(linear: ModuleType) -> None:
    config = dataclasses.make_dataclass("Config", [("size", int, knob(3, (1, 9, 1), "size"))], frozen=True)
    told = faults_of(dataclasses.replace(linear.METHOD, config=config, quick=config()))
    assert "no setting 'latents'" in told
    assert "no setting 'steps'" in told


def test_quick_must_be_of_the_configs_class(linear: ModuleType) -> None:
    told = faults_of(dataclasses.replace(linear.METHOD, quick=config_of()()))
    assert "quick is a Config, config is Config: give the same class" in told


# -- the model


def planted(linear: ModuleType, **members: Any) -> Any:
    """Return the method with a model in which some members are others."""
    return dataclasses.replace(linear.METHOD, model=type("Planted", (linear.Linear,), members))


def _plain_attribute(self: Any, config: Any, spec: Any) -> None:
    self._base(config, spec)
    self.offset = torch.zeros(config.latents)


def _hidden_attribute(self: Any, config: Any, spec: Any) -> None:
    self._base(config, spec)
    self.down.kept = {"offsets": torch.zeros(3)}


def _layout(*units: Unit) -> Callable[..., None]:
    def init(self: Any, config: Any, spec: Any) -> None:
        self._base(config, spec)
        self.layout = units

    return init


def _running(self: Any, image: torch.Tensor) -> torch.Tensor:
    code = self.down(image.flatten(1))
    return code - code.mean(0)


MODEL_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "plain attribute": ({"__init__": _plain_attribute}, "offset is a tensor in a plain attribute: keep it by register"),
    "in a part's dict": ({"__init__": _hidden_attribute}, "down.kept is a tensor in a plain attribute"),
    "code of wrong size": ({"encode": lambda s, i: s.down(i.flatten(1))[:, :2]}, "gives 2 entries and the config has"),
    "code of wrong shape": ({"encode": lambda s, i: s.down(i.flatten(1))[0]}, "must give floats of shape (8, latent)"),
    "code of integers": ({"encode": lambda s, i: s.down(i.flatten(1)).long()}, "torch.int64: it must give floats"),
    "code of no tensor": ({"encode": lambda s, i: (s.down(i.flatten(1)), 1)}, "encode() gives tuple"),
    "code is NaN": ({"encode": lambda s, i: s.down(i.flatten(1)) * float("nan")}, "gives NaN or infinity"),
    "code is drawn": ({"encode": lambda s, i: s.down(i.flatten(1)) + torch.rand(3)}, "gives another code each time"),
    "code depends on the batch": ({"encode": _running}, "depends on the other images of its batch"),
    "picture out of range": ({"decode": lambda s, c: s.up(c).unflatten(1, s.shape) + 2}, "they must lie in [0, 1]"),
    "picture of wrong shape": ({"decode": lambda s, c: s.up(c).sigmoid()}, "decode() gives (8, 768): it must give"),
    "posterior is no distribution": ({"posterior": lambda s, i: s.encode(i)}, "posterior() gives Tensor"),
    "posterior of wrong shape": (
        {"posterior": lambda s, i: torch.distributions.Normal(s.encode(i)[:, :1], 1.0)},
        "posterior() has batch shape (8, 1)",
    ),
    "layout too long": (
        {"__init__": _layout(Unit("a", 2), Unit("b", 2))},
        "the layout holds 4 entries, encode() gives 3",
    ),
    "layout repeats": ({"__init__": _layout(Unit("a", 2), Unit("a", 1))}, "unit names of the layout repeat"),
    "forward raises": ({"decode": lambda s, c: s.nothing}, "fails on a batch of images: AttributeError"),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_faults_of_the_model(linear: ModuleType, fault: str) -> None:
    members, says = MODEL_FAULTS[fault]
    assert says in faults_of(planted(linear, _base=linear.Linear.__init__, **members))


def test_units_of_several_entries_are_fine(linear: ModuleType) -> None:
    check_method(planted(linear, _base=linear.Linear.__init__, __init__=_layout(Unit("content", 2), Unit("style"))))


def test_a_model_that_is_no_module_or_cannot_encode(linear: ModuleType) -> None:
    assert "the model is object" in faults_of(dataclasses.replace(linear.METHOD, model=lambda c, s: object()))
    assert "no encode(image)" in faults_of(dataclasses.replace(linear.METHOD, model=lambda c, s: nn.Linear(1, 1)))
    assert "cannot be built" in faults_of(dataclasses.replace(linear.METHOD, model=lambda c: None))


def test_a_model_that_forgets_the_image_spec(linear: ModuleType) -> None:
    def model(config: Any, spec: Any) -> nn.Module:
        built: nn.Module = linear.Linear(config, dataclasses.replace(spec, channels=3, height=16, width=16))
        return built

    told = faults_of(dataclasses.replace(linear.METHOD, model=model))
    assert "built for 32x32x1 images, the model fails: RuntimeError" in told
    assert "raise ConfigError if it cannot take them" in told


# -- training


def _trained(linear: ModuleType, trainer: Callable[..., Iterator[Any]], **change: Any) -> str:
    return faults_of(dataclasses.replace(linear.METHOD, trainer=trainer, **change))


def test_a_trainer_that_raises(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for _ in loop.stage("train", config.steps):
            raise ZeroDivisionError("by my own fault")
            yield {}

    assert "training with the quick settings fails: ZeroDivisionError: by my own fault" in _trained(linear, trainer)


def test_a_trainer_whose_loss_is_nan(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for report in linear.train(model, loop, config):
            yield {"loss": report["loss"] * float("nan")}

    assert "fails: TrainingError: loss = nan at step" in _trained(linear, trainer)


def test_a_trainer_that_reports_nothing(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        yield from ()

    assert "trainer" in _trained(linear, trainer)


def test_a_trainer_that_keeps_its_own_memory_cannot_be_resumed(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        momentum = [torch.zeros_like(p) for p in model.parameters()]  # should be in loop.module
        before = [p.detach().clone() for p in model.parameters()]
        for report in linear.train(model, loop, config):
            with torch.no_grad():
                for m, parameter, old in zip(momentum, model.parameters(), before, strict=True):
                    m.mul_(0.9).add_(parameter - old)
                    parameter.copy_(old + m)
                    old.copy_(parameter)
            yield report

    told = _trained(linear, trainer)
    assert "stopped after step 1 of 12 and resumed, the run ends with other weights" in told
    assert "loop.module" in told


def test_a_trainer_with_an_optimiser_of_its_own_cannot_be_resumed(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        adam = torch.optim.Adam(model.parameters(), lr=1e-2)  # not given to loop.optimizer
        for batch in loop.stage("train", config.steps):
            loss = (model.decode(model.encode(batch["image"])) - batch["image"]).square().mean()
            loop.minimise(loss, adam)
            yield {"loss": loss}

    assert "resumed, the run ends with other weights" in _trained(linear, trainer)


def test_a_trainer_with_a_seed_of_its_own(linear: ModuleType) -> None:
    def model(config: Any, spec: Any) -> Any:
        torch.manual_seed(0)
        return linear.Linear(config, spec)

    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        torch.manual_seed(0)
        adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=1e-3))
        for _ in loop.stage("train", config.steps):
            loss = model.decode(torch.randn(4, config.latents, device=loop.device)).mean()
            loop.minimise(loss, adam)
            yield {"loss": loss}

    assert "seeds 0 and 1 end with the same weights" in _trained(linear, trainer, model=model)


def test_a_result_that_is_not_saved(linear: ModuleType) -> None:
    def init(self: Any, config: Any, spec: Any) -> None:
        self._base(config, spec)
        self.factor = 1.0

    def encode(self: Any, image: torch.Tensor) -> torch.Tensor:
        return linear.Linear.encode(self, image) * self.factor

    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for report in linear.train(model, loop, config):
            model.factor = 2.0
            yield report

    method = planted(linear, _base=linear.Linear.__init__, __init__=init, encode=encode)
    told = faults_of(dataclasses.replace(method, trainer=trainer))
    assert "saved and loaded, the model gives other codes" in told


@pytest.mark.parametrize(
    ("widget", "says"),
    [
        (lambda run, images: None, "widget 'picture' returned None"),
        (lambda run, images: 1 / 0, "widget 'picture' fails on a finished run: ZeroDivisionError"),
    ],
)
def test_faults_of_a_widget(linear: ModuleType, widget: Any, says: str) -> None:
    assert says in faults_of(dataclasses.replace(linear.METHOD, widgets={"picture": widget}))


def test_a_widget_is_given_the_run_and_the_images(linear: ModuleType) -> None:
    seen = []

    def widget(run: Any, images: Any) -> str:
        seen.append((run.status, images.attrs["kind"]))
        return "a picture"

    check_method(dataclasses.replace(linear.METHOD, widgets={"picture": widget}))
    assert seen == [("finished", "images")]


def test_no_fault_is_told_twice(linear: ModuleType) -> None:
    told = faults_of(dataclasses.replace(linear.METHOD, summary="")).splitlines()
    assert len(told) == len(set(told))


def test_nothing_is_left_in_the_working_directory(
    linear: ModuleType, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_method(linear.METHOD)
    assert list(tmp_path.iterdir()) == []


def test_the_kill_points_are_at_the_joints() -> None:
    from distoolkit.testing.methods import _stops

    steps = list(enumerate(itertools.chain("a" * 5, "b" * 5), start=1))
    assert _stops(steps) == [1, 5, 9]
    assert _stops([(1, "a")]) == []


def test_registry_is_left_alone(linear: ModuleType) -> None:
    before = set(registry.methods())
    check_method(linear.METHOD)
    assert set(registry.methods()) == before
