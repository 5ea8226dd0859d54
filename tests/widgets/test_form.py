"""The form: one control for each setting, nothing that is typed is lost, and faults are in plain words."""

from __future__ import annotations

import dataclasses

import ipywidgets as w
import pytest

from distoolkit.config import knob
from distoolkit.contract import ConfigError, Fidelity, Method, Paper, UnknownNameError
from distoolkit.widgets import config_form


@dataclasses.dataclass(frozen=True)
class Config:
    latents: int = knob(10, (1, 64, 1), "size of the <code>")
    steps: int = knob(5_000, (1, 1_000_000, 100), "length of training")
    beta: float = knob(4.0, (0.0, 100.0, 0.5), "weight")
    bias: bool = knob(True, (), "whether to add one")
    activation: str = knob("relu", ("relu", "elu"), "non-linearity")
    comment: str = knob("", (), "free text")
    widths: tuple[int, ...] = knob((32, 64), (1, 512, 1), "channels of each layer")


METHOD = Method(
    name="toy",
    summary="a toy",
    paper=Paper(title="", authors=""),
    config=Config,
    quick=Config(latents=4, steps=10, widths=(8,)),
    model=lambda config, spec: None,
    trainer=lambda model, loop, config: iter(()),
    fidelity=Fidelity(source="none"),
)


def test_each_kind_of_setting_gets_its_control() -> None:
    fields = config_form(METHOD).fields
    kinds = {name: type(field) for name, field in fields.items()}
    assert kinds == {
        "latents": w.IntSlider,
        "steps": w.IntText,  # a slider could not hit one of a million values
        "beta": w.FloatText,
        "bias": w.Checkbox,
        "activation": w.Dropdown,
        "comment": w.Text,
        "widths": w.Text,
    }
    assert (fields["latents"].min, fields["latents"].max, fields["latents"].tooltip) == (1, 64, "size of the <code>")
    assert fields["activation"].options == ("relu", "elu")


def test_the_form_starts_with_the_defaults_given_and_gives_a_checked_config() -> None:
    form = config_form(METHOD, beta=1, widths=[16])
    assert form.config == Config(beta=1.0, widths=(16,))
    form.fields["widths"].value = "8, 16,32"
    form.fields["bias"].value = False
    assert form.config == Config(beta=1.0, widths=(8, 16, 32), bias=False)


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("beta", -1.0, "-1.0 is not allowed: give a number from 0 to 100"),
        ("steps", 0, "0 is not allowed: give a whole number from 1 to 1,000,000"),
        ("widths", "8; 16", "&#x27;8; 16&#x27; is not a list of whole numbers: write them with commas, such as 32, 64"),
        ("widths", "8, 1000", "(8, 1000) is not allowed: give whole numbers from 1 to 512"),
    ],
)
def test_a_fault_is_shown_beside_the_control_and_the_input_stays(name: str, typed: object, said: str) -> None:
    form = config_form(METHOD)
    assert form.valid
    form.fields[name].value = typed
    assert form.fields[name].value == typed
    assert not form.valid
    assert said in form._notes[name].value
    assert 'role="alert"' in form._notes[name].value
    with pytest.raises(ConfigError, match=name):
        _ = form.config
    form.fields[name].value = config_form(METHOD).fields[name].value
    assert form.valid
    assert "alert" not in form._notes[name].value


def test_the_values_can_be_observed() -> None:
    form, seen = config_form(METHOD), []
    form.observe(lambda change: seen.append(change["new"]["latents"]), "value")
    form.fields["latents"].value = 12
    assert seen == [12]


def test_help_is_text_not_markup() -> None:
    assert "size of the &lt;code&gt;" in config_form(METHOD)._notes["latents"].value


def test_a_preset_fills_in_the_quick_settings() -> None:
    form = config_form(METHOD, beta=9)
    buttons = {b.description: b for b in form.children[-1].children}
    buttons["Quick"].click()
    assert form.config == METHOD.quick
    buttons["Defaults"].click()
    assert form.config == Config()


def test_locking_disables_every_control() -> None:
    form = config_form(METHOD)
    form.lock(True)
    controls = [*form.fields.values(), *form.children[-1].children]
    assert all(c.disabled for c in controls)
    form.lock(False)
    assert not any(c.disabled for c in controls)


def test_an_unknown_method_or_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="no method 'no_such'"):
        config_form("no_such")
    with pytest.raises(UnknownNameError, match="did you mean 'beta'"):
        config_form(METHOD, betta=1)
