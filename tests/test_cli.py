"""The command line: what it lists, the flags that it makes of a config, and how it words an error."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from distoolkit import config as configs
from distoolkit import registry
from distoolkit.cli import cli, fitting, flags, jupyter
from distoolkit.config import knob
from distoolkit.contract import ConfigError, DataError, Fidelity, Method, Paper

LISTS = (["--help"], ["methods"], ["datasets"], ["metrics"], ["plugins"], ["fit", "--help"])


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in args])


@dataclasses.dataclass(frozen=True)
class Config:
    latents: int = knob(10, (1, 64, 1), "size of the code")
    steps: int = knob(500, (1, 1_000_000, 100), "length of training")
    lr_critic: float = knob(0.5, (0.0, 1.0, 0.1), "step size")
    bias: bool = knob(True, (), "whether to add one")
    activation: str = knob("relu", ("relu", "leaky_relu"), "non-linearity")
    widths: tuple[int, ...] = knob((32, 64), (1, 512, 1), "channels")
    size: int = knob(3, (1, 9, 1), "a name that data sets use too")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Method[Config]:
    """Give a method whose every kind of setting becomes a flag; only it and the core are installed."""
    method = Method(
        name="toy_method",
        summary="a toy",
        paper=Paper(title="On toys", authors="A. Person", year=2020),
        config=Config,
        quick=Config(latents=2, steps=5),
        model="nowhere:model",
        trainer="nowhere:train",
        fidelity=Fidelity(source="paper", deviations=("smaller than it should be",)),
    )
    fresh = registry.Registry()
    fresh.add("core", lambda: __import__("distoolkit.builtin", fromlist=["x"]), "distoolkit", "0")
    plugin = SimpleNamespace(
        distoolkit_methods=registry.hookspecs.hookimpl(specname="distoolkit_methods")(lambda: [method])
    )
    fresh.add("toy", lambda: plugin, "distoolkit-toy", "1.2")
    monkeypatch.setattr(registry, "shared", lambda: fresh)
    return method


@pytest.fixture
def broken(toy: Method[Config]) -> Iterator[registry.Registry]:
    """Have a plugin installed that cannot be imported."""
    with pytest.warns(match="left out"):
        registry.shared().add("bad", lambda: __import__("no_such_package"), "distoolkit-bad", "0.1")
    return registry.shared()


@pytest.mark.parametrize("args", LISTS, ids=" ".join)
def test_help_and_lists_load_no_torch_and_nothing_that_draws(args: list[str]) -> None:
    code = (
        "import sys\nfrom distoolkit.cli import cli\ncli(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'torch', 'holoviews', 'bokeh', 'panel', 'ipywidgets', 'sklearn', 'scipy', 'xarray', 'pandas'}\n"
        "sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_methods_are_listed_for_people_and_for_machines(toy: Method[Config]) -> None:
    assert "toy_method" in run("methods").output
    (listed,) = json.loads(run("methods", "--json").output)
    assert listed["name"] == "toy_method"
    assert listed["plugin"] == "distoolkit-toy"
    assert listed["fidelity"] == {"source": "paper", "deviations": ["smaller than it should be"]}
    assert [s["name"] for s in listed["settings"]] == [s.name for s in configs.settings(Config)]
    assert listed["quick"]["widths"] == [32, 64]
    assert listed["needs"] == []


def test_one_method_is_shown_with_its_paper_fidelity_and_settings(toy: Method[Config]) -> None:
    shown = run("methods", "toy_method").output
    for text in (
        "On toys",
        "needs:     images",
        "smaller than it should be",
        "lr_critic",
        "step size",
        "leaky_relu",
        "32,64",
    ):
        assert text in shown


@pytest.mark.parametrize("what", ["methods", "datasets", "metrics", "plugins"])
def test_an_unknown_name_ends_in_one_line_and_status_2(what: str) -> None:
    failed = run(what, "no_such_name")
    assert failed.exit_code == 2
    assert failed.output.startswith("Error: no ")
    assert failed.output.count("\n") == 1
    assert "'no_such_name'" in failed.output


def test_debug_shows_the_traceback() -> None:
    failed = run("--debug", "methods", "no_such_name")
    assert isinstance(failed.exception, configs.UnknownNameError)


@pytest.mark.parametrize("what", ["datasets", "metrics", "plugins"])
def test_every_record_can_be_shown_and_is_json(what: str) -> None:
    listed = json.loads(run(what, "--json").output)
    assert listed
    for record in listed:
        shown = run(what, record["name"])
        assert shown.exit_code == 0, shown.output
        assert record["name"] in shown.output
        assert json.loads(run(what, record["name"], "--json").output)["name"] == record["name"]


def test_a_data_set_shows_its_options(toy: Method[Config]) -> None:
    shown = run("datasets", "sprites").output
    assert "--size" in shown
    assert "64 or 32" in shown


def test_a_data_set_shows_its_card(toy: Method[Config]) -> None:
    shown = run("datasets", "dsprites").output
    for fact in ("orientation 40", "737,280", "28,024,106 bytes, sha256:729fa22e", "never opened", "Apache-2.0"):
        assert fact in shown
    record = json.loads(run("datasets", "dsprites", "--json").output)
    assert record["factors"]["orientation"] == 40
    assert record["files"][0]["size"] == 28_024_106


def test_a_broken_plugin_is_listed_with_its_traceback(broken: registry.Registry) -> None:
    listed = run("plugins").output
    assert "No module named 'no_such_package'" in listed
    assert "distoolkit plugins bad" in listed
    assert "toy_method" in listed  # the others go on
    shown = run("plugins", "bad").output
    assert "Traceback (most recent call last)" in shown
    assert "distoolkit-bad 0.1" in shown


def test_every_setting_becomes_a_flag_with_its_help(toy: Method[Config]) -> None:
    shown = run("fit", "toy_method", "--help").output
    for text in (
        "--latents INTEGER",
        "--lr-critic FLOAT",
        "--bias / --no-bias",
        "[relu|leaky_relu]",
        "--widths N,N,...",
    ):
        assert text in shown
    assert "step size [0.5; 0 to 1]" in " ".join(shown.split())


def test_flags_reach_fit_as_the_config_has_them(toy: Method[Config], fitted: dict[str, object]) -> None:
    done = run(
        *("fit", "toy_method", "--data", "sprites", "--sample", 20, "-D", "size=32", "--seed", 3),
        *("--lr_critic", 0.25, "--no-bias", "--widths", "8,16", "--activation", "leaky_relu", "--size", 4),
        *("--precision", "bf16-mixed", "--time-limit", 9.5, "--checkpoint-every", 7, "--folder", "here"),
    )
    assert done.exit_code == 0, done.output
    images = fitted.pop("images")
    assert images["image"].shape == (20, 32, 32, 1)
    assert fitted == {
        "method": toy,
        "seed": 3,
        "device": "auto",
        "precision": "bf16-mixed",
        "quick": False,
        "compile": False,
        "checkpoint_every": 7,
        "time_limit": 9.5,
        "folder": Path("here"),
        "resume": False,
        "lr_critic": 0.25,
        "bias": False,
        "widths": (8, 16),
        "activation": "leaky_relu",
        "size": 4,
    }


def test_a_flag_that_is_not_given_leaves_the_setting_to_fit(toy: Method[Config], fitted: dict[str, object]) -> None:
    assert run("fit", "toy_method", "--data", "sprites", "--sample", 20, "--quick", "--steps", 7).exit_code == 0
    assert fitted["quick"] is True
    assert {s.name for s in configs.settings(Config)} & set(fitted) == {"steps"}


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Give what `training.start` was called with; nothing is trained."""
    from distoolkit import training

    seen: dict[str, object] = {}

    def start(method: object, images: object, **options: object) -> None:
        seen.update(method=method, images=images, **options)

    monkeypatch.setattr(training, "start", start)
    monkeypatch.setattr(fitting, "train", lambda session: None)
    return seen


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["toy_method", "--data", "sprites", "--latnts", "3"], "'--latents'"),
        (["toy_method", "--data", "sprites", "--sampel", "3"], "'--sample'"),
        (["toy_method", "--data", "spritez"], "did you mean 'sprites'"),
        (["toy_methd", "--data", "sprites"], "did you mean 'toy_method'"),
        (["toy_method"], "--data NAME"),
        (["--data", "sprites", "toy_method"], "the method comes first"),
        (["toy_method", "--data", "sprites", "--widths", "8;9"], "such as 32,64"),
        (["toy_method", "--data", "sprites", "-D", "size"], "KEY=VALUE"),
        (["toy_method", "--data", "sprites", "-D", "sise=32"], "did you mean 'size'"),
        (["toy_method", "--resume"], "--folder"),
        (["toy_method", "--resume", "--folder", "no/such/folder"], "no run folder"),
    ],
)
def test_a_wrong_flag_is_refused_with_what_to_do(toy: Method[Config], args: list[str], said: str) -> None:
    failed = run("fit", *args)
    assert failed.exit_code == 2
    assert said in failed.output
    assert "Traceback" not in failed.output


@pytest.mark.parametrize("name", registry.methods())
def test_no_installed_method_has_a_setting_that_hides_a_flag_of_fit(name: str) -> None:
    from distoolkit.cli.fitting import _fit

    taken = {p.name for p in _fit.params} | {"help", "json", "progress", "checkpoint_every", "log_every"}
    assert not taken & {s.name for s in configs.settings(registry.methods()[name].config)}


def test_data_options_are_read_as_numbers_words_or_text() -> None:
    pairs = ["size=32", "ratio=0.5", "grey=yes", "names=['a', 'b']", "path=my file.npz", "sample=none", "max-size=3"]
    assert flags.pairs_to_options(pairs) == {
        "size": 32,
        "ratio": 0.5,
        "grey": True,
        "names": ["a", "b"],
        "path": "my file.npz",
        "sample": None,
        "max_size": 3,
    }
    with pytest.raises(ConfigError, match="given twice"):
        flags.pairs_to_options(["size=1", "size=2"])


def test_a_path_that_looks_like_a_number_stays_a_path(toy: Method[Config]) -> None:
    options = {o.name: o for o in flags._data_flags("folder")}
    assert options["option_path"].type is click.STRING


def test_a_data_option_that_is_yes_or_no_is_a_switch() -> None:
    (switch,) = (o for o in flags._data_flags("folder") if o.name == "option_skip_unreadable")
    command = click.Command("fit", params=[switch, click.Option(["--folder"])])
    given = command.make_context("fit", ["--skip-unreadable", "--folder", "here"]).params
    assert given == {"option_skip_unreadable": True, "folder": "here"}
    assert command.make_context("fit", ["--no-skip-unreadable"]).params["option_skip_unreadable"] is False
    assert command.make_context("fit", []).params["option_skip_unreadable"] is None


def test_lab_opens_the_first_tutorial_on_this_machine_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(jupyter.os, "execv", lambda _, command: started.append(command))
    for name in ("10_last.ipynb", "2_second.ipynb", "1_first.ipynb"):
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        (tmp_path / "notebooks" / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert run("lab", "--no-browser").exit_code == 0
    assert run("lab", "2_").exit_code == 0
    (first, second) = started
    assert "--ServerApp.ip=127.0.0.1" in first
    assert not any("token" in part for part in first)  # the server makes one itself
    assert first[-2:] == ["--no-browser", str(tmp_path / "notebooks" / "1_first.ipynb")]
    assert second[-1] == str(tmp_path / "notebooks" / "2_second.ipynb")
    assert [p.stem for p in jupyter.find_tutorials()] == ["1_first", "2_second", "10_last"]


def test_lab_refuses_a_notebook_that_is_not_there() -> None:
    with pytest.raises(DataError, match="no notebook 'nothing'"):
        jupyter.find_notebook("nothing")


def test_lab_says_where_the_tutorials_are_when_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "find_tutorials", list)
    monkeypatch.setattr(jupyter.os, "execv", lambda *_: None)
    assert "notebooks/" in run("lab").output
