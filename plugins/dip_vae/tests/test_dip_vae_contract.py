from __future__ import annotations

from pathlib import Path

import pytest
import torch
from distoolkit_dip_vae import METHODS
from distoolkit_dip_vae.covariance import covariance_of_codes
from distoolkit_dip_vae.pictures import code_covariance, covariance, loss_terms

import distoolkit as dt
from distoolkit.testing import check_method, tiny_images


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_it_keeps_the_contract(method: dt.Method) -> None:
    check_method(method)


def fitted(name: str, folder: Path, **settings: float) -> dt.Run:
    return dt.fit(
        name,
        tiny_images(),
        folder=folder,
        device="cpu",
        progress=False,
        quick=True,
        **{"steps": 20, **settings},
    )


@pytest.mark.parametrize("name", ["dip_vae_i", "dip_vae_ii"])
def test_the_loss_adds_up(name: str, tmp_path: Path) -> None:
    run = fitted(name, tmp_path / "run", lambda_od=7.0, lambda_d=3.0)
    last = {key: float(run.history[key][-1]) for key in run.history.data_vars}
    penalty = 7 * last["off_diagonal"] + 3 * last["diagonal"]
    assert last["loss"] == pytest.approx(last["reconstruction"] + last["kl"] + penalty, rel=1e-5)
    assert len(loss_terms(run, tiny_images())) == 4


def test_the_picture_shows_the_covariance_of_all_images(tmp_path: Path) -> None:
    images = tiny_images()
    run = fitted("dip_vae_ii", tmp_path / "run")
    with torch.no_grad():
        image = torch.from_numpy(images["image"].values).permute(0, 3, 1, 2).float() / 255
        expected = covariance_of_codes(*run.model().moments(image))  # type: ignore[operator]
    torch.testing.assert_close(code_covariance(run, images), expected, rtol=1e-4, atol=1e-6)
    assert covariance(run, images).dimension_values("covariance").shape == (36,)


def test_the_penalty_brings_the_variances_of_the_means_nearer_to_one(tmp_path: Path) -> None:
    run = fitted("dip_vae_i", tmp_path / "run", steps=300)
    assert float(run.history["diagonal"][-5:].mean()) < 0.1 * float(run.history["diagonal"][0])
