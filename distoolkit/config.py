"""Settings of a method as one frozen dataclass: the source of the form, the flags and the JSON.

A field is an ``int``, ``float``, ``bool``, ``str`` or ``tuple`` of ints, always with a default:

>>> @dataclasses.dataclass(frozen=True)
... class Config:
...     latents: int = knob(10, (1, 128, 1), "size of the code")
...     beta: float = knob(4.0, (0.0, 1000.0, 0.1), "weight of the KL term")
...     activation: str = knob("relu", ("relu", "elu"), "non-linearity")

If one setting implies others, as a run to build on implies its networks, the class may have a static method
``completed(changes) -> changes``: `distoolkit.fit` passes what its caller gave through it.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from distoolkit.contract import ConfigError, UnknownNameError

C = TypeVar("C")
_NUMBERS: dict[type, str] = {int: "a whole number", float: "a finite number", tuple: "whole numbers"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of a config, as the form and the command line see it.

    Attributes
    ----------
    kind
        The Python type: ``int``, ``float``, ``bool``, ``str`` or ``tuple``.
    low, high, step
        Inclusive range and slider step of a number; None for anything else.
    choices
        Allowed values of a string; empty when any will do.
    """

    name: str
    kind: type
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()


def knob(default: Any, allowed: tuple[Any, ...] = (), help: str = "") -> Any:
    """Make a config field: its default, what is allowed, and one line of help.

    Parameters
    ----------
    default
        The default value; its type is the field's type.
    allowed
        ``(low, high, step)`` for a number (both ends included), the allowed strings for a string, else empty.
    help
        One line; the unit where there is one.
    """
    return dataclasses.field(default=default, metadata={"allowed": tuple(allowed), "help": help})


def settings(config: Any) -> tuple[Setting, ...]:
    """List the fields of a config class (or instance) in their order of definition."""
    cls = config if isinstance(config, type) else type(config)
    hints = typing.get_type_hints(cls)
    return tuple(_setting(f, hints[f.name]) for f in dataclasses.fields(cls))


def _setting(field: dataclasses.Field[Any], hint: Any) -> Setting:
    kind = typing.get_origin(hint) or hint
    if kind not in (int, float, bool, str, tuple):
        raise ConfigError(
            f"config field {field.name!r} has type {hint}; allowed are int, float, bool, str and tuple[int, ...]"
        )
    if field.default is dataclasses.MISSING:
        raise ConfigError(f"config field {field.name!r} has no default; every field needs one: knob(default, ...)")
    allowed = field.metadata.get("allowed", ())
    help = field.metadata.get("help", "")
    if kind is str:
        return Setting(field.name, kind, field.default, help, choices=allowed)
    low, high, step = allowed or (None, None, None)
    return Setting(field.name, kind, field.default, help, low, high, step)


def configure(config: type[C] | C, /, **changes: Any) -> C:
    """Return a checked config: the defaults (or the instance given) with ``changes`` on top.

    Raises
    ------
    UnknownNameError
        A field that the config does not have; the nearest names are given.
    ConfigError
        A value of the wrong type or out of range. All faulty fields are listed at once.
    """
    base: Any = config() if isinstance(config, type) else config
    known = {s.name: s for s in settings(base)}
    for name in changes:
        if name not in known:
            raise UnknownNameError(unknown("setting", name, known))
    faults: list[str] = []
    values: dict[str, Any] = {}
    for name, setting in known.items():
        try:
            values[name] = convert(setting, changes.get(name, getattr(base, name)))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("; ".join(faults))
    return typing.cast(C, dataclasses.replace(base, **values))


def convert(setting: Setting, value: Any) -> Any:
    """Check one value against its setting and return it in the setting's own type.

    Numbers may come as numpy scalars, tuples as lists; nothing is rounded and no string is parsed.
    """
    kind = setting.kind
    if kind is tuple:
        if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
            raise _refused(setting, value, "a sequence of whole numbers")
        value = tuple(value)
        if not all(_is_whole(v) for v in value):
            raise _refused(setting, value, "a sequence of whole numbers")
        value = tuple(int(v) for v in value)
    elif kind is bool:
        if type(value).__name__ not in ("bool", "bool_"):  # Python's, and numpy's under its two names
            raise _refused(setting, value, "True or False")
        value = bool(value)
    elif kind is str:
        if not isinstance(value, str) or (setting.choices and value not in setting.choices):
            raise _refused(setting, value, " or ".join(map(repr, setting.choices)) or "a string")
    elif kind is int:
        if not _is_whole(value):
            raise _refused(setting, value, _NUMBERS[int] + _range(setting))
        value = int(value)
    else:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise _refused(setting, value, _NUMBERS[float] + _range(setting))
        value = float(value)
    for number in value if kind is tuple else (value,):
        if setting.low is not None and setting.high is not None and not setting.low <= number <= setting.high:
            raise _refused(setting, value, _NUMBERS[kind] + _range(setting))
    return value


def as_json(config: Any) -> dict[str, Any]:
    """Return the config as plain JSON types (tuples become lists)."""
    pairs = dataclasses.asdict(config).items()
    return {name: list(value) if isinstance(value, tuple) else value for name, value in pairs}


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Word the error for a name that does not exist: what was given, the nearest, and all there are."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ";"
    return f"no {what} {name!r}{hint} available: {', '.join(known) or 'none'}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _range(setting: Setting) -> str:
    return "" if setting.low is None else f" from {setting.low:g} to {setting.high:g}"


def _refused(setting: Setting, value: Any, allowed: str) -> ConfigError:
    return ConfigError(f"{setting.name} = {value!r} is not allowed: give {allowed} ({setting.help or 'no help'})")


def is_config(value: Any) -> bool:
    """Tell whether a value is a usable config: an instance of a frozen dataclass."""
    if isinstance(value, type) or not dataclasses.is_dataclass(value):
        return False
    return bool(getattr(value, "__dataclass_params__").frozen)  # noqa: B009 - not in the type stubs
