from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from distoolkit_dotvae import METHOD
from distoolkit_dotvae.card import figures, with_nuisance
from distoolkit_dotvae.published import published

import distoolkit as dt
from distoolkit.runs import Run
from distoolkit.testing import tiny_images


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return dt.fit(
        METHOD,
        tiny_images(),
        folder=tmp_path_factory.mktemp("card") / "run",
        device="cpu",
        progress=False,
        quick=True,
        steps=20,
        accept_kl=0.0,
        accept_recovery=-1.0,
        accept_change=0.0,
    )


def test_both_codes_together_begin_with_the_code(run: Run) -> None:
    alone, both = dt.encode(run, tiny_images(), device="cpu"), with_nuisance(run, tiny_images())
    assert both.sizes["latent"] == 4 + 4
    np.testing.assert_array_equal(both["code"].values[:, :4], alone["code"].values)
    assert (both["code"].values[:, 4:].std(0) > 0).all()
    assert both["unit"].values.tolist() == [f"z{code}_{k}" for code in (1, 2) for k in (1, 2, 3, 4)]


def test_the_cards_own_figures(run: Run) -> None:
    found = figures(run, tiny_images(), dt.encode(run, tiny_images(), device="cpu"))
    assert found["accepted"] == 4
    assert set(found) == {"accepted", "dci_with_z2", "mig_with_z2"}
    assert all(0 <= found[name] <= 1 for name in ("dci_with_z2", "mig_with_z2"))


def test_with_the_entangled_code_in_the_code_it_is_drawn_too(tmp_path: Path) -> None:
    options = {"folder": tmp_path / "run", "device": "cpu", "progress": False, "quick": True, "steps": 20}
    run = dt.fit(METHOD, tiny_images(), nuisance_in_code=True, **options)
    latents = dt.encode(run, tiny_images(), device="cpu")
    assert latents.sizes["latent"] == 8
    model = run.model()
    assert model.decode(latents_of(latents)).shape == (96, 3, 16, 16)
    moved = latents_of(latents)
    moved[:, 5] += 3.0
    assert not model.decode(moved).equal(model.decode(latents_of(latents)))


def latents_of(latents):
    import torch

    return torch.from_numpy(latents["code"].values.copy())


def test_the_published_table() -> None:
    table = {dataset.attrs["method"]: dataset for dataset in published()}
    assert len(table) == 7
    own = table["OAT (published)"]
    assert own["score"].sel(metric="dci_disentanglement") == 0.78
    assert own["published_std"].sel(metric="mig") == 0.13
    assert np.isnan(table["VAE (published)"]["published_std"].sel(metric="mig"))
    assert "quoted there from other work" in own.attrs["note"]
