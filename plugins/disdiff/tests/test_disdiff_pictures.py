"""Widgets by their traits and data, the published table, the presets and the protocol of the scores."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from distoolkit_disdiff import DISDIFF, presets
from distoolkit_disdiff.model import build
from distoolkit_disdiff.pictures import Denoising, LiveSamples, SwapBoard, denoising, swap_board
from distoolkit_disdiff.published import difference, published, rows
from distoolkit_disdiff.settings import AutoencoderConfig, DDPMConfig, DisDiffConfig
from PIL import Image

import distoolkit as dt
from distoolkit import config as configs
from distoolkit import schema
from distoolkit.contract import ImageSpec, Unit, UnknownNameError
from distoolkit.runs import Run
from distoolkit.testing import check_devices, tiny_images
from distoolkit.training import start

from .disdiff_cases import SMALL, shaken_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images() -> xr.Dataset:
    return tiny_images()


@pytest.fixture(scope="module")
def run(images: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = {**SMALL, "diffusion_steps": 3, "diffusion_warmup": 0, "steps": 3}
    folder = tmp_path_factory.mktemp("runs") / "run"
    return dt.fit("disdiff", images, folder=folder, quick=True, progress=False, device="cpu", **settings)


# -- widgets


def test_the_swap_board_shows_what_the_model_swaps(images: xr.Dataset) -> None:
    model = shaken_model(shake=0.02)
    board = SwapBoard(model, images, CPU)
    picture = board.children[0].children[1].value
    board.target, board.source, board.units = 3, 17, (1, 2)
    pixels = torch.from_numpy(images["image"].values[[3, 17]]).permute(0, 3, 1, 2).float() / 255
    assert np.array_equal(board.drawn[:2], images["image"].values[[3, 17]])
    swapped = model.swap(pixels[:1], pixels[1:], [1, 2])
    np.testing.assert_allclose(board.drawn[3], 255 * swapped[0].permute(1, 2, 0).detach().numpy(), atol=0.51)
    assert board.children[0].children[1].value != picture
    assert Image.open(io.BytesIO(board.children[0].children[1].value)).format == "PNG"


def test_the_fields_of_the_board_are_those_of_the_model_at_that_time(images: xr.Dataset) -> None:
    model = shaken_model(shake=0.02)
    board = SwapBoard(model, images, CPU)
    before = board.fields
    board.time = 40
    assert board.fields.shape == (4, 16, 16)
    assert not np.array_equal(before, board.fields)
    image = torch.from_numpy(images["image"].values[:1]).permute(0, 3, 1, 2).float() / 255
    t = torch.tensor([40])
    noisy = model.diffusion.schedule.add_noise(2 * image - 1, model.noise, t)
    _, fields = model.fields(noisy, t, model.by_unit(model.encode(image)))
    np.testing.assert_allclose(board.fields, fields[0].abs().mean(1).detach().numpy(), rtol=1e-4, atol=1e-6)


def test_a_slider_moves_the_board(images: xr.Dataset) -> None:
    board = SwapBoard(shaken_model(), images, CPU)
    target, _, units, strength, time = board.children[0].children[0].children
    target.value, units.value, time.value = 5, (0, 3), 7
    assert (board.target, board.units, board.time) == (5, (0, 3), 7)
    once = board.drawn
    strength.value = 2.0
    assert board.strength == 2.0
    assert not np.array_equal(board.drawn[3], once[3])


def test_the_scrubber_goes_from_noise_to_the_picture(images: xr.Dataset) -> None:
    model = shaken_model(shake=0.02, sampling_steps=6)
    scrubber = Denoising(model, images, CPU, count=3)
    assert scrubber.walk.shape == (6, 2, 3, 16, 16, 3)
    pixels = torch.from_numpy(images["image"].values[:3]).permute(0, 3, 1, 2).float() / 255
    last = model.decode(model.encode(pixels), noise=model.diffusion.start(3), clip=True).detach()
    np.testing.assert_allclose(scrubber.walk[-1, 0], 255 * last.permute(0, 2, 3, 1).numpy(), atol=0.51)
    assert scrubber.step == 5
    label = scrubber.children[0].children[1]
    assert label.value == "after the step at t = 0"
    shown = scrubber.children[1].value
    scrubber.step = 0
    assert label.value == "after the step at t = 999"
    assert scrubber.children[1].value != shown


def test_the_scrubber_of_the_diffusion_model_shows_new_samples(images: xr.Dataset) -> None:
    model = shaken_model(shake=0.02).diffusion
    scrubber = Denoising(model, images, CPU, count=2)
    sample = model.sample(2).detach().permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(scrubber.walk[-1, 0], 255 * sample, atol=0.51)


def test_the_widgets_of_the_record_open_a_run(run: Run, images: xr.Dataset) -> None:
    assert swap_board(run, images).drawn.shape == (4, 16, 16, 3)
    assert len(denoising(run, images).walk) == run.config.sampling_steps


def test_live_samples_change_nothing_in_the_training(run: Run, images: xr.Dataset, tmp_path: Path) -> None:
    live = LiveSamples(images, count=2, every=2)
    session = start(DISDIFF, images, folder=tmp_path / "run", quick=True, device="cpu", **configs.as_json(run.config))
    stages = []
    for progress in live.watch(session):
        assert session.model.training
        stages.append((progress.stage, live.step, [(name, drawn.shape) for name, drawn in live.rows]))
    samples, images_and_codes = stages[2:4]
    assert samples == ("diffusion", 3, [("samples", (2, 16, 16, 3))])
    assert images_and_codes == ("disdiff", 4, [("images", (2, 16, 16, 3)), ("from their codes", (2, 16, 16, 3))])
    watched = session.finish().model().state_dict()
    assert all(torch.equal(tensor, watched[name]) for name, tensor in run.model().state_dict().items())


# -- published scores


def test_the_published_table_is_whole() -> None:
    table = rows()
    assert len(table) == 82
    assert len({(r.method, r.data, r.metric) for r in table}) == 82
    sources = [("EncDiff" in r.source, "FDAE" in r.source) for r in table]
    assert [sources.count(both) for both in ((True, True), (False, True), (True, False))] == [42, 30, 10]
    ours = {(r.data, r.metric): (r.mean, r.std) for r in table if r.method.startswith("DisDiff")}
    assert ours == {
        ("cars3d", "factor_vae"): (0.976, 0.018),
        ("cars3d", "dci_disentanglement"): (0.232, 0.019),
        ("shapes3d", "factor_vae"): (0.902, 0.043),
        ("shapes3d", "dci_disentanglement"): (0.723, 0.013),
        ("mpi3d", "factor_vae"): (0.617, 0.070),
        ("mpi3d", "dci_disentanglement"): (0.337, 0.057),
        ("celeba", "tad"): (0.305, 0.010),
        ("celeba", "fid"): (18.2, 2.1),
    }
    assert [r.higher_is_better for r in table if r.metric == "fid"] == [False] * 5


def test_published_scores_are_drawn_beside_ones_own(run: Run, images: xr.Dataset) -> None:
    own = dt.evaluate(dt.encode(run, images), ["factor_vae", "dci"])
    theirs = published("shapes3d", ["DisDiff-VQ", "DisCo"])
    names = [m for scores in theirs for m in scores["metric"].values.astype(str)]
    assert set(names) <= set(own["metric"].values.astype(str))  # the same names, so they share a plot
    assert dt.views.scores([own, *theirs], ["factor_vae"]) is not None
    said = difference(own, "shapes3d")
    for part in ("480,000 images", "64x64", "tiny", "3 steps", "not comparable"):
        assert part in said
    assert "renderings" in difference(own, "mpi3d")
    with pytest.raises(UnknownNameError, match="'shapes3d'"):
        published("shapes")
    with pytest.raises(UnknownNameError, match="no published method 'DisDif'"):
        published("shapes3d", ["DisDif"])
    with pytest.raises(UnknownNameError, match=r"no published data set 'foo'.*available: cars3d, celeba"):
        difference(own, "foo")


# -- presets


@pytest.mark.parametrize("data", list(presets.LAMBDA))
@pytest.mark.parametrize("kind", ["vq", "kl"])
def test_presets_fit_each_other_and_are_what_they_say(data: str, kind: str) -> None:
    first = configs.configure(AutoencoderConfig, **presets.latent_autoencoder(kind))
    below = configs.configure(DDPMConfig, **presets.ddpm(kind))
    top = configs.configure(DisDiffConfig, **presets.disdiff(data, kind))
    assert first.latents == below.latent_channels == top.latent_channels == (3 if kind == "vq" else 4)
    assert top.dis_weight == (0.01 if data == "mpi3d" else 0.05)
    assert (top.latents, top.unit_size, top.batch_size, top.lr) == (10, 32, 64, 1e-4)
    shared = (
        "width",
        "multipliers",
        "blocks",
        "attention",
        "heads",
        "schedule",
        "ae_width",
        "ae_multipliers",
        "codebook",
    )
    assert all(getattr(below, name) == getattr(top, name) for name in shared)


def test_presets_of_other_data_and_kinds_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no preset 'sprites'.*available: cars3d, celeba"):
        presets.disdiff("sprites")
    for ask in (presets.latent_autoencoder, presets.ddpm, lambda kind: presets.disdiff("shapes3d", kind)):
        with pytest.raises(UnknownNameError, match=r"no kind of first stage 'vae'.*available: kl, vq"):
            ask("vae")


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(presets.CHANNELS))
def test_presets_train_a_step_of_each_stage_on_a_device_without_data(kind: str) -> None:
    """None was run at full scale; this is what can be known without a GPU."""
    settings = {**presets.disdiff("shapes3d", kind), "autoencoder_steps": 1, "diffusion_steps": 1, "steps": 1}
    quick = configs.configure(DisDiffConfig, **{**settings, "batch_size": 8, "sampling_steps": 2})
    check_devices(dataclasses.replace(DISDIFF, quick=quick), tiny_images(64))


def test_full_scale_networks_have_the_size_that_was_reported() -> None:
    """EncDiff's table 7 counts 57.1 million parameters in DisDiff; which parts it counts is not said."""
    model = build(configs.configure(DisDiffConfig, **presets.disdiff("shapes3d")), ImageSpec(3, 64, 64))
    parts = (model.encoder, model.estimator, model.diffusion.unet)
    millions = sum(p.numel() for part in parts for p in part.parameters()) / 1e6
    assert millions == pytest.approx(57.1, rel=0.1)


# -- metrics through one component per unit


def vector_codes(noise: float) -> xr.Dataset:
    """Three factors, four units of three entries: unit c is factor c along a random direction, the last is constant."""
    rng = np.random.default_rng(0)
    factors = np.stack(np.meshgrid(range(4), range(5), range(6), indexing="ij"), axis=-1).reshape(-1, 3)
    factors = np.repeat(factors, 8, axis=0)
    code = np.zeros((len(factors), 4, 3))
    for c in range(3):
        direction = rng.normal(size=3)
        code[:, c] = (1 - noise) * factors[:, c : c + 1] * direction + max(noise, 0.01) * rng.normal(
            size=(len(code), 3)
        )
    units = [Unit(f"unit{c}", 3) for c in range(4)]
    return dt.as_latents(code.reshape(len(code), 12), factors, ["a", "b", "c"], units)


def scored(latents: xr.Dataset) -> dict[str, float]:
    scores = dt.evaluate(latents, ["factor_vae", "dci"])
    return {str(m): float(s) for m, s in zip(scores["metric"].values, scores["score"].values, strict=True)}


def test_scores_see_one_component_of_each_unit() -> None:
    latents = vector_codes(0.0)
    scalars = schema.scalars(latents)["code"].values
    for c in range(3):
        assert abs(np.corrcoef(scalars[:, c], latents["factors"].values[:, c])[0, 1]) > 0.999
    found = scored(latents)
    assert found["factor_vae"] > 0.99
    assert found["dci_disentanglement"] > 0.95


def test_noise_scores_near_the_floor() -> None:
    found = scored(vector_codes(1.0))
    assert found["factor_vae"] < 1 / 3 + 0.1
    assert found["dci_disentanglement"] < 0.1
