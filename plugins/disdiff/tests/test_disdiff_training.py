"""Training: what is frozen stays, gradients go where they should, runs are built on each other, and it learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr
from distoolkit_disdiff import AUTOENCODER, DDPM, DISDIFF, on_top_of, training
from distoolkit_disdiff.losses import read_frozen
from distoolkit_disdiff.model import DisDiff
from distoolkit_disdiff.training import compute_terms

import distoolkit as dt
from distoolkit import encoding
from distoolkit.contract import ConfigError, RunError, TrainingError
from distoolkit.nn.diffusion.averaging import update_average
from distoolkit.runs import Run
from distoolkit.testing import check_method, tiny_images
from distoolkit.training import rehearse, start

from .disdiff_cases import FIRST, SMALL, batch, config, fit, new_model, shaken_model

TINY: dict[str, Any] = {k: v for k, v in SMALL.items() if k not in ("encoder_width", "position_size")}
FEW: dict[str, Any] = {**SMALL, "diffusion_steps": 3, "diffusion_warmup": 0, "steps": 3}


def draws(
    count: int = 8, units: int = 4, seed: int = 3, shape: tuple[int, ...] = (3, 16, 16)
) -> tuple[torch.Tensor, ...]:
    """Times, noise and chosen fields."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.randint(0, 1000, (count,), generator=generator)
    noise = torch.randn(count, *shape, generator=generator)
    return t, noise, torch.randint(0, units, (count,), generator=generator)


# -- the contract


@pytest.mark.parametrize("method", [AUTOENCODER, DDPM])
def test_the_parts_below_keep_the_contract(method: Any) -> None:
    check_method(method)


@pytest.mark.slow
@pytest.mark.parametrize("first_stage", ["none", "vq"])
def test_disdiff_keeps_the_contract(first_stage: str) -> None:
    small = dataclasses.replace(
        DISDIFF.quick,
        **FEW,
        first_stage=first_stage,
        ae_width=8,
        ae_multipliers=(1, 2),
        ae_blocks=1,
        autoencoder_steps=3,
    )
    check_method(dataclasses.replace(DISDIFF, quick=small))


# -- the first step


def test_the_first_step_is_that_of_the_frozen_model_and_the_disentangling_loss_is_silent() -> None:
    model, t = new_model(), draws()
    terms = compute_terms(model, batch(8), *t, config())
    assert torch.equal(terms.reconstruction, terms.frozen)
    assert torch.equal(terms.weight, torch.zeros(8))
    silent = (terms.weight * (terms.invariant + terms.variant)).mean()
    gradients = torch.autograd.grad(silent, list(model.estimator.parameters()), allow_unused=True)
    assert all(g is None or torch.equal(g, torch.zeros_like(g)) for g in gradients)
    chance = torch.full((8,), 4.0).log()
    torch.testing.assert_close(terms.invariant, chance)
    torch.testing.assert_close(terms.variant, chance)


def test_the_terms_agree_with_a_slow_computation() -> None:
    """One sample and one field at a time, straight from the formulas."""
    model, (t, noise, which), image = shaken_model(), draws(3), batch(3)
    terms = compute_terms(model, image, t, noise, which, config(weight_quantile=1.0))
    schedule, E = model.diffusion.schedule, model.encoder
    for i in range(3):
        a = schedule.alpha_bars[t[i]]
        x0 = 2 * image[i : i + 1] - 1
        x = a.sqrt() * x0 + (1 - a).sqrt() * noise[i]
        z = E(x0).reshape(4, 8)
        eps = model.diffusion.average(x, t[i : i + 1])
        maps, time = model.diffusion.average.trunk(x, t[i : i + 1])
        g = [model.estimator(maps, time, z[None], torch.tensor([c]))[0, 0] for c in range(4)]
        rec = (noise[i] - (eps[0] + schedule.k_train[t[i]] * sum(g))).abs().mean()
        xhat = (x - (1 - a).sqrt() * eps) / a.sqrt()
        xhat_c = (x - (1 - a).sqrt() * (eps - (1 - a).sqrt() * g[which[i]])) / a.sqrt()
        zh, zc = E(xhat).reshape(4, 8), E(xhat_c).reshape(4, 8)
        logits_in = (zh - zc).norm(dim=1)
        logits_va = (zh - z).norm(dim=1) - (zc - z).norm(dim=1)
        torch.testing.assert_close(terms.reconstruction[i], rec, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(terms.invariant[i], -logits_in.log_softmax(0)[which[i]], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(terms.variant[i], -logits_va.log_softmax(0)[which[i]], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(terms.weight[i], (xhat - xhat_c).square().mean(), rtol=1e-3, atol=1e-6)


# -- where gradients go


def disentangling_gradients(model: DisDiff) -> list[torch.Tensor | None]:
    terms = compute_terms(model, batch(8), *draws(shape=model.diffusion.latent_shape), config())
    loss = (terms.weight * (terms.invariant + terms.variant)).mean()
    model.zero_grad(set_to_none=True)
    loss.backward()
    return [p.grad for p in model.encoder.parameters()]


@pytest.mark.parametrize("first_stage", ["none", "vq", "kl"])
def test_the_encoder_learns_from_the_disentangling_loss_through_the_field_alone(
    first_stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On latent maps the gradient passes through the decoder, which has to leave out the codebook."""
    model = shaken_model(first_stage=first_stage, **FIRST)
    model.diffusion.requires_grad_(False)
    through_field = disentangling_gradients(model)
    assert all(g is not None and float(g.abs().sum()) > 0 for g in through_field)
    assert all(p.grad is None for p in model.diffusion.parameters())
    assert any(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.estimator.parameters())

    forward = type(model.estimator).forward

    def cut(self: Any, maps: Any, time: Any, code: torch.Tensor, which: Any = None) -> torch.Tensor:
        return forward(self, maps, time, code.detach(), which)

    monkeypatch.setattr(type(model.estimator), "forward", cut)
    assert all(g is None for g in disentangling_gradients(model))


@pytest.mark.parametrize("first_stage", ["none", "vq", "kl"])
def test_the_weight_has_no_gradient_and_can_be_measured_on_pictures(first_stage: str) -> None:
    """By hand, on both sides of the first stage's decoder."""
    model = shaken_model(first_stage=first_stage, **FIRST)
    first, schedule, estimator = model.diffusion.first, model.diffusion.schedule, model.estimator
    if first_stage != "none":
        model.diffusion.scale.fill_(0.7)
    scale = model.diffusion.scale
    image, (t, noise, which) = batch(8), draws(shape=model.diffusion.latent_shape)
    with torch.no_grad():
        a = schedule.alpha_bars[t][:, None, None, None]
        x = a.sqrt() * scale * first.to_latent(2 * image - 1) + (1 - a).sqrt() * noise
        maps, time = model.diffusion.average.trunk(x, t)
        g = estimator(maps, time, model.by_unit(model.encoder(2 * image - 1)))[torch.arange(8), which]
        before = (x - (1 - a).sqrt() * model.diffusion.average(x, t)) / a.sqrt()
        after = before + (1 - a) / a.sqrt() * g
        drawn = [first.to_picture(x0 / scale, quantise=False) for x0 in (before, after)]
    by_hand = {"latent": (before - after).square().mean((1, 2, 3))}
    by_hand["image"] = (drawn[0] - drawn[1]).square().mean((1, 2, 3))
    for space, expected in by_hand.items():
        weight = compute_terms(model, image, t, noise, which, config(weight_space=space, weight_quantile=1.0)).weight
        assert not weight.requires_grad
        torch.testing.assert_close(weight, expected, rtol=1e-3, atol=1e-6)
    assert torch.allclose(by_hand["latent"], by_hand["image"], rtol=0.1) is (first_stage == "none")


def test_frozen_parts_do_not_change_bit_for_bit(tmp_path: Path) -> None:
    below = fit("ddpm", tmp_path / "ddpm", **TINY, steps=5)
    run = fit("disdiff", tmp_path / "disdiff", **on_top_of(below, **SMALL), steps=20)
    old, new = below.model().state_dict(), run.model().diffusion.state_dict()
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert "diffusion_loss" not in run.history  # it was not trained again


def test_a_frozen_part_that_would_be_trained_is_found_before_the_first_step() -> None:
    def trainer(model: DisDiff, loop: Any, config: Any) -> Any:
        model.estimator.borrowed = model.diffusion.average.expanding.head
        yield from training.fit_disdiff(model, loop, config)

    reports = rehearse(dataclasses.replace(DISDIFF, trainer=trainer), tiny_images(), **FEW)
    with pytest.raises(
        TrainingError, match=r"diffusion model is to be frozen.*holds 2 of its weights, .* average\.exp"
    ):
        next(reports)


def test_a_stopped_run_on_a_given_diffusion_model_goes_on_exactly(tmp_path: Path) -> None:
    below = fit("ddpm", tmp_path / "ddpm", **TINY, steps=2)
    settings = {**on_top_of(below, **SMALL), "steps": 5, "quick": True, "device": "cpu"}
    whole = fit("disdiff", tmp_path / "whole", **on_top_of(below, **SMALL), steps=5)
    for step in (1, 3):
        session = start("disdiff", tiny_images(), folder=tmp_path / "stopped", resume=True, **settings)
        for progress in session:
            if progress.step == step:
                session.stop()
        assert session.finish().status == "stopped"
    again = dt.fit("disdiff", tiny_images(), folder=tmp_path / "stopped", resume=True, progress=False, **settings)
    there = again.model().state_dict()
    assert all(torch.equal(tensor, there[name]) for name, tensor in whole.model().state_dict().items())


def test_a_frozen_part_that_changes_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(average: torch.nn.Module, module: torch.nn.Module, update: int, decay: float) -> None:
        update_average(average, module, update, decay)
        if model := made:
            model[0].diffusion.average.expanding.head.bias.data.add_(1e-3)

    made: list[DisDiff] = []
    monkeypatch.setattr(training, "update_average", careless)
    real = training.fit_disdiff

    def remember(model: DisDiff, loop: Any, config: Any) -> Any:
        made.append(model)
        yield from real(model, loop, config)

    monkeypatch.setattr(training, "fit_disdiff", remember)
    with pytest.raises(TrainingError, match="diffusion model changed while it was to be frozen"):
        fit("disdiff", tmp_path / "run", **FEW)


# -- averages


def test_codes_are_made_with_the_averages(tmp_path: Path) -> None:
    """With decay 0 the average is the newest; with much decay it is not."""
    for ema, same in ((0.0, True), (0.9, False)):
        model: Any = fit("disdiff", tmp_path / str(ema), **FEW, ema=ema).model()
        raw = model.encoder(2 * batch() - 1)
        assert torch.equal(model.encode(batch()), raw) is same


# -- building on what is there


def test_runs_that_do_not_fit_are_refused_with_what_to_give(tmp_path: Path) -> None:
    below = fit("ddpm", tmp_path / "ddpm", **TINY, steps=2)
    settings = on_top_of(below, **SMALL)
    with pytest.raises(ConfigError, match=r"trained on images of 16x16x3.*these are 32x32x3"):
        fit("disdiff", tmp_path / "a", tiny_images(32), **settings, steps=1)
    with pytest.raises(ConfigError, match=r"schedule = 'ldm' there, 'cosine' here.*give schedule='ldm'"):
        fit("disdiff", tmp_path / "b", **{**settings, "schedule": "cosine"}, steps=1)
    with pytest.raises(ConfigError, match=r"multipliers=\(1, 2\)"):
        fit("disdiff", tmp_path / "c", **{**settings, "multipliers": (1, 2, 2)}, steps=1)
    with pytest.raises(RunError, match="no run folder"):
        fit("disdiff", tmp_path / "d", **{**settings, "pretrained": str(tmp_path / "nowhere")}, steps=1)
    below.mark("stopped")
    with pytest.raises(ConfigError, match=r"pretrained = .* is a run that is stopped, not finished: finish it"):
        fit("disdiff", tmp_path / "stopped", **settings, steps=1)
    below.mark("finished")
    pca = dt.fit("pca", tiny_images(), folder=tmp_path / "pca", progress=False)
    with pytest.raises(ConfigError, match="is a run of 'pca'"):
        fit("disdiff", tmp_path / "e", **{**settings, "pretrained": str(pca.folder)}, steps=1)
    with pytest.raises(ConfigError, match="nothing builds on"):
        on_top_of(pca)
    with pytest.raises(ConfigError, match="is a run of 'pca': give one of latent_autoencoder"):
        fit("ddpm", tmp_path / "f", **TINY, autoencoder=pca, steps=1)
    with pytest.raises(ConfigError, match="pretrained = 5 is not allowed: give a string"):
        fit("disdiff", tmp_path / "f", **SMALL, pretrained=5, steps=1)


def test_a_run_or_its_folder_is_enough_to_build_on(tmp_path: Path) -> None:
    ae = fit("latent_autoencoder", tmp_path / "ae", latents=2, first_stage="kl", ae_width=8, ae_blocks=1, steps=2)
    below = fit("ddpm", tmp_path / "ddpm", autoencoder=ae, **TINY, schedule="cosine", steps=2)
    assert below.config == fit("ddpm", tmp_path / "b", **on_top_of(ae, **TINY, schedule="cosine"), steps=2).config
    units = {"encoder_width": 8, "position_size": 8, "warmup": 0, "steps": 2}
    expected = fit("disdiff", tmp_path / "c", **on_top_of(below, **units))
    assert expected.config.schedule == "cosine"
    for k, given in enumerate((below, below.folder, str(below.folder), expected)):
        run = fit("disdiff", tmp_path / f"run{k}", pretrained=given, **units)
        assert run.config == dataclasses.replace(expected.config, pretrained=str(getattr(given, "folder", given)))
    again = dt.fit("disdiff", tiny_images(), folder=run.folder, pretrained=expected, **units, resume=True, quick=True)
    assert again.config == run.config
    assert fit("disdiff", tmp_path / "d", autoencoder=ae, **FEW).config.first_stage == "kl"
    with pytest.raises(ConfigError, match="schedule = 'cosine' there, 'ldm' here"):  # what is given, counts
        fit("disdiff", tmp_path / "e", pretrained=below, schedule="ldm", **units)
    with pytest.raises(ConfigError, match="with first_stage = 'none'"):
        fit("ddpm", tmp_path / "f", **TINY, autoencoder=ae, first_stage="none", steps=1)


def test_each_stage_can_be_given(tmp_path: Path) -> None:
    first = {"ae_width": 8, "ae_multipliers": (1, 2), "ae_blocks": 1, "codebook": 16}
    bottom = fit("latent_autoencoder", tmp_path / "ae", latents=2, first_stage="kl", **first, steps=3)
    middle = fit("ddpm", tmp_path / "ddpm", **on_top_of(bottom, **TINY), steps=3)
    top = fit("disdiff", tmp_path / "disdiff", **on_top_of(middle, **SMALL), steps=3)
    again = fit("disdiff", tmp_path / "again", **on_top_of(top, **SMALL), steps=3)
    for run in (middle, top, again):
        assert (run.config.first_stage, run.config.latent_channels) == ("kl", 2)
    model: Any = again.model()
    kept = bottom.model().state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in model.diffusion.first.state_dict().items())
    assert model.noise.shape == (1, 2, 8, 8)
    with torch.no_grad():
        latent = model.diffusion.first.to_latent(2 * images_of(tiny_images()) - 1)
    assert float(model.diffusion.scale * latent.std()) == pytest.approx(1, rel=0.1)
    assert model.decode(model.encode(batch())).shape == (4, 3, 16, 16)
    assert "autoencoder_error" not in middle.history


def test_a_whole_tower_is_trained_in_one_fit(tmp_path: Path) -> None:
    run = fit("disdiff", tmp_path, **FEW, first_stage="vq", ae_width=8, ae_multipliers=(1, 2), autoencoder_steps=2)
    assert list(dict.fromkeys(run.history["stage"].values.astype(str))) == ["autoencoder", "diffusion", "disdiff"]


# -- as a plain citizen


def test_the_verbs_of_the_toolkit_work(tmp_path: Path) -> None:
    images = tiny_images()
    run = fit("disdiff", tmp_path, images, **FEW)
    latents = dt.encode(run, images)
    assert latents["code"].shape == (96, 32)
    assert "reconstruction_mse" not in latents  # drawing takes many passes: only on request
    few = images.isel(sample=slice(3))
    assert "reconstruction_mse" in dt.encode(run, few, reconstruct=True)
    assert dt.traverse(run, latents, units=["unit1"], steps=2).sizes["step"] == 2
    swapped = dt.swap(run, images, sources=[0, 1], targets=[2], units=["unit0", "unit3"])
    assert swapped["image"].shape == (2, 1, 16, 16, 3)
    model: Any = run.model()
    assert encoding.Codec(run).layout == model.layout
    scores = dt.evaluate(latents, ["mig"])
    assert scores["mutual_information"].sizes["unit"] == 4


# -- learning


@pytest.mark.slow
def test_it_learns(tmp_path: Path) -> None:
    """A short run on 600 pictures of 16x16, judged on one fixed set of images, times and noise.

    The fields explain noise that the frozen model does not, and only the disentangling loss makes them nameable: the
    share of fields that the reading names rightly was 0.36 with lambda = 0.3 and 0.23 without, after 250 steps of seed
    0; chance is 0.25.
    """
    full = dt.load("shapes3d", size=32, sample=600)
    images = dt.as_images(full["image"].coarsen(y=2, x=2).mean().values / 255)
    below = fit("ddpm", tmp_path / "ddpm", images, steps=300, width=8, batch_size=32)
    named = {}
    for weight in (0.0, 0.3):
        settings = on_top_of(below, steps=250, dis_weight=weight, ema=0.95)
        terms = judge(fit("disdiff", tmp_path / str(weight), images, **settings), images, 2)
        gain = terms["frozen"] - terms["reconstruction"]
        assert float(gain.mean()) > 3 * float(gain.std()) / len(gain) ** 0.5
        named[weight] = float(terms["named"].mean())
    error = (0.25 * 0.75 / 1200) ** 0.5
    assert named[0.3] > 0.25 + 3 * error
    assert named[0.3] > named[0.0] + 3 * error


def judge(run: Run, images: xr.Dataset, repeats: int) -> dict[str, torch.Tensor]:
    """Compute the terms with the averaged weights, on each image with some draws of time, noise and field."""
    model: Any = run.model()
    model.encoder.load_state_dict(model.average["encoder"].state_dict())
    model.estimator.load_state_dict(model.average["estimator"].state_dict())
    image = images_of(images)
    with torch.no_grad():
        found = [vars(compute_terms(model, image, *draws(len(image), seed=k), run.config)) for k in range(repeats)]
    return {name: torch.cat([terms[name] for terms in found]) for name in found[0]}


def images_of(images: xr.Dataset) -> torch.Tensor:
    return torch.from_numpy(images["image"].values).permute(0, 3, 1, 2).float() / 255


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    one, two, other = (fit("disdiff", tmp_path / f"{k}", **FEW, seed=s) for k, s in enumerate((0, 0, 1)))
    codes = [dt.encode(run, tiny_images())["code"].values for run in (one, two, other)]
    assert (codes[0] == codes[1]).all()
    assert not (codes[0] == codes[2]).all()


def test_steps_in_bfloat16_reach_the_frozen_parts_alone() -> None:
    seen: list[torch.dtype] = []

    def trainer(model: DisDiff, loop: Any, config: Any) -> Any:
        model.diffusion.average.expanding.head.register_forward_hook(lambda _, args, out: seen.append(out.dtype))
        model.estimator.expanding.head.register_forward_hook(lambda _, args, out: seen.append(out.dtype))
        yield from training.train_disdiff(model, loop, config)

    method = dataclasses.replace(DISDIFF, trainer=trainer)
    reports = list(rehearse(method, tiny_images(), **{**FEW, "steps": 1, "diffusion_steps": 1}, frozen_bf16=True))
    assert seen[-2:] == [torch.bfloat16, torch.float32]
    assert all(bool(torch.isfinite(torch.as_tensor(v))) for v in reports[-1].values())


def test_readings_are_made_with_the_live_weights() -> None:
    model = shaken_model()
    picture = 2 * batch() - 1
    assert torch.equal(read_frozen(model.encoder, picture), model.encoder(picture))
