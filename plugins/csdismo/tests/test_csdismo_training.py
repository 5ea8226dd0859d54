"""It learns, content and style have each a part to play, and what is wrong is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from distoolkit_csdismo import METHOD, card, digits, measures, transfer
from distoolkit_csdismo.checks import CollapseError, UnusedHalfWarning
from distoolkit_csdismo.training import decay
from distoolkit_csdismo.transferring import UnknownSampleError

import distoolkit as dt
from distoolkit.contract import ConfigError, DataError, RunError
from distoolkit.testing import check_devices, tiny_images


def fit(images: xr.Dataset, folder: Path, **settings: Any) -> dt.Run:
    return dt.fit(METHOD, images, folder=folder, device="cpu", progress=False, **settings)


@pytest.fixture(scope="module")
def known() -> card.Known:
    return card.coloured_digits(sample=154)


@pytest.fixture(scope="module")
def coloured(known: card.Known) -> xr.Dataset:
    return known.images


@pytest.fixture(scope="module")
def run(coloured: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> dt.Run:
    return fit(coloured, tmp_path_factory.mktemp("runs") / "run", steps=400, encoder_steps=120, batch_size=16)


def test_it_learns_without_collapse(run: dt.Run, coloured: xr.Dataset) -> None:
    image = coloured["image"].values / 255
    blank = np.square(image - image.mean(0)).mean()
    model: Any = run.model()
    assert 0 < float(model.table_error) < 0.25 * blank
    assert dt.encode(run, coloured)["reconstruction_mse"].mean() < 0.3 * blank


def test_content_has_mean_zero_and_variance_one_after_training(run: dt.Run) -> None:
    model: Any = run.model()
    content = model.contents().detach()
    assert content.mean(0).abs().max() < 1e-4
    assert (content.var(0, unbiased=False) - 1).abs().max() < 1e-3


def test_transfer_beats_both_images_and_style_has_the_colours(run: dt.Run, coloured: xr.Dataset) -> None:
    code = dt.encode(run, coloured, reconstruct=False)["code"].values
    first, second = np.random.default_rng(0).integers(128, size=(2, 100))
    drawn = card.mixed(run, code, first, second, 16)
    factors, form = coloured["factors"].values, coloured["sample"].values
    truth = digits.draw(form[first], *factors[second, 1:].T, 16) / 255
    image = coloured["image"].values / 255
    _, ratio = measures.transfer_errors(drawn, image[first], image[second], truth)
    assert ratio < 0.9
    swapped = np.abs(card.mixed(run, code, first, first, 16) - drawn).mean()
    assert swapped > 0.4 * np.abs(image[first] - image[second]).mean()


def test_content_changes_what_is_drawn(run: dt.Run, coloured: xr.Dataset) -> None:
    code = dt.encode(run, coloured, reconstruct=False)["code"].values
    first, second = np.random.default_rng(0).integers(128, size=(2, 100))
    changed = card.mixed(run, code, first, second, 16) - card.mixed(run, code, second, second, 16)
    image = coloured["image"].values / 255
    assert np.abs(changed).mean() > 0.1 * np.abs(image[first] - image[second]).mean()


def test_the_card_has_the_figures_of_the_run(run: dt.Run, known: card.Known) -> None:
    """Held-out forms are encoded, too; figures that are found otherwise here agree."""
    found = card.figures(run, known, pairs=100)
    image, held = (images["image"].values / 255 for images in (known.images, known.held))
    drawn = dt.decode(run, dt.encode(run, known.held))["image"].values / 255
    expected = np.square(drawn - held).mean() / np.square(held - image.mean(0)).mean()
    assert found["nmse_held"] == pytest.approx(expected, rel=0.02)  # drawn pictures are rounded to bytes
    assert found["nmse_held"] < 0.5
    assert found["nmse"] < 0.2
    assert found["style_in_style"] > 0.7
    assert set(card.LOWER) <= set(found)
    assert not set(known.held["sample"].values) & set(known.images["sample"].values)


@pytest.mark.parametrize(("make", "roles"), [("scenes", "SSSCCC"), ("graded_sprites", "CCCCCSS")])
def test_images_of_the_card_are_drawn_with_the_roles_asked_for(make: str, roles: str) -> None:
    known = getattr(card, make)(sample=20)
    assert known.images.sizes["sample"] == 20
    assert known.held.sizes["sample"] == card.HELD
    assert not set(known.images["sample"].values) & set(known.held["sample"].values)
    assert known.roles == tuple(role == "S" for role in roles)
    image = known.images["image"].values / 255
    first, second = np.arange(5), np.arange(5, 10)
    np.testing.assert_array_equal(known.truth(first, second, (False,) * len(roles)), image[first])
    np.testing.assert_array_equal(known.truth(first, second, (True,) * len(roles)), image[second])


def test_scenes_have_few_hues() -> None:
    hues = card.scenes(sample=20).images["factors"].values[:, :3]
    assert set(np.unique(hues)) <= set(card.HUES)


def test_transfer_is_labelled(run: dt.Run, coloured: xr.Dataset) -> None:
    labels = coloured["sample"].values
    board = transfer(run, coloured, content_from=labels[:3], style_from=labels[5:7])
    assert board.attrs["kind"] == "swap"
    assert board["image"].shape == (2, 3, 16, 16, 3)
    assert board["content_from"].values.tolist() == labels[:3].tolist()
    assert board["style_from"].values.tolist() == labels[5:7].tolist()
    code = dt.encode(run, coloured, reconstruct=False)["code"].values
    own = dt.decode(run, np.concatenate([code[2, :16], code[6, 16:]])[None])["image"].values
    np.testing.assert_array_equal(board["image"].values[1, 2], own[0])
    with pytest.raises(UnknownSampleError, match=r"style_from = \[-5\] are no samples of these 128 images"):
        transfer(run, coloured, content_from=labels[:1], style_from=[-5])
    with pytest.raises(DataError, match="content_from is empty"):
        transfer(run, coloured, content_from=[], style_from=labels[:1])
    with pytest.raises(UnknownSampleError, match=r"content_from = \['a'\] are no samples .* give labels of images"):
        transfer(run, coloured, content_from=["a", labels[0]], style_from=labels[:1])
    with pytest.raises(DataError, match="the images are 32x32x3 and the run was fitted on 16x16x3"):
        transfer(run, tiny_images(side=32), content_from=[0], style_from=[1])


def test_traversals_and_swaps_of_the_core_work_on_two_units(run: dt.Run, coloured: xr.Dataset) -> None:
    latents = dt.encode(run, coloured)
    assert dt.traverse(run, latents, steps=3)["image"].shape == (2, 3, 16, 16, 3)
    assert dt.swap(run, coloured, sources=[0], targets=[1, 2], units=["style"])["image"].shape[:2] == (1, 2)


def test_content_stays_out_of_the_warm_up(tmp_path: Path) -> None:
    found = fit(tiny_images(), tmp_path / "run", quick=True, steps=20, warm=0.5, encoder_steps=2, log_every=1)
    assert found.history["stage"].values.tolist().count("warm-up") == 10
    still: Any = fit(tiny_images(), tmp_path / "warm", quick=True, steps=10, warm=0.9, encoder_steps=2).model()
    # one open step of ten: a row moves by a few content_lr at most
    assert still.content_table.abs().max() < 0.2 < still.style_table.abs().max() + 0.2


def test_collapse_stops_training_with_the_figures(tmp_path: Path) -> None:
    """Rates of almost nothing, and no norm that would enlarge the small first codes: all images are drawn alike."""
    rates = {"lr": 1e-6, "content_lr": 1e-6, "style_lr": 1e-6}
    plain = {"constraint": "none", "stage_norm": "none"}
    settings = {"steps": 20, "encoder_steps": 2, "batch_size": 32, **rates, **plain}
    with pytest.raises(CollapseError, match=r"of the variance of the images; least_spread = 0.1 .* was in 7 batches"):
        fit(tiny_images(), tmp_path / "run", **settings)
    assert fit(tiny_images(), tmp_path / "off", **settings, least_spread=0.0).status == "finished"


def test_a_half_that_is_not_used_is_told(tmp_path: Path) -> None:
    """Style may learn, content not: its table hardly moves, and neither a norm nor a role enlarges it."""
    learns = {"steps": 120, "encoder_steps": 2, "batch_size": 32, "style": 10, "style_lr": 0.05, "warm": 0.9}
    plain = {"constraint": "none", "stage_norm": "none", "form": "concat", "content_lr": 1e-6}
    with pytest.warns(UnusedHalfWarning, match=r"content is hardly used: .* less than 0\.05"):
        fit(tiny_images(), tmp_path / "run", least_spread=0.01, **learns, **plain)


def test_other_images_cannot_be_resumed_with(tmp_path: Path) -> None:
    images = tiny_images()
    fit(images, tmp_path / "run", quick=True, steps=4, encoder_steps=2)
    with pytest.raises(RunError, match="number of images is 96 there and 90 here"):
        fit(images.isel(sample=slice(90)), tmp_path / "run", quick=True, steps=4, encoder_steps=2, resume=True)


def test_perceptual_loss_without_weights_is_refused_before_a_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reconstruction = 'vgg' needs weights_path"):
        fit(tiny_images(), tmp_path / "run", quick=True, reconstruction="vgg")
    path = str(tmp_path / "nothing.safetensors")
    with pytest.raises(ConfigError, match=r"weights_path = .*nothing\.safetensors.* cannot be read as safetensors"):
        fit(tiny_images(), tmp_path / "other", quick=True, reconstruction="vgg", weights_path=path)


def test_style_of_no_entries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="style = 0 is not allowed: give a whole number from 1 to 512"):
        fit(tiny_images(), tmp_path / "run", style=0)


def test_rates_fall_along_half_a_cosine() -> None:
    adam = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    for step, share in ((0, 1.0), (5, 0.505), (10, 0.01)):
        decay(adam, (2.0,), step, 10)
        assert adam.param_groups[0]["lr"] == pytest.approx(2 * share)


@pytest.mark.parametrize("settings", [{"form": "single", "constraint": "zscore+id"}, {"stage_norm": "dataset"}])
def test_devices(settings: dict[str, Any]) -> None:
    check_devices(METHOD, steps=4, encoder_steps=2, **settings)
