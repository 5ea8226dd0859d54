"""The README is run, not believed: its Python, its shell lines, its links and its make targets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from distoolkit import registry
from distoolkit.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *map(str, (ROOT / "plugins").glob("**/README.md"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


def environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"], "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path):
    (code,) = blocks("python")
    (tmp_path / "readme.py").write_text("import warnings; warnings.simplefilter('error')\n" + code)
    done = subprocess.run(
        [sys.executable, "readme.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_shell_lines_of_the_readme_run(tmp_path):
    lines = blocks("sh")[-1].splitlines()
    served = [line for line in lines if line.startswith("distoolkit dashboard")]
    assert served, "the dashboard's line is tried in tests/browser, where something looks at the page"
    for line in lines:
        if line not in served:
            done = subprocess.run(
                line.split(), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"{line}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    assert (tmp_path / "runs/first/weights.safetensors").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: os.path.relpath(p, ROOT))
def test_every_fit_line_of_a_page_is_one_that_the_command_line_takes(page: str, monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("parsed: nothing is loaded or trained here")

    monkeypatch.setattr("distoolkit.cli.fitting.load_images", refuse)
    for line in re.findall(r"^ *distoolkit (fit [a-z].*)$", (ROOT / page).read_text(), flags=re.M):
        if line.split()[1] in registry.methods():  # not the method that the guide has the reader write
            done = CliRunner().invoke(cli, line.split())
            assert isinstance(done.exception, AssertionError), f"distoolkit {line}\n{done.output}"


def test_the_make_targets_of_the_readme_exist_and_ci_runs_its_test_command():
    named = set(re.findall(r"make (\w+)", README))
    assert {"demo", "test", "lab"} <= named
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert named <= targets
    assert re.search(r"^make test$", (ROOT / ".ci/run").read_text(), flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: os.path.relpath(p, ROOT))
def test_every_link_to_a_file_leads_somewhere(page: str):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{page} links to {target}"
