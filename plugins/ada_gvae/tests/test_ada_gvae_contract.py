from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distoolkit_ada_gvae import METHOD
from distoolkit_ada_gvae.pictures import distances, loss_terms, pairs

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.nn import gaussian
from distoolkit.testing import check_devices, check_method, tiny_images


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)


def test_it_keeps_to_the_device_without_averaging_too() -> None:
    check_devices(METHOD, steps=3, average=False)


def fitted(folder: Path, **settings: Any) -> dt.Run:
    options = {"steps": 20, **settings}
    return dt.fit(METHOD, tiny_images(), folder=folder, device="cpu", progress=False, quick=True, **options)


def test_the_loss_adds_up_and_some_latents_are_shared(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", beta=3.0)
    last = {name: float(run.history[name][-1]) for name in run.history.data_vars}
    assert last["loss"] == pytest.approx(last["reconstruction"] + 3 * last["kl"], rel=1e-5)
    assert 0 < last["shared"] < 6
    assert len(loss_terms(run, tiny_images())) == 4


def test_without_averaging_nothing_is_shared(tmp_path: Path) -> None:
    assert set(fitted(tmp_path / "run", average=False).history.data_vars) == {"loss", "reconstruction", "kl"}


def test_images_without_factors_are_refused(tmp_path: Path) -> None:
    bare = dt.as_images(tiny_images()["image"].values)
    with pytest.raises(DataError, match="ada_gvae needs images with true factors"):
        dt.fit(METHOD, bare, folder=tmp_path / "run", device="cpu", progress=False, quick=True)


def test_the_picture_shows_what_a_change_does_to_each_latent(tmp_path: Path) -> None:
    images = tiny_images()
    run = fitted(tmp_path / "run")
    found = distances(run, images)
    assert found["factor"].values.tolist() == ["colour", "size", "x", "y"]
    # size is the second factor and has two values: each image is paired with the one of the other size
    size = images["factors"].sel(factor="size").values
    other = np.arange(96) + np.where(size == 0, 16, -16)
    model: Any = run.model()
    with torch.no_grad():
        image = torch.from_numpy(images["image"].values).permute(0, 3, 1, 2).float() / 255
        q, p = gaussian(*model.moments(image)), gaussian(*model.moments(image[other]))
        expected = torch.distributions.kl_divergence(q, p).mean(0)
    np.testing.assert_allclose(found.sel(factor="size"), expected, rtol=1e-4, atol=1e-6)
    assert pairs(run, images).dimension_values("kl").shape == (24,)
    with pytest.raises(DataError, match="these images have none"):
        pairs(run, dt.as_images(images["image"].values))
