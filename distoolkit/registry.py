"""Finds the installed plugins and keeps each one's faults to itself.

The entry points of the group ``distoolkit`` are walked here, one plugin at a time: pluggy's own loader stops at
the first broken one and passes over a repeated name in silence. A broken plugin is a warning that names its
distribution, and `plugins` lists it with its traceback.

Two environment variables: ``DISTOOLKIT_PLUGINS=a,b`` loads only those (and the core);
``DISTOOLKIT_STRICT=1`` turns the warnings into errors.
"""

from __future__ import annotations

import html
import os
import pkgutil
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from distoolkit import config, hookspecs
from distoolkit.contract import (
    API,
    DataSource,
    Method,
    Metric,
    Panel,
    PluginError,
    PluginWarning,
    Record,
    Ref,
    UnknownNameError,
)

T = TypeVar("T")
CORE = "core"
HOOKS: dict[str, type] = {"methods": Method, "metrics": Metric, "datasets": DataSource, "panels": Panel}


@dataclass
class Plugin:
    """One installed plugin: what it brought, or why it was left out."""

    name: str
    distribution: str
    version: str
    records: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""

    @property
    def summary(self) -> str:
        """One line: what it brought, or the last line of its traceback."""
        if self.error:
            return "left out: " + self.error.strip().splitlines()[-1]
        return "; ".join(f"{hook}: {', '.join(names)}" for hook, names in self.records.items() if names) or "empty"


class Catalogue(dict[str, T]):
    """Records by name; shown as a table of names and summaries."""

    def __repr__(self) -> str:
        """Return one line for each record."""
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:<{width}}  {getattr(record, 'summary', '')}" for name, record in self.items())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{html.escape(name)}</code></td>"
            f"<td style='text-align:left'>{html.escape(getattr(record, 'summary', ''))}</td></tr>"
            for name, record in self.items()
        )
        return f"<table><tr><th>name</th><th>summary</th></tr>{rows}</table>"


class Registry:
    """All plugins of one process. The module's functions use one shared, lazily filled instance."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.plugins: Catalogue[Plugin] = Catalogue()
        self.records: dict[str, dict[str, Any]] = {hook: {} for hook in HOOKS}
        self.owners: dict[tuple[str, str], Plugin] = {}
        self.conflicts: list[str] = []

    def load(self) -> None:
        """Register every installed plugin that ``DISTOOLKIT_PLUGINS`` allows."""
        points = list(entry_points(group=hookspecs.GROUP))
        wanted = {n.strip() for n in os.environ.get("DISTOOLKIT_PLUGINS", "").split(",") if n.strip()}
        for name in sorted(wanted - {p.name for p in points}):
            raise PluginError("DISTOOLKIT_PLUGINS: " + config.unknown("plugin", name, {p.name for p in points}))
        for point in sorted(points, key=lambda p: (p.name != CORE, p.name)):
            if not wanted or point.name in wanted or point.name == CORE:
                self.add(point.name, point.load, *_distribution(point))

    def add(self, name: str, load: Callable[[], Any], distribution: str = "", version: str = "") -> None:
        """Register one plugin; whatever it does wrong ends in a warning that names it."""
        entry = Plugin(name, distribution or name, version)
        if name in self.plugins:
            self.conflicts.append(
                f"two plugins are called {name!r}: one from {self.plugins[name].distribution}, one from {distribution}"
            )
            return
        self.plugins[name] = entry
        try:
            found = self._read(name, load())
            for hook, records in found.items():
                for record in records:
                    _check_record(record, HOOKS[hook])
            self._take(entry, found)
        except Exception as error:  # anything a stranger's plugin may raise, on import or in a hook
            entry.error = traceback.format_exc()
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            message = f"plugin {name!r} of {entry.distribution} was left out: {type(error).__name__}: {error}"
            if os.environ.get("DISTOOLKIT_STRICT", "") not in ("", "0"):
                raise PluginError(message) from error
            warnings.warn(message + " (`distoolkit plugins` shows the traceback)", PluginWarning, stacklevel=3)

    def _read(self, name: str, plugin: Any) -> dict[str, list[Any]]:
        """Call each hook of one plugin; the others are not run."""
        self.manager.register(plugin, name=name)
        self.manager.check_pending()  # a misspelt hook
        found: dict[str, list[Any]] = {}
        for hook in HOOKS:
            caller = getattr(self.manager.hook, f"distoolkit_{hook}")
            for implementation in caller.get_hookimpls():
                if implementation.plugin_name == name:
                    records = implementation.function()
                    if not isinstance(records, Iterable) or isinstance(records, str | dict):
                        raise PluginError(
                            f"hook distoolkit_{hook} returned {records!r}; it must return a list of records"
                        )
                    found[hook] = list(records)
        return found

    def _take(self, entry: Plugin, found: dict[str, list[Any]]) -> None:
        for hook, records in found.items():
            entry.records[hook] = [record.name for record in records]
            for record in records:
                if record.name in self.records[hook]:
                    first = self.owners[hook, record.name].distribution
                    self.conflicts.append(
                        f"two {hook} are called {record.name!r}: one from {first}, one from {entry.distribution}"
                    )
                else:
                    self.records[hook][record.name] = record
                    self.owners[hook, record.name] = entry

    def catalogue(self, hook: str) -> Catalogue[Any]:
        """Return the records of one hook by name."""
        if self.conflicts:
            raise PluginError(
                "; ".join(self.conflicts) + ". Uninstall one of them, or name the plugins to load in DISTOOLKIT_PLUGINS"
            )
        return Catalogue(sorted(self.records[hook].items()))


@cache
def shared() -> Registry:
    """Return the registry of this process, loaded on first use. ``shared.cache_clear()`` makes it look again."""
    registry = Registry()
    registry.load()
    return registry


def methods() -> Catalogue[Method[Any]]:
    """List the installed methods."""
    return shared().catalogue("methods")


def metrics() -> Catalogue[Metric]:
    """List the installed metrics."""
    return shared().catalogue("metrics")


def datasets() -> Catalogue[DataSource]:
    """List the installed data sets."""
    return shared().catalogue("datasets")


def panels() -> Catalogue[Panel]:
    """List the installed dashboard panels."""
    return shared().catalogue("panels")


def plugins() -> Catalogue[Plugin]:
    """List the installed plugins, broken ones too, with what each brought."""
    return shared().plugins


def register(plugin: Any, name: str) -> None:
    """Register a plugin that is not installed: a module, or an object with hook methods. For notebooks and tests."""
    shared().add(name, lambda: plugin, distribution=f"{name} (registered by hand)")


def find(hook: str, name: str) -> Any:
    """Look up one record.

    Raises
    ------
    UnknownNameError
        Nothing of that name is installed; the nearest names and all installed ones are given.
    """
    known = shared().catalogue(hook)
    if name not in known:
        what = {"methods": "method", "metrics": "metric", "datasets": "data set", "panels": "panel"}[hook]
        raise UnknownNameError(config.unknown(what, str(name), known))
    return known[name]


def owner(hook: str, name: str) -> Plugin:
    """Return the plugin that brought a record."""
    return shared().owners[hook, name]


def resolve(ref: Ref) -> Callable[..., Any]:
    """Turn a `Ref` into the callable that it names.

    Raises
    ------
    PluginError
        The module cannot be imported or has no such name.
    """
    if callable(ref):
        return ref
    try:
        target = pkgutil.resolve_name(ref)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(f"cannot resolve {ref!r} ({error}); a reference reads 'package.module:name'") from error
    if not callable(target):
        raise PluginError(f"{ref!r} is {type(target).__name__}, not something to call")
    return target  # type: ignore[no-any-return]


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else (point.value, "")


def _check_record(record: Any, kind: type[Record]) -> None:
    if not isinstance(record, kind):
        raise PluginError(f"expected a {kind.__name__} record, given {type(record).__name__}: {record!r}"[:300])
    if record.api > API:
        raise PluginError(
            f"{record.name!r} asks for version {record.api} of the plugin contract, this distoolkit has {API}: "
            "upgrade distoolkit"
        )
    if not record.name.isidentifier():
        raise PluginError(f"{record.name!r} is no usable name: give letters, digits and underscores, like 'factor_vae'")
    if isinstance(record, Method):
        if not (isinstance(record.config, type) and config.is_config(record.quick)):
            raise PluginError(f"method {record.name!r}: config must be a frozen dataclass and quick an instance of it")
        names = {s.name for s in config.settings(record.config)}
        if not names >= {"latents", "steps"}:
            raise PluginError(f"method {record.name!r}: its config needs the settings 'latents' and 'steps'")
        config.configure(record.config)
        config.configure(record.quick)
