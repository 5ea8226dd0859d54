"""Strangers' plugins, installed for real (a dist-info folder on the path), doing everything wrong."""

from __future__ import annotations

import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distoolkit import registry
from distoolkit.contract import API, Method, PluginError, PluginWarning, UnknownNameError

Install = Callable[..., None]

RECORD = """
from dataclasses import dataclass
from distoolkit.config import knob
from distoolkit.contract import Fidelity, Method, Paper
from distoolkit.hookspecs import hookimpl

@dataclass(frozen=True)
class Config:
    latents: int = knob(4, (1, 16, 1), "size of the code")
    steps: int = knob(5, (1, 100, 1), "steps of training")

def method(name, **fields):
    return Method(**{
        "name": name, "summary": "a test", "paper": Paper(title="", authors=""), "config": Config, "quick": Config(),
        "model": "nowhere:Model", "trainer": "nowhere:train", "fidelity": Fidelity(source="none"), **fields})
"""
GOOD = RECORD + "@hookimpl\ndef distoolkit_methods():\n    return [method('good_one')]\n"


@pytest.fixture(autouse=True)
def _fresh_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DISTOOLKIT_PLUGINS", raising=False)
    monkeypatch.delenv("DISTOOLKIT_STRICT", raising=False)
    registry.shared.cache_clear()
    yield
    registry.shared.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a one-module distribution, with its entry point, on a temporary path."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, code: str, *, module: str = "", distribution: str = "") -> None:
        module, distribution = module or f"hostile_{name}", distribution or f"hostile-{name}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[distoolkit]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def load() -> registry.Registry:
    found = registry.Registry()
    found.load()
    return found


def test_an_installed_plugin_is_found(install: Install) -> None:
    install("good", GOOD)
    assert "good_one" in registry.methods()
    plugin = registry.plugins()["good"]
    assert (plugin.distribution, plugin.version, plugin.error) == ("hostile-good", "1.2", "")
    assert plugin.summary == "methods: good_one"
    assert registry.owner("methods", "good_one") is plugin
    assert isinstance(registry.find("methods", "good_one"), Method)


HOSTILE = {
    "raises on import": ("raise RuntimeError('no such licence server')", "RuntimeError: no such licence server"),
    "lacks a dependency": ("import a_package_that_nobody_has", "No module named 'a_package_that_nobody_has'"),
    "does not parse": ("def broken(:", "SyntaxError"),
    "raises in a hook": (
        GOOD.replace("return [method('good_one')]", "raise KeyError('x')"),
        "KeyError: 'x'",
    ),
    "returns a number": (GOOD.replace("[method('good_one')]", "42"), "returned 42; it must return a list of records"),
    "returns nothing": (GOOD.replace("[method('good_one')]", "None"), "returned None; it must return a list"),
    "returns a string": (GOOD.replace("[method('good_one')]", "'good'"), "returned 'good'; it must return a list"),
    "returns a dict": (GOOD.replace("[method('good_one')]", "{}"), "returned {}; it must return a list"),
    "returns rubbish": (GOOD.replace("[method('good_one')]", "[42]"), "expected a Method record, given int: 42"),
    "returns the wrong record": (
        GOOD.replace("distoolkit_methods", "distoolkit_panels"),
        "expected a Panel record, given Method",
    ),
    "misspells a hook": (GOOD.replace("distoolkit_methods", "distoolkit_method"), "unknown hook 'distoolkit_method'"),
    "wants a newer contract": (
        GOOD.replace("method('good_one')", f"method('good_one', api={API + 1})"),
        f"asks for version {API + 1} of the plugin contract, this distoolkit has {API}: upgrade distoolkit",
    ),
    "has a name with a dash": (GOOD.replace("good_one", "good-one"), "'good-one' is no usable name"),
    "has a soft config": (GOOD.replace("frozen=True", "frozen=False"), "config must be a frozen dataclass"),
    "has no steps": (GOOD.replace("    steps: int", "    epochs: int"), "needs the settings 'latents' and 'steps'"),
    "has a default out of range": (GOOD.replace("knob(4,", "knob(44,"), "latents = 44 is not allowed"),
    "has an unknown field": (GOOD.replace("method('good_one')", "method('good_one', colour='red')"), "colour"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_broken_plugin_is_a_warning_and_closes_nothing_else(fault: str, install: Install) -> None:
    code, says = HOSTILE[fault]
    install("bad", code)
    install("good", GOOD.replace("good_one", "another_one"), module="kind_good", distribution="kind-good")
    with pytest.warns(PluginWarning, match="plugin 'bad' of hostile-bad was left out") as caught:
        found = load()
    assert len(caught) == 1
    assert says in str(caught[0].message)
    assert says in found.plugins["bad"].error  # with its traceback
    assert "Traceback" in found.plugins["bad"].error
    assert found.plugins["bad"].summary.startswith("left out: ")
    assert "good_one" not in found.catalogue("methods")
    assert "another_one" in found.catalogue("methods")
    assert "bad" not in dict(found.manager.list_name_plugin())


@pytest.mark.parametrize("fault", HOSTILE)
def test_strict_turns_the_warning_into_an_error(fault: str, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    code, says = HOSTILE[fault]
    install("bad", code)
    monkeypatch.setenv("DISTOOLKIT_STRICT", "1")
    with pytest.raises(PluginError, match="plugin 'bad' of hostile-bad was left out") as caught:
        load()
    assert says in str(caught.value)


def test_strict_zero_is_not_strict(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("bad", "raise RuntimeError")
    monkeypatch.setenv("DISTOOLKIT_STRICT", "0")
    with pytest.warns(PluginWarning):
        load()


def test_two_methods_of_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("first", GOOD)
    install("second", GOOD)
    found = load()
    with pytest.raises(
        PluginError, match=r"two methods are called 'good_one': one from hostile-first, one from hostile-second.*Uninst"
    ):
        found.catalogue("methods")


def test_one_plugin_with_one_name_twice_is_an_error(install: Install) -> None:
    install("twice", GOOD.replace("[method('good_one')]", "[method('good_one'), method('good_one')]"))
    found = load()
    with pytest.raises(PluginError, match=r"two methods are called 'good_one'"):
        found.catalogue("methods")


def test_two_plugins_of_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("same", GOOD, module="same_a", distribution="dist-a")
    install("same", GOOD.replace("good_one", "good_two"), module="same_b", distribution="dist-b")
    found = load()
    with pytest.raises(PluginError, match=r"two plugins are called 'same': one from dist-[ab], one from dist-[ab]"):
        found.catalogue("methods")


def test_the_environment_chooses_plugins_and_the_core_stays(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first", GOOD)
    install("second", GOOD.replace("good_one", "good_two"))
    install("bad", "raise RuntimeError")  # not chosen: not even imported
    monkeypatch.setenv("DISTOOLKIT_PLUGINS", " second ,")
    found = load()
    assert set(found.plugins) == {"core", "second"}
    assert set(found.catalogue("methods")) == {"good_two"}


def test_a_conflict_is_solved_by_choosing(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first", GOOD)
    install("second", GOOD)
    monkeypatch.setenv("DISTOOLKIT_PLUGINS", "first")
    assert load().owners["methods", "good_one"].distribution == "hostile-first"


def test_an_unknown_plugin_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTOOLKIT_PLUGINS", "coree")
    with pytest.raises(PluginError, match="DISTOOLKIT_PLUGINS: no plugin 'coree'; did you mean 'core'"):
        load()


def test_an_unknown_method_is_named_with_the_nearest(install: Install) -> None:
    install("good", GOOD)
    with pytest.raises(UnknownNameError, match="no method 'god_one'; did you mean 'good_one'"):
        registry.find("methods", "god_one")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Return the good plugin as a module made on the spot, as in a notebook."""
    made = types.ModuleType("made_on_the_spot")
    monkeypatch.setitem(sys.modules, made.__name__, made)  # dataclasses look their module up
    exec(GOOD, made.__dict__)
    return made


def test_a_plugin_can_be_registered_by_hand(module: types.ModuleType) -> None:
    registry.register(module, "by_hand")
    assert "good_one" in registry.methods()
    assert registry.owner("methods", "good_one").distribution == "by_hand (registered by hand)"


def test_a_class_instance_is_a_plugin_too(module: types.ModuleType) -> None:
    class Plugin:
        @module.hookimpl  # type: ignore[untyped-decorator]
        def distoolkit_methods(self) -> list[object]:
            return [module.method("bound")]

    registry.register(Plugin(), "object")
    assert "bound" in registry.methods()


def test_references_are_resolved_on_first_use() -> None:
    assert registry.resolve("os.path:join") is __import__("os").path.join
    assert registry.resolve(len) is len
    with pytest.raises(PluginError, match=r"cannot resolve 'os.path:jion' .*reads 'package.module:name'"):
        registry.resolve("os.path:jion")
    with pytest.raises(PluginError, match="cannot resolve 'no_such_package:x'"):
        registry.resolve("no_such_package:x")
    with pytest.raises(PluginError, match="'os:sep' is str, not something to call"):
        registry.resolve("os:sep")


def test_listing_plugins_imports_neither_torch_nor_a_plotting_library() -> None:
    import subprocess

    code = (
        "import sys, distoolkit; distoolkit.methods(); distoolkit.plugins(); "
        "print([m for m in ('torch', 'holoviews', 'panel', 'lightning_fabric') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert out.stdout.strip() == "[]"


def test_the_catalogue_shows_itself_as_a_table() -> None:
    shown = registry.Catalogue(
        a_name=types.SimpleNamespace(summary="first <one>"), b=types.SimpleNamespace(summary="2")
    )
    assert repr(shown) == "a_name  first <one>\nb       2"
    assert "first &lt;one&gt;" in shown._repr_html_()
