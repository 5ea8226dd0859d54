"""The plugin guide is followed to the letter: its package is installed, tested and used."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distoolkit import hookspecs, registry
from distoolkit.config import configure
from distoolkit.training import Loop

GUIDE = (Path(__file__).parents[2] / "plugins" / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
FILES = {found.group(1): code for _, code in BLOCKS if (found := re.match(r"# (\S+\.(?:py|toml))\n", code)) is not None}
SCRIPTS = [code for kind, code in BLOCKS if kind == "python" and code not in FILES.values()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the package of the guide and install it, as its reader would."""
    source, site = tmp_path_factory.mktemp("sparse"), tmp_path_factory.mktemp("site")
    for path, code in FILES.items():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(code)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-input"]
    subprocess.run([*command, "--target", str(site), str(source)], check=True, capture_output=True, timeout=300)
    (site / "tests").mkdir()
    (site / "tests" / "test_sparse.py").write_text(FILES["tests/test_sparse.py"])
    return site


@pytest.fixture
def installed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTOOLKIT_STRICT", "1")
    registry.shared.cache_clear()
    yield site
    registry.shared.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "distoolkit_sparse"]:
        del sys.modules[name]


def test_the_guide_has_every_file_that_it_names() -> None:
    assert set(FILES) == {
        "pyproject.toml",
        *(f"distoolkit_sparse/{name}.py" for name in ("__init__", "model", "training", "card", "extras")),
        "tests/test_sparse.py",
    }
    assert len(SCRIPTS) == 2


def test_its_tests_pass(installed: Path) -> None:
    names: dict[str, object] = {}
    exec(compile(FILES["tests/test_sparse.py"], "test_sparse.py", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        test()  # type: ignore[operator]


def test_its_scripts_run(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for script in SCRIPTS:
        exec(compile(script, "plugins/README.md", "exec"), names)
    assert re.search(r"\[[0-4]\.\]", capsys.readouterr().out)
    assert names["run"].status == "finished"  # type: ignore[attr-defined]


def test_its_card_names_settings_that_exist(installed: Path) -> None:
    record = registry.find("methods", "sparse_autoencoder")
    assert callable(registry.resolve(record.card))
    arms = sys.modules["distoolkit_sparse.card"].ARMS
    assert [configure(registry.find("methods", m).config, **s).sparsity for m, s in arms.values()] == [0.1, 0.0]


def test_listing_it_imports_no_torch(installed: Path) -> None:
    code = "import sys, distoolkit; assert 'sparse_autoencoder' in distoolkit.methods(); print('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(installed), "PATH": ""}
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert out.stdout.strip() == "False", out.stderr


def test_the_table_of_hooks_is_whole() -> None:
    described = dict(re.findall(r"^\| `(distoolkit_\w+)` \| `(\w+)` \|$", GUIDE, flags=re.MULTILINE))
    specified = {name for name in vars(hookspecs) if name.startswith("distoolkit_")}
    assert described == {f"distoolkit_{hook}": kind.__name__ for hook, kind in registry.HOOKS.items()}
    assert set(described) == specified


def test_the_table_of_the_loop_names_what_there_is() -> None:
    named = set(re.findall(r"`loop\.(\w+)", GUIDE))
    assert named >= {"stage", "minimise", "descend", "optimizer", "module", "state", "once", "chunks", "gather"}
    attributes = set(re.findall(r"^    (\w+)$", Loop.__doc__ or "", flags=re.MULTILINE))
    there = {name for name in named if hasattr(Loop, name)} | attributes
    assert named - there == set()
