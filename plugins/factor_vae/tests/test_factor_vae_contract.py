from __future__ import annotations

from pathlib import Path

from distoolkit_factor_vae import METHOD
from distoolkit_factor_vae.pictures import discriminator

import distoolkit as dt
from distoolkit.testing import check_method, tiny_images


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)


def test_gamma_weighs_the_total_correlation(tmp_path: Path) -> None:
    run = dt.fit(
        "factor_vae",
        tiny_images(),
        folder=tmp_path / "run",
        device="cpu",
        progress=False,
        quick=True,
        steps=20,
        gamma=7.0,
    )
    parts = run.history.isel(step=-1)
    expected = float(parts["reconstruction"] + parts["kl"] + 7 * parts["total_correlation"])
    assert abs(float(parts["loss"]) - expected) < 1e-3 * abs(expected)
    assert len(discriminator(run, tiny_images())) == 2
