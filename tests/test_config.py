from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from distoolkit.config import Setting, as_json, configure, is_config, knob, settings, unknown
from distoolkit.contract import ConfigError, UnknownNameError


@dataclasses.dataclass(frozen=True)
class Config:
    latents: int = knob(10, (1, 128, 1), "size of the code")
    beta: float = knob(4.0, (0.0, 1000.0, 0.1), "weight of the KL term")
    activation: str = knob("relu", ("relu", "elu"), "non-linearity")
    tag: str = knob("", help="free text")
    whiten: bool = knob(False, help="unit variance")
    widths: tuple[int, ...] = knob((32, 64), (1, 512, 1), "channels")


def test_settings_hold_all_that_a_form_needs() -> None:
    latents, beta, activation, tag, whiten, widths = settings(Config)
    assert latents == Setting("latents", int, 10, "size of the code", 1, 128, 1)
    assert beta == Setting("beta", float, 4.0, "weight of the KL term", 0.0, 1000.0, 0.1)
    assert activation == Setting("activation", str, "relu", "non-linearity", choices=("relu", "elu"))
    assert tag == Setting("tag", str, "", "free text")
    assert whiten == Setting("whiten", bool, False, "unit variance")
    assert widths == Setting("widths", tuple, (32, 64), "channels", 1, 512, 1)
    assert settings(Config()) == settings(Config)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("latents", np.int64(7), 7),
        ("latents", 128, 128),
        ("beta", 1, 1.0),
        ("beta", np.float32(0.5), 0.5),
        ("beta", 0, 0.0),
        ("whiten", np.bool_(True), True),
        ("activation", "elu", "elu"),
        ("tag", "anything at all", "anything at all"),
        ("widths", [8, np.int32(16)], (8, 16)),
        ("widths", (), ()),
    ],
)
def test_good_values_end_in_the_settings_own_type(name: str, given: Any, kept: Any) -> None:
    value = getattr(configure(Config, **{name: given}), name)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("latents", 0, r"latents = 0 is not allowed: give a whole number from 1 to 128 \(size of the code\)"),
        ("latents", 129, "latents = 129 .* from 1 to 128"),
        ("latents", 3.0, "latents = 3.0 .*a whole number from 1 to 128"),
        ("latents", True, "latents = True .*a whole number"),
        ("latents", "3", "latents = '3' .*a whole number"),
        ("latents", None, "latents = None"),
        ("beta", float("nan"), "beta = nan .*a finite number from 0 to 1000"),
        ("beta", float("inf"), "beta = inf .*a finite number"),
        ("beta", "4", "beta = '4' .*a finite number"),
        ("beta", -0.1, "beta = -0.1 .*from 0 to 1000"),
        ("beta", True, "beta = True"),
        ("activation", "gelu", "activation = 'gelu' .*give 'relu' or 'elu'"),
        ("activation", 3, "activation = 3"),
        ("tag", 3, r"tag = 3 is not allowed: give a string \(free text\)"),
        ("whiten", 1, "whiten = 1 .*True or False"),
        ("whiten", "yes", "whiten = 'yes' .*True or False"),
        ("widths", 32, "widths = 32 .*a sequence of whole numbers"),
        ("widths", "32", "widths = '32' .*a sequence of whole numbers"),
        ("widths", {1: 2}, "widths = .*a sequence of whole numbers"),
        ("widths", (32, 0.5), "widths = .*a sequence of whole numbers"),
        ("widths", (32, 513), "widths = .*from 1 to 512"),
    ],
)
def test_bad_values_are_refused_with_what_is_allowed(name: str, given: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        configure(Config, **{name: given})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"latents = 0.*; beta = -1.*; activation = 'x'"):
        configure(Config, latents=0, beta=-1, activation="x")


def test_an_unknown_setting_is_named_with_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no setting 'latent'; did you mean 'latents'.*\? available: activation, beta"
    ):
        configure(Config, latent=3)


def test_changes_go_on_top_of_an_instance() -> None:
    changed = configure(Config(latents=5), beta=2.0)
    assert (changed.latents, changed.beta) == (5, 2.0)


def test_an_instance_with_a_bad_value_is_refused_too() -> None:
    with pytest.raises(ConfigError, match="latents = -3"):
        configure(Config(latents=-3))


def test_json_brings_every_value_back() -> None:
    config = Config(latents=3, beta=0.1, activation="elu", tag="ä", whiten=True, widths=(1, 2))
    assert configure(Config, **json.loads(json.dumps(as_json(config)))) == config


def test_a_field_without_default_or_of_another_type_is_refused() -> None:
    @dataclasses.dataclass(frozen=True)
    class NoDefault:
        latents: int

    @dataclasses.dataclass(frozen=True)
    class Odd:
        settings: dict = dataclasses.field(default_factory=dict)  # type: ignore[type-arg]

    with pytest.raises(ConfigError, match="'latents' has no default; every field needs one"):
        settings(NoDefault)
    with pytest.raises(ConfigError, match=r"'settings' has type .*dict.*; allowed are int, float"):
        settings(Odd)


def test_a_plain_dataclass_field_works_without_a_range() -> None:
    @dataclasses.dataclass(frozen=True)
    class Plain:
        latents: int = 4

    assert configure(Plain, latents=10**9).latents == 10**9


def test_only_frozen_dataclass_instances_are_configs() -> None:
    @dataclasses.dataclass
    class Soft:
        latents: int = 1

    assert is_config(Config())
    assert not is_config(Config)
    assert not is_config(Soft())
    assert not is_config({"latents": 1})


@pytest.mark.parametrize(
    ("name", "known", "says"),
    [
        (
            "factorvea",
            ["factor_vae", "pca"],
            "no method 'factorvea'; did you mean 'factor_vae'? available: factor_vae, pca",
        ),
        ("zzz", ["pca"], "no method 'zzz'; available: pca"),
        ("zzz", [], "no method 'zzz'; available: none"),
    ],
)
def test_an_unknown_name_is_worded_the_same_everywhere(name: str, known: list[str], says: str) -> None:
    assert unknown("method", name, known) == says
