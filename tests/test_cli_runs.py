"""The command line at work: from fit to report on small images, interrupted and resumed, and the demo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from click.testing import CliRunner, Result

import distoolkit as dt
from distoolkit.cli import cli, demo

SMALL = ("--data", "sprites", "--size", 32, "--sample", 200)


def run(*args: object, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, [str(a) for a in args])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pca"
    said = run("fit", "pca", *SMALL, "--latents", 4, "--seed", 2, "--folder", folder).output
    assert f"finished: {folder}" in said
    assert f"next: distoolkit evaluate {folder}" in said
    return folder


def test_fit_writes_the_run_that_the_flags_ask_for(fitted: Path) -> None:
    opened = dt.open_run(fitted)
    assert (opened.method.name, opened.config.latents, opened.seed, opened.spec.count) == ("pca", 4, 2, 200)


def test_encode_takes_the_images_that_the_run_was_fitted_on(fitted: Path) -> None:
    assert "200 images, 4 latents" in run("encode", fitted).output
    latents = dt.open_run(fitted).open("latents")
    images = dt.load("sprites", size=32, sample=200)
    xr.testing.assert_equal(latents["code"], dt.encode(fitted, images)["code"])


def test_encode_takes_other_images_and_writes_them_elsewhere(fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "other.nc"
    run("encode", fitted, "--data", "sprites", "--size", 32, "--sample", 30, "-D", "seed=5", "--out", out)
    latents = dt.schema.open(out)
    assert latents.sizes["sample"] == 30
    assert dt.open_run(fitted).open("latents").sizes["sample"] == 200
    run("encode", fitted, "--data", "sprites", "--size", 32, "--sample", 20)
    assert dt.schema.open(fitted / "latents-sprites.nc").sizes["sample"] == 20
    assert dt.open_run(fitted).open("latents").sizes["sample"] == 200


def test_evaluate_prints_and_saves_the_scores(fitted: Path) -> None:
    printed = json.loads(run("evaluate", fitted, "-m", "mig", "-m", "reconstruction", "--json").stdout)
    scores = dt.open_run(fitted).open("scores")
    assert printed["data"] == "sprites"
    assert printed["scores"]["mig"] == pytest.approx(float(scores["score"].sel(metric="mig")))
    table = run("evaluate", fitted, "-m", "mig").output
    assert f"{printed['scores']['mig']:.4f}" in table
    assert "higher" in table


def test_an_unknown_metric_is_refused_in_one_line(fitted: Path) -> None:
    said = run("evaluate", fitted, "-m", "mgi", code=2).output
    assert "did you mean 'mig'" in said


def test_traverse_saves_and_draws(fitted: Path, tmp_path: Path) -> None:
    said = run("traverse", fitted, "--sample", 3, "--steps", 5, "--out", tmp_path / "strip.png").output
    assert "4 units, 5 steps" in said
    assert (tmp_path / "strip.png").read_bytes().startswith(b"\x89PNG")
    assert dt.open_run(fitted).open("traversal").sizes["step"] == 5


def test_report_is_written_beside_the_run_or_where_it_is_asked_for(fitted: Path, tmp_path: Path) -> None:
    assert str(fitted / "report.html") in run("report", fitted).output
    run("report", fitted, "--out", tmp_path / "mine.html")
    assert "<html" in (tmp_path / "mine.html").read_text(encoding="utf-8")[:500]


def test_dashboard_is_given_the_runs_and_the_port(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distoolkit import dashboards

    seen: list[Any] = []
    monkeypatch.setattr(dashboards, "serve", lambda *args, **options: seen.append((args, options)))
    run("dashboard", fitted, fitted, "--port", 5017, "--no-browser")
    assert seen == [(([fitted, fitted], None), {"port": 5017, "show": False})]


@pytest.mark.parametrize("command", ["encode", "evaluate", "traverse", "report", "dashboard"])
def test_a_folder_that_is_no_run_is_refused_in_one_line(command: str, tmp_path: Path) -> None:
    said = run(command, tmp_path / "nothing", code=2).output
    assert said.startswith("Error: ")
    assert "run" in said
    assert said.count("\n") == 1


def test_a_run_on_images_from_memory_asks_for_data(tmp_path: Path, tiny_images: xr.Dataset) -> None:
    dt.fit("pca", tiny_images, folder=tmp_path / "run", latents=2, progress=False)
    assert "'tiny'" in run("encode", tmp_path / "run", code=2).output


def test_metrics_left_out_for_one_reason_share_a_line(tmp_path: Path, tiny_images: xr.Dataset) -> None:
    made = dt.fit("pca", tiny_images, folder=tmp_path / "run", latents=2, progress=False)
    made.save(dt.encode(made, tiny_images).drop_dims("factor"))
    lines = [line for line in run("evaluate", made.folder).output.splitlines() if line.startswith("left out:")]
    (factors,) = (line for line in lines if "needs true factors" in line)
    assert "mig, " in factors
    assert "dci, " in factors


def test_a_run_stopped_by_the_time_limit_is_resumed_with_its_own_settings(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    flags = ("--quick", "--steps", 12, "--beta", 3, "--seed", 4, "--folder", folder)
    stopped = run("fit", "beta_vae", *SMALL, *flags, "--time-limit", 0.01).output
    assert "stopped: " in stopped
    assert f"to go on: distoolkit fit beta_vae --resume --folder {folder}" in stopped
    assert dt.open_run(folder).record["steps"] < 12
    assert "finished: " in run("fit", "beta_vae", "--resume", "--folder", folder).output
    opened = dt.open_run(folder)
    assert (opened.config.steps, opened.config.beta, opened.seed) == (12, 3.0, 4)


def test_an_interrupt_keeps_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from distoolkit.cli import main; main()", "fit", "beta_vae", *map(str, SMALL)]
    command += ["--quick", "--steps", "1000000", "--folder", str(tmp_path / "run")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        end = time.monotonic() + 90
        while not (tmp_path / "run" / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert f"to go on: distoolkit fit beta_vae --resume --folder {tmp_path / 'run'}" in out
    assert "Traceback" not in err
    assert dt.open_run(tmp_path / "run").status == "stopped"
    assert dt.open_run(tmp_path / "run").model()


@pytest.mark.slow
def test_the_demo_writes_one_report_and_does_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DATA", {"name": "sprites", "size": 32, "sample": 300})
    monkeypatch.setattr(demo, "METHODS", {"pca": {"latents": 3}, "beta_vae": {"latents": 3, "steps": 8, "width": 8}})
    said = run("demo", "--out", tmp_path).output
    assert str(tmp_path / "report.html") in said
    for text in ("[1/4]", "[4/4]", "mig", "pca", "beta_vae"):
        assert text in said
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "pca" in html
    assert "beta_vae" in html
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nc")}
    run("demo", "--out", tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nc")} == before


@pytest.mark.slow
def test_a_demo_that_ran_out_of_time_reports_what_it_has_and_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DATA", {"name": "sprites", "size": 32, "sample": 300})
    monkeypatch.setattr(demo, "METHODS", {"beta_vae": {"latents": 3, "steps": 20, "width": 8}})
    monkeypatch.setattr(demo, "TIME_LIMIT", 0.01)
    said = run("demo", "--out", tmp_path).output
    assert "stopped: " in said
    assert (tmp_path / "report.html").exists()
    early = dt.open_run(tmp_path / "beta_vae").open("latents")
    monkeypatch.setattr(demo, "TIME_LIMIT", 60.0)
    run("demo", "--out", tmp_path)
    later = dt.open_run(tmp_path / "beta_vae")
    assert later.status == "finished"
    assert not later.open("latents")["code"].equals(early["code"])
