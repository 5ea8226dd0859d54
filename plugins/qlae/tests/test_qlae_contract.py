from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distoolkit_qlae import METHOD
from distoolkit_qlae.card import information
from distoolkit_qlae.pictures import codebook, loss_terms, usage

import distoolkit as dt
from distoolkit.testing import check_devices, check_method, known_code, tiny_images


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)


def test_it_keeps_to_the_device_without_quantising_too() -> None:
    check_devices(METHOD, steps=3, quantise=False)


def fitted(folder: Path, **settings: Any) -> dt.Run:
    return dt.fit(METHOD, tiny_images(), folder=folder, device="cpu", progress=False, quick=True, **settings)


def test_codes_are_values_of_the_codebook_and_are_drawn_as_they_are(tmp_path: Path) -> None:
    images = tiny_images()
    run = fitted(tmp_path / "run", steps=60)
    model: Any = run.model()
    code = dt.encode(run, images)["code"].values
    book = model.codebook.detach().numpy()
    assert all(np.isin(code[:, j], book[j]).all() for j in range(6))
    share = usage(run, images)
    assert share.sum(1).tolist() == pytest.approx([1.0] * 6)
    first = (code[:, :1] == book[0]).mean(0)  # share of the images, counted in the codes
    np.testing.assert_allclose(share[0], first, atol=1e-6)
    shown = codebook(run, images)
    np.testing.assert_allclose(shown.dimension_values("share").reshape(6, 10), share)
    assert len(loss_terms(run, images)) == 4


def test_it_learns_through_the_codebook(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", steps=400, weight_decay=0.0)
    curve = run.history["reconstruction"].values
    assert curve[-5:].mean() < 0.3 * curve[0]


def test_the_loss_adds_up(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", steps=20, lambda_quantise=3.0, lambda_commit=5.0)
    last = {key: float(run.history[key][-1]) for key in run.history.data_vars}
    expected = last["reconstruction"] + 3 * last["quantisation"] + 5 * last["commitment"]
    assert last["loss"] == pytest.approx(expected, rel=1e-5)


def test_without_quantising_codes_are_continuous(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", steps=20, quantise=False)
    code = dt.encode(run, tiny_images())["code"].values
    assert len(np.unique(code[:, 0])) > 20
    assert set(run.history.data_vars) == {"loss", "reconstruction"}
    assert len(loss_terms(run, tiny_images())) == 2


def test_the_cards_own_figures_are_those_of_the_metric(tmp_path: Path) -> None:
    latents = known_code("perfect")
    found = dt.evaluate(latents, ["infomec"])["score"]
    own = information(None, None, latents)  # type: ignore[arg-type]
    assert own == {"infom": float(found.sel(metric="infom")), "infoe": float(found.sel(metric="infoe"))}
