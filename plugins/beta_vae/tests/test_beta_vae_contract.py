from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from distoolkit_beta_vae import METHODS
from distoolkit_beta_vae.pictures import kl_per_latent, loss_terms, mean_kl

import distoolkit as dt
from distoolkit.nn import kl_standard_normal
from distoolkit.testing import check_method, tiny_images


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_it_keeps_the_contract(method: dt.Method) -> None:
    check_method(method)


def test_the_pictures_show_the_kl_of_each_latent_and_the_curves(tmp_path: Path) -> None:
    images = tiny_images()
    run = dt.fit("beta_vae", images, folder=tmp_path / "run", device="cpu", progress=False, quick=True, steps=30)
    with torch.no_grad():
        image = torch.from_numpy(images["image"].values).permute(0, 3, 1, 2).float() / 255
        expected = kl_standard_normal(*run.model().moments(image)).mean(0)  # type: ignore[operator]
    torch.testing.assert_close(mean_kl(run, images), expected)
    bars = kl_per_latent(run, images)
    np.testing.assert_allclose(bars.dimension_values("kl"), expected, rtol=1e-5)
    assert list(bars.dimension_values("latent")) == [f"z{k}" for k in range(6)]
    assert len(loss_terms(run, images)) == 2


def test_the_annealed_kl_follows_its_target(tmp_path: Path) -> None:
    run = dt.fit(
        "annealed_vae",
        tiny_images(),
        folder=tmp_path / "run",
        device="cpu",
        progress=False,
        quick=True,
        steps=400,
        capacity=4.0,
        capacity_steps=200,
    )
    assert run.history["kl"].values[-5:].mean() == pytest.approx(4.0, abs=0.4)


def test_beta_trades_reconstruction_for_kl(tmp_path: Path) -> None:
    last = {}
    for beta in (0.1, 20.0):
        run = dt.fit(
            "beta_vae",
            tiny_images(),
            folder=tmp_path / str(beta),
            device="cpu",
            progress=False,
            quick=True,
            steps=300,
            beta=beta,
        )
        last[beta] = run.history.isel(step=slice(-5, None)).mean("step")
    assert float(last[20.0]["kl"]) < float(last[0.1]["kl"])
    assert float(last[20.0]["reconstruction"]) > float(last[0.1]["reconstruction"])
