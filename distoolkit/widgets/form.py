"""A form for a method's settings, made from its config dataclass."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as w
import traitlets

from distoolkit import registry
from distoolkit.config import Setting, configure, convert, settings
from distoolkit.contract import ConfigError, Method

SLIDER_STEPS = 256
"""A whole number with more values than this gets a text field: a slider could not hit them."""


class ConfigForm(w.VBox):
    """One row for each setting: its control, what it means, and what is wrong with the value if anything is.

    Attributes
    ----------
    value
        The values as entered, by setting (observable). They may be faulty; nothing that was typed is changed.
    valid
        Whether all of them are allowed (observable).
    fields
        The control of each setting, for a program that fills in the form.
    """

    value = traitlets.Dict()
    valid = traitlets.Bool(True)

    def __init__(self, method: Method[Any], config: Any) -> None:
        self.method = method
        self.settings = settings(method.config)
        self.fields = {s.name: _control(s, getattr(config, s.name)) for s in self.settings}
        self._notes = {s.name: w.HTML() for s in self.settings}
        rows = [w.HBox([self.fields[s.name], self._notes[s.name]], layout=_ROW) for s in self.settings]
        self._presets = [_preset(self, "Defaults", method.config()), _preset(self, "Quick", method.quick)]
        super().__init__([*rows, w.HBox(self._presets)])
        for field in self.fields.values():
            field.observe(self._read, "value")
        self._read()

    @property
    def config(self) -> Any:
        """The checked config.

        Raises
        ------
        ConfigError
            Some values are not allowed; all of them are named.
        """
        return configure(self.method.config, **self._entered())

    def fill(self, config: Any) -> None:
        """Put the values of a config into the controls."""
        for setting in self.settings:
            self.fields[setting.name].value = _shown(setting, getattr(config, setting.name))

    def lock(self, locked: bool) -> None:
        """Keep the controls from being moved, while their values are in use."""
        for control in (*self.fields.values(), *self._presets):
            control.disabled = locked

    def __repr__(self) -> str:
        """Say what is set."""
        return f"<ConfigForm of {self.method.name}: {'valid' if self.valid else 'some values are not allowed'}>"

    def _read(self, _: Any = None) -> None:
        entered, valid = self._entered(), True
        for setting in self.settings:
            fault = _fault(setting, entered[setting.name])
            valid = valid and not fault
            self._notes[setting.name].value = _note(setting, fault)
        self.valid, self.value = valid, entered

    def _entered(self) -> dict[str, Any]:
        return {s.name: _parsed(s, self.fields[s.name].value) for s in self.settings}


_ROW = w.Layout(align_items="center", flex_flow="row wrap")
_FIELD = w.Layout(width="340px")
_LABEL = {"description_width": "140px"}


def config_form(method: str | Method[Any], **defaults: Any) -> ConfigForm:
    """Show a method's settings as a form.

    Parameters
    ----------
    method
        Name of an installed method, or its record.
    **defaults
        Settings that start with another value than the config's default.

    Returns
    -------
    ConfigForm
        A widget; ``.config`` is the checked config, ``.value`` what was entered.

    Raises
    ------
    UnknownNameError, ConfigError
        No such method or setting; a default that is not allowed.
    """
    record = registry.find("methods", method) if isinstance(method, str) else method
    return ConfigForm(record, configure(record.config, **defaults))


def _control(setting: Setting, value: Any) -> w.ValueWidget:
    shown = _shown(setting, value)
    common = {"description": setting.name, "style": _LABEL, "layout": _FIELD, "tooltip": setting.help}
    if setting.kind is bool:
        return w.Checkbox(shown, **common)
    if setting.choices:
        return w.Dropdown(options=setting.choices, value=shown, **common)
    if setting.kind is float:
        return w.FloatText(shown, **common)
    if setting.kind is int and _fits_slider(setting):
        return w.IntSlider(shown, min=setting.low, max=setting.high, step=setting.step, **common)
    if setting.kind is int:
        return w.IntText(shown, step=setting.step or 1, **common)
    return w.Text(shown, continuous_update=False, **common)


def _fits_slider(setting: Setting) -> bool:
    if setting.low is None or setting.high is None:
        return False
    return (setting.high - setting.low) / (setting.step or 1) <= SLIDER_STEPS


def _shown(setting: Setting, value: Any) -> Any:
    return ", ".join(map(str, value)) if setting.kind is tuple else value


def _parsed(setting: Setting, value: Any) -> Any:
    """Turn a control's value into the setting's; a text that is no list of numbers stays as it was typed."""
    if setting.kind is not tuple:
        return value
    try:
        return tuple(int(part) for part in value.strip("()[] ").split(",") if part.strip())
    except ValueError:
        return value


def _fault(setting: Setting, value: Any) -> str:
    if setting.kind is tuple and isinstance(value, str):
        return f"{value!r} is not a list of whole numbers: write them with commas, such as 32, 64"
    try:
        convert(setting, value)
    except ConfigError:
        wanted = {int: "a whole number", tuple: "whole numbers"}.get(setting.kind, "a number")
        limits = "" if setting.low is None else f" from {setting.low:,.10g} to {setting.high:,.10g}"
        return f"{value} is not allowed: give {wanted}{limits}"
    return ""


def _note(setting: Setting, fault: str) -> str:
    if fault:
        return f'<span role="alert" style="color:var(--jp-error-color0,#b71c1c)">{html.escape(fault)}</span>'
    meaning = html.escape(setting.help)
    if setting.low is not None and setting.kind is not tuple:
        meaning += f" ({setting.low:,.10g} to {setting.high:,.10g})"
    return f'<span style="color:var(--jp-ui-font-color2,#616161)">{meaning}</span>'


def _preset(form: ConfigForm, name: str, config: Any) -> w.Button:
    button = w.Button(description=name, tooltip=f"Fill in the {name.lower()} settings", layout=w.Layout(width="auto"))
    button.on_click(lambda _: form.fill(config))
    return button
