"""The commands that say what is installed. They load no torch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from distoolkit.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from distoolkit.contract import DataSource, Fidelity, Method, Metric, Paper
    from distoolkit.registry import Plugin


@click.command()
@click.argument("name", required=False)
@as_json
def methods(name: str | None, as_json: bool) -> None:
    """List the methods, or show the paper and the settings of one.

    Its fidelity says what it was built from and where it differs.
    """
    from distoolkit import registry

    if name is not None:
        method = registry.find("methods", name)
        print_json(_method(method)) if as_json else _show_method(method)
    elif as_json:
        print_json([_method(m) for m in registry.methods().values()])
    else:
        found = registry.methods().values()
        print_table(
            ("method", "year", "built from", "needs", "summary"),
            [(m.name, m.paper.year or "", m.fidelity.source, _needs(m), m.summary) for m in found],
        )
        _advise(found, "no method is installed; one comes with each plugin (see CONTRIBUTING.md)")


@click.command()
@click.argument("name", required=False)
@as_json
def datasets(name: str | None, as_json: bool) -> None:
    """List the data sets, or show the card of one: its factors, licence, files, traps and options."""
    from distoolkit import registry

    if name is not None:
        source = registry.find("datasets", name)
        print_json(_dataset(source, options=True)) if as_json else _show_dataset(source)
    elif as_json:
        print_json([_dataset(s) for s in registry.datasets().values()])
    else:
        found = registry.datasets().values()
        print_table(
            ("data set", "files", "licence", "summary"),
            [(s.name, "none needed" if s.embedded else "yours", s.licence, s.summary) for s in found],
        )
        _advise(found, "no data set is installed")


@click.command()
@click.argument("name", required=False)
@as_json
def metrics(name: str | None, as_json: bool) -> None:
    """List the metrics, or show the paper of one."""
    from distoolkit import registry

    if name is not None:
        metric = registry.find("metrics", name)
        print_json(_metric(metric)) if as_json else _show_metric(metric)
    elif as_json:
        print_json([_metric(m) for m in registry.metrics().values()])
    else:
        found = registry.metrics().values()
        print_table(
            ("metric", "needs", "better", "summary"),
            [
                (m.name, ", ".join(sorted(m.needs)) or "codes only", _better(m.higher_is_better), m.summary)
                for m in found
            ],
        )
        _advise(found, "no metric is installed")


@click.command()
@click.argument("name", required=False)
@as_json
def plugins(name: str | None, as_json: bool) -> None:
    """List the plugins, or show why one is broken."""
    from distoolkit import registry
    from distoolkit.config import unknown
    from distoolkit.contract import UnknownNameError

    found = _plugins_without_warnings()
    if name is not None and name not in found:
        raise UnknownNameError(unknown("plugin", name, found))
    if as_json:
        print_json(_plugin(found[name]) if name else [_plugin(p) for p in found.values()])
    elif name is not None:
        _show_plugin(found[name])
    else:
        print_table(
            ("plugin", "distribution", "version", "brought"),
            [(p.name, p.distribution, p.version, p.summary) for p in found.values()],
        )
        for broken in (p for p in found.values() if p.error):
            click.echo(f"\n`distoolkit plugins {broken.name}` shows its traceback", err=True)
        for conflict in registry.shared().conflicts:
            click.echo(f"conflict: {conflict}", err=True)


def _plugins_without_warnings() -> dict[str, Plugin]:
    """Load the plugins; the table says what the warnings would."""
    import warnings

    from distoolkit import registry
    from distoolkit.contract import PluginWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        return registry.plugins()


def _method(method: Method[Any]) -> dict[str, Any]:
    from distoolkit import registry
    from distoolkit.config import as_json as config_json
    from distoolkit.config import settings

    plugin = registry.owner("methods", method.name)
    return {
        "name": method.name,
        "summary": method.summary,
        "paper": dataclasses.asdict(method.paper),
        "fidelity": dataclasses.asdict(method.fidelity),
        "needs": method.needs,
        "plugin": plugin.distribution,
        "version": plugin.version,
        "settings": [{**vars(s), "kind": s.kind.__name__} for s in settings(method.config)],
        "quick": config_json(method.quick),
    }


def _needs(method: Method[Any]) -> str:
    return ", ".join(["images", *sorted(method.needs)])


def _show_method(method: Method[Any]) -> None:
    from distoolkit.config import settings

    facts = _method(method)
    click.echo(f"{method.name}: {method.summary}\n")
    click.echo(f"plugin:    {facts['plugin']} {facts['version']}")
    click.echo(f"needs:     {_needs(method)}")
    _show_source(method.paper, method.fidelity)
    click.echo("")
    print_table(
        ("setting", "default", "quick", "allowed", "meaning"),
        [
            (s.name, _value(s.default), _value(getattr(method.quick, s.name)), allowed(s), s.help)
            for s in settings(method.config)
        ],
    )
    click.echo(f"\n`distoolkit fit {method.name} --help` gives the flags")


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "summary": metric.summary,
        "paper": dataclasses.asdict(metric.paper),
        "fidelity": dataclasses.asdict(metric.fidelity),
        "scores": metric.scores,
        "needs": metric.needs,
        "higher_is_better": metric.higher_is_better,
    }


def _show_metric(metric: Metric) -> None:
    click.echo(f"{metric.name}: {metric.summary}\n")
    click.echo(f"scores:    {', '.join(metric.scores)} ({_better(metric.higher_is_better)} is better)")
    click.echo(f"needs:     {', '.join(sorted(metric.needs)) or 'codes only'}")
    _show_source(metric.paper, metric.fidelity)


def _dataset(source: DataSource, options: bool = False) -> dict[str, Any]:
    facts = {
        "name": source.name,
        "summary": source.summary,
        "embedded": source.embedded,
        "licence": source.licence,
        "notes": source.notes,
        "factors": dict(source.factors),
        "memory": source.memory,
        "url": source.url,
        "files": [dataclasses.asdict(f) for f in source.files],
        "paper": dataclasses.asdict(source.paper) if source.paper else None,
    }
    return {**facts, "options": _options(source)} if options else facts


def _options(source: DataSource) -> dict[str, Any]:
    from distoolkit.data.options import REQUIRED, options_of

    return {
        o.name: {"allowed": o.allowed, "default": "required" if o.default is REQUIRED else o.default}
        for o in options_of(source).values()
    }


def _show_dataset(source: DataSource) -> None:
    from distoolkit.data.cards import as_text, card

    facts = {heading: fact for heading, fact in card(source.name).facts.items() if heading not in ("what", "options")}
    rows = [*facts.items(), *(("file", as_text(f)) for f in source.files), *(("note", n) for n in source.notes)]
    click.echo(f"{source.name}: {source.summary}\n")
    for heading, fact in rows:
        click.echo(f"{heading + ':':<13} {fact}")
    click.echo("")
    print_table(
        ("option", "default", "allowed"),
        [(f"--{n.replace('_', '-')}", _value(o["default"]), o["allowed"]) for n, o in _options(source).items()],
    )
    click.echo(f"\nexample: distoolkit fit METHOD --data {source.name} --OPTION VALUE")


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return dataclasses.asdict(plugin)


def _show_plugin(plugin: Plugin) -> None:
    click.echo(f"{plugin.name}: {plugin.distribution} {plugin.version}\n{plugin.summary}")
    if plugin.error:
        click.echo("\n" + plugin.error.rstrip())


def _show_source(paper: Paper, fidelity: Fidelity | None) -> None:
    place = ", ".join(str(p) for p in (paper.venue, paper.year or "") if p)
    click.echo(f"paper:     {paper.title}. {paper.authors}" + (f" ({place})" if place else ""))
    if paper.url:
        click.echo(f"           {paper.url}")
    if fidelity:
        click.echo(f"built from: {fidelity.source}")
        for deviation in fidelity.deviations:
            click.echo(f"  differs: {deviation}")


def allowed(setting: Any) -> str:
    """Word what a setting may be: its range, its choices, or its type."""
    if setting.choices:
        return ", ".join(setting.choices)
    name = {int: "whole number", float: "number", bool: "yes or no", str: "text", tuple: "whole numbers"}[setting.kind]
    return name if setting.low is None else f"{name}, {setting.low:,.10g} to {setting.high:,.10g}"


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _better(higher: bool) -> str:
    return "higher" if higher else "lower"


def _advise(found: Any, advice: str) -> None:
    if not found:
        click.echo(advice, err=True)
