"""Whole runs: phases, stops at every kind of moment, determinism, and what is found on data with one factor."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
import torch
import xarray as xr
from distoolkit_dotvae import METHOD
from distoolkit_dotvae.pictures import openings, story
from distoolkit_dotvae.training import train

import distoolkit as dt
from distoolkit.config import as_json
from distoolkit.runs import Run
from distoolkit.testing import check_devices, check_method, tiny_images
from distoolkit.training import start

ALWAYS: dict[str, Any] = {"accept_kl": 0.0, "accept_recovery": -1.0, "accept_change": 0.0}
NEVER: dict[str, Any] = {"accept_kl": 100.0}
SCHEDULE_ONLY: dict[str, Any] = {"recover_weight": 0.0, "nuisance_weight": 0.0, "adversarial_weight": 0.0}


def fit(folder: Path, images: xr.Dataset | None = None, **settings: Any) -> Run:
    images = tiny_images() if images is None else images
    return dt.fit(METHOD, images, folder=folder, device="cpu", progress=False, quick=True, log_every=1, **settings)


def stages(run: Run) -> list[str]:
    return list(dict.fromkeys(run.history["stage"].values.tolist()))


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)


@pytest.mark.parametrize("settings", [{}, {"recovery": "mse", "adversarial_weight": 0.0}], ids=["default", "others"])
def test_the_phases_on_a_device(settings: dict[str, Any]) -> None:
    check_devices(METHOD, steps=40, **settings)


def test_phases_take_all_steps_and_every_opening_is_told(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, window_share=0.1, **ALWAYS)
    assert run.history["step"].values.tolist() == list(range(1, 21))
    assert stages(run) == ["pretrain", "z1_1", "z1_2", "z1_3", "z1_4", "consolidate"]
    assert run.history["open_dimensions"].values.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, *[4] * 12]
    model = run.model()
    assert model.gamma.tolist() == [1, 1, 1, 1]
    assert [(t.dimension, t.step, t.verdict) for t in model.trials()] == [(k, 4 + 2 * k, "accepted") for k in range(4)]


def test_dimensions_that_fail_are_closed_and_the_run_goes_on_without_them(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, window_share=0.1, **NEVER)
    assert stages(run) == ["pretrain", "z1_1", "z1_1 again", "z1_2", "z1_2 again", "consolidate"]
    assert run.model().gamma.tolist() == [0, 0, 0, 0]
    latents = dt.encode(run, tiny_images(), device="cpu")
    assert not latents["code"].values.any()
    told = story(run)
    assert told[-1] == "0 of 4 dimensions accepted; no more were opened: 2 dimensions in a row were closed"
    assert told[0].startswith("step 2: z1_1 opens; step 4: KL ")
    assert [line.rsplit(": ", 1)[1] for line in told[:-1]] == ["gets a second window", "closed"] * 2
    assert told[1].startswith("step 4: z1_1 is open again; step 6: KL ")
    boxes = openings(run, tiny_images()).get(0)
    assert boxes["opened"].tolist() == [2, 4, 6, 8]
    assert boxes["tested"].tolist() == [4, 6, 8, 10]
    assert boxes["verdict"].tolist() == ["retry", "closed"] * 2
    hv.renderer("matplotlib").get_plot(openings(run, tiny_images()))


def test_every_failure_can_close_and_the_first_can_be_the_last(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, window_share=0.1, retries=0, failures=1, **NEVER)
    assert stages(run) == ["pretrain", "z1_1", "consolidate"]
    assert story(run)[-1] == "0 of 4 dimensions accepted; no more were opened: a dimension was closed"


def test_a_dimension_can_get_more_windows_than_two(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, window_share=0.1, retries=3, failures=4, latents=2, **NEVER)
    assert [(t.dimension, t.attempt) for t in run.model().trials()] == list(itertools.product((0, 1), (1, 2, 3, 4)))
    assert [line.rsplit(": ", 1)[1] for line in story(run)[:4]] == [
        *["gets a second window", "gets another window", "gets another window", "closed"]
    ]


def test_interventions_set_in_over_the_share_given(tmp_path: Path) -> None:
    """With only the adversarial weight, the loss over its part is the ramp."""
    weights = {"recover_weight": 0.0, "nuisance_weight": 0.0}
    run = fit(tmp_path / "run", steps=20, window_share=0.4, ramp_share=0.5, **weights, **ALWAYS)
    window = run.history.isel(step=slice(2, 10))
    ramp = (window["intervention_loss"] / window["adversarial"]).values
    np.testing.assert_allclose(ramp, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1], rtol=1e-5)


_SPLIT: dict[str, Any] = {"steps": 11, "window_share": 0.18, "pretrain_share": 0.1}
STOPPED: dict[str, dict[str, Any]] = {
    "rejecting": {**_SPLIT, "latents": 3, **NEVER},
    "accepting, beta rising": {**_SPLIT, "latents": 4, "beta_start": 1.0, "beta_end": 8.0, **ALWAYS},
}
_WINDOWS = {
    "rejecting": ["z1_1", "z1_1 again", "z1_2", "z1_2 again"],
    "accepting, beta rising": ["z1_1", "z1_2", "z1_3", "z1_4"],
}


@pytest.fixture(scope="module", params=list(STOPPED))
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = fit(tmp_path_factory.mktemp("whole") / "run", **STOPPED[request.param])
    assert stages(run) == ["pretrain", *_WINDOWS[request.param], "consolidate"]
    assert [t.step for t in run.model().trials()] == [3, 5, 7, 9]
    return run


@pytest.mark.parametrize("stop", [1, 2, 3, 5, 9, 10])
def test_stopped_anywhere_it_ends_as_if_it_had_not_been(tmp_path: Path, whole: Run, stop: int) -> None:
    """Stop after the pre-training, in a window, at tests with each verdict and the last, and in the consolidation."""
    folder, settings = tmp_path / "run", as_json(whole.config)
    session = start(METHOD, tiny_images(), folder=folder, device="cpu", quick=True, log_every=1, **settings)
    for progress in session:
        if progress.step == stop:
            session.stop()
    assert session.finish().status == "stopped"
    resumed = fit(folder, resume=True, **settings)
    weights = whole.model().state_dict()
    for name, tensor in resumed.model().state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    for name in whole.history.data_vars:
        np.testing.assert_array_equal(resumed.history[name].values, whole.history[name].values)


def test_the_same_seed_gives_the_same_losses(tmp_path: Path) -> None:
    one, two = (fit(tmp_path / name, steps=20) for name in ("one", "two"))
    assert one.history["loss"].values.tolist() == two.history["loss"].values.tolist()
    assert one.history["discriminator_loss"].dropna("step").size == 8


def test_without_weights_there_is_no_intervention_step(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, **SCHEDULE_ONLY)
    assert {"intervention_loss", "recovery", "discriminator_loss"}.isdisjoint(run.history.data_vars)
    parts = run.history.isel(step=-1)
    expected = float(parts["reconstruction"] + parts["kl"] + 16 * parts["kl_nuisance"])
    assert float(parts["loss"]) == pytest.approx(expected, rel=1e-5)


def test_the_intervention_loss_weighs_its_parts(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, recover_weight=2.0, nuisance_weight=0.5, adversarial_weight=3.0, **ALWAYS)
    parts = run.history.isel(step=-1)
    expected = float(2 * parts["recovery"] + 0.5 * parts["nuisance_recovery"] + 3 * parts["adversarial"])
    assert float(parts["intervention_loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_form_of_the_recovery_reaches_the_training(tmp_path: Path) -> None:
    """The first intervention still has the same weights and draws in both runs."""
    means, gaussian = (fit(tmp_path / form, steps=20, recovery=form, **ALWAYS).history for form in ("mse", "gaussian"))
    assert means["loss"].values[2] == gaussian["loss"].values[2]
    assert means["recovery"].values[2] != gaussian["recovery"].values[2]
    assert means["loss"].values[-1] != gaussian["loss"].values[-1]
    assert (means["recovery"].dropna("step") > 0).all()


def test_without_an_adversarial_weight_no_discriminator_is_trained(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=20, adversarial_weight=0.0, **ALWAYS)
    assert {"adversarial", "discriminator_loss"}.isdisjoint(run.history.data_vars)
    parts = run.history.isel(step=-1)
    expected = float(parts["recovery"] + 0.1 * parts["nuisance_recovery"])
    assert float(parts["intervention_loss"]) == pytest.approx(expected, rel=1e-4)


def one_factor() -> xr.Dataset:
    """Make 64 grey pictures of one bar at 64 places."""
    image = np.zeros((64, 16, 16, 1), dtype=np.uint8)
    centre = np.linspace(2, 13, 64)[:, None, None]
    image[:, 2:14, :, 0] = 255 * np.exp(-(((np.arange(16)[None, None] - centre) / 2) ** 2))
    return dt.as_images(image, np.arange(64)[:, None], ["place"])


@pytest.mark.parametrize("weights", [SCHEDULE_ONLY, {}], ids=["schedule only", "with interventions"])
def test_one_factor_opens_far_fewer_dimensions_than_there_could_be(tmp_path: Path, weights: dict[str, Any]) -> None:
    run = fit(tmp_path / "run", one_factor(), steps=800, latents=8, width=8, lr=3e-3, **weights)
    trials = run.model().trials()
    assert 1 <= int(run.model().gamma.sum()) <= 2
    assert len({t.dimension for t in trials}) <= 5


def test_a_head_that_is_stuck_at_the_prior_is_rejected(tmp_path: Path) -> None:
    def numb(model: Any, loop: Any, config: Any) -> Any:
        for parameter in model.head1.parameters():
            parameter.requires_grad_(False)
            parameter.zero_()
        return train(model, loop, config)

    stuck = dataclasses.replace(METHOD, trainer=numb)
    run = dt.fit(stuck, one_factor(), folder=tmp_path / "run", device="cpu", progress=False, quick=True, steps=40)
    assert [t.verdict for t in run.model().trials()] == ["retry", "closed", "retry", "closed"]
    assert {t.figures.kl for t in run.model().trials()} == {0.0}
