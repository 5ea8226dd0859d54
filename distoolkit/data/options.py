"""The options of a data set: the keyword parameters of its loader, read off the signature and checked by it."""

from __future__ import annotations

import inspect
import math
import numbers
import os
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from distoolkit import config
from distoolkit.contract import ConfigError, DataSource, UnknownNameError
from distoolkit.registry import resolve

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Option:
    """One option of a data set.

    Attributes
    ----------
    hint
        The type that the loader's signature gives it.
    default
        `REQUIRED` if there is none.
    """

    name: str
    hint: Any
    default: Any = REQUIRED

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        return _words(self.hint)

    @property
    def choices(self) -> tuple[Any, ...]:
        """The allowed values, if they are a fixed list."""
        return typing.get_args(self.hint) if typing.get_origin(self.hint) is Literal else ()


_LOWEST = {"seed": 0, "size": 1}
SELECTION = (
    Option("only", Mapping[str, Any] | None, None),
    Option("without", Mapping[str, Any] | None, None),
    Option("correlate", Sequence[Any] | None, None),
)
"""What `distoolkit.load` itself takes for every data set whose factors are known."""


def options_of(source: DataSource) -> dict[str, Option]:
    """Return the options of a data set by name: its loader's own, and those of `SELECTION`."""
    loader = resolve(source.load)
    hints = typing.get_type_hints(loader)
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = {
        p.name: Option(p.name, hints.get(p.name, Any), p.default)
        for p in inspect.signature(loader).parameters.values()
        if p.kind in kinds
    }
    return own | {o.name: o for o in SELECTION if o.name not in own}


def checked(source: DataSource, given: dict[str, Any]) -> dict[str, Any]:
    """Return the given options, checked against the loader's signature; numpy numbers become Python's.

    Raises
    ------
    UnknownNameError
        An option that the data set does not have; the nearest are given.
    ConfigError
        A value of the wrong type, or a required option that is missing. All of them are listed at once.
    """
    known = options_of(source)
    for name in given:
        if name not in known:
            raise UnknownNameError(config.unknown(f"option of {source.name}", name, known))
    faults = [
        f"{name} = {value!r} is not allowed: give {known[name].allowed}"
        for name, value in given.items()
        if not _fits(value, known[name].hint)
    ]
    faults += [
        f"{name} = {given[name]} is not allowed: give {low} or more"
        for name, low in _LOWEST.items()
        if name in given and _fits(given[name], int) and given[name] < low
    ]
    faults += [
        f"{source.name} needs {name}: give {option.allowed}"
        for name, option in known.items()
        if option.default is REQUIRED and name not in given
    ]
    if faults:
        raise ConfigError("; ".join(faults))
    return {name: _plain(value) for name, value in given.items()}


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in arguments)
    if origin is Literal:
        return any(_plain(value) == a and isinstance(_plain(value), type(a)) for a in arguments)
    if hint in (None, type(None)):
        return value is None
    if hint is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if origin in (Sequence, list, tuple):
        return isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return isinstance(value, origin or hint)


def _plain(value: Any) -> Any:
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return value


_NAMES = {int: "a whole number", float: "a number", bool: "True or False", str: "a string", type(None): "None"}


def _words(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return "anything"
    if origin in (typing.Union, types.UnionType):
        is_path = any(typing.get_origin(a) is os.PathLike for a in arguments)
        parts = [a for a in arguments if not (is_path and (a is str or typing.get_origin(a) is os.PathLike))]
        return " or ".join((["a path"] if is_path else []) + list(map(_words, parts)))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is Mapping:
        return "a dict"
    if origin in (Sequence, list, tuple):
        return "a list"
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))
