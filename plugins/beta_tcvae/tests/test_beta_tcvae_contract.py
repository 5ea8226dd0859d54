from __future__ import annotations

from pathlib import Path

import pytest
from distoolkit_beta_tcvae import METHOD
from distoolkit_beta_tcvae.pictures import terms

import distoolkit as dt
from distoolkit.testing import check_devices, check_method, tiny_images


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)


def test_the_stratified_estimator_stays_on_the_device() -> None:
    check_devices(METHOD, steps=3, estimator="stratified")


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_beta_weighs_the_total_correlation_alone(estimator: str, tmp_path: Path) -> None:
    run = dt.fit(
        METHOD,
        tiny_images(),
        folder=tmp_path / "run",
        device="cpu",
        progress=False,
        quick=True,
        steps=20,
        beta=7.0,
        estimator=estimator,
    )
    last = {name: float(run.history[name][-1]) for name in run.history.data_vars}
    parts = last["mutual_information"] + 7 * last["total_correlation"] + last["dimension_wise_kl"]
    assert last["loss"] == pytest.approx(last["reconstruction"] + parts, rel=1e-5)
    assert len(terms(run, tiny_images())) == 4
