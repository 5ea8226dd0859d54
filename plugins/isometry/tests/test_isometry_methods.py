"""The three methods as the toolkit runs them, the report, the score and recode."""

from __future__ import annotations

import importlib

import distoolkit_isometry
import numpy as np
import pytest
import torch
import xarray as xr
from distoolkit_isometry import (
    HessianICAConfig,
    isometry_report,
    pictures,
    recode,
    with_image_points,
)
from distoolkit_isometry.charts import Charts
from distoolkit_isometry.doubts import IsometryWarning
from distoolkit_isometry.model import HessianICA
from distoolkit_isometry.score import local_isometry
from distoolkit_isometry.spectral import hessian_ica
from distoolkit_isometry.tears import torn_share

import distoolkit as dt
from distoolkit.config import configure
from distoolkit.contract import ConfigError, DataError, UnknownNameError
from distoolkit.runs import open_run
from distoolkit.testing import check_method, check_metric


@pytest.fixture(scope="module")
def curved() -> xr.Dataset:
    return dt.load("isometric", manifold="sprite_curved", sample=1200)


@pytest.fixture(scope="module")
def run(curved, tmp_path_factory):
    return dt.fit(
        "hessian_ica", curved, folder=tmp_path_factory.mktemp("run") / "r", progress=False, device="cpu", latents=2
    )


@pytest.mark.filterwarnings("ignore::distoolkit_isometry.doubts.IsometryWarning")
@pytest.mark.parametrize("method", ["hessian_ica", "isometric_ae", "ae_ica"])
def test_the_contract_is_kept(method):
    check_method(method)


@pytest.mark.filterwarnings("ignore::distoolkit_isometry.doubts.IsometryWarning")
@pytest.mark.parametrize("form", ["scaled", "pairs"])
@pytest.mark.parametrize("network", ["conv", "mlp"])
def test_every_form_of_the_isometry_term_trains(form, network, curved, tmp_path):
    found = dt.fit(
        "isometric_ae",
        curved.isel(sample=slice(200)),
        folder=tmp_path / "run",
        progress=False,
        device="cpu",
        quick=True,
        steps=20,
        log_every=1,
        form=form,
        network=network,
        pseudo_inverse=0.1,
    )
    history = found.history
    assert np.isfinite(history["isometry"].values[:-1]).all()
    assert np.isfinite(history["pseudo_inverse"].values[:-1]).all()
    assert history["loss"].values[19] < history["loss"].values[0]


def test_the_spectral_run_recovers_encodes_and_draws(run, curved, match):
    latents = dt.encode(run, curved, device="cpu")
    assert match(curved["factor_values"].values, latents["code"].values).min() > 0.995
    assert float(latents["reconstruction_mse"].mean()) < 1e-3
    report = run.history
    assert float(report["eigengap"][0]) > 3
    assert float(report["doubts"][0]) == 0
    moved = dt.traverse(run, latents, sample=0, steps=5)
    assert moved.sizes["step"] == 5
    drawn = moved["image"].values.astype(float)
    assert np.abs(drawn[:, 0] - drawn[:, -1]).max() > 100


def test_a_saved_run_gives_the_same_codes_whatever_the_number_of_points(run, curved):
    again = open_run(run.folder)
    assert again.model().charts.anchors.shape[0] == 1200
    one, two = (dt.encode(r, curved, device="cpu")["code"].values for r in (run, again))
    np.testing.assert_array_equal(one, two)
    smaller = HessianICA(HessianICAConfig(), dt.ImageSpec(1, 24, 24, 77))
    smaller.load_state_dict(again.model().state_dict())
    assert smaller.charts.anchors.shape[0] == 1200


def test_landmarks_and_a_network_that_draws(curved, tmp_path, match):
    found = dt.fit(
        "hessian_ica",
        curved,
        folder=tmp_path / "run",
        progress=False,
        device="cpu",
        landmarks=800,
        steps=150,
        width=8,
        lr=3e-3,
    )
    latents = dt.encode(found, curved, device="cpu")
    assert match(curved["factor_values"].values, latents["code"].values).min() > 0.99
    assert found.model().charts.anchors.shape[0] == 800
    losses = found.history["loss"].values
    assert losses[-1] < 0.8 * losses[np.isfinite(losses)][0]


@pytest.mark.filterwarnings("ignore::distoolkit_isometry.doubts.IsometryWarning")
def test_isometry_evens_out_the_decoders_lengths(curved, tmp_path):
    """With the term, the decoder's Jacobian has singular values near 1; without it they spread."""
    spread, mean = {}, {}
    images = torch.from_numpy(curved["image"].values[:100]).permute(0, 3, 1, 2) / 255
    for method in ("isometric_ae", "ae_ica"):
        run = dt.fit(
            method, curved, folder=tmp_path / method, progress=False, device="cpu", steps=300, network="mlp", lr=2e-3
        )
        model = run.model()
        with torch.no_grad():
            codes = model.encoder(images)
            jacobians = torch.func.vmap(torch.func.jacrev(lambda z, m=model: m.decoder(z[None]).flatten()))(codes)
            lengths = torch.linalg.svdvals(jacobians)
        spread[method] = float(lengths.log().std())
        mean[method] = float(lengths.mean())
    assert spread["isometric_ae"] < 0.7 * spread["ae_ica"]
    assert mean["isometric_ae"] == pytest.approx(1, abs=0.3)


def test_settings_that_cannot_work_are_refused(curved):
    with pytest.raises(ConfigError, match="at least 11"):
        HessianICA(configure(HessianICAConfig, latents=3, neighbours=8), dt.ImageSpec(1, 8, 8, 100))
    with pytest.raises(ConfigError, match="contrast"):
        configure(HessianICAConfig, contrast="cube")


def test_an_untrained_model_encodes_to_zero():
    model = HessianICA(HessianICAConfig(), dt.ImageSpec(1, 8, 8, 30))
    assert torch.equal(model.encode(torch.rand(3, 1, 8, 8)), torch.zeros(3, 2))


def test_the_report_trusts_a_good_manifold_and_names_its_dimension(curved):
    report = isometry_report(curved)
    assert report.suggested == 2
    assert report.trusted, report
    assert "nothing speaks against 2 factors" in repr(report)
    assert "<table>" in report._repr_html_()
    gaps = {n: s.null.gap for n, s in report.solutions.items() if not isinstance(s, str)}
    assert max(gaps, key=gaps.get) == 2
    assert len(report.picture()) == 2


def test_the_report_doubts_gaussian_factors_and_digits():
    normal = dt.load("isometric", manifold="sprite_curved", distribution="normal", sample=1200)
    report = isometry_report(normal, latents=2)
    assert not report.trusted
    assert "look Gaussian" in repr(report)
    digits = isometry_report(dt.load("digits"), points=600)
    assert not digits.trusted


def test_the_report_takes_codes_and_arrays_and_refuses_the_rest(make_roll):
    points, _ = make_roll(800)
    assert isometry_report(points).suggested == 2
    assert isometry_report(dt.as_latents(points)).suggested == 2
    with pytest.raises(DataError, match="too few"):
        isometry_report(points[:10])
    pieces = isometry_report(np.concatenate([points, points + 100]), latents=2)
    assert "separate pieces" in pieces.doubts[0]


def test_recode_finds_the_factors_in_a_wide_code(make_roll, match):
    points, z = make_roll(1500)
    latents = dt.as_latents(points, factors=(z * 5).astype(int), factor_names=["along", "across"])
    latents.attrs.update(method="vae", run="there", created="then")
    found = recode(latents, latents=2)
    assert match(z, found["code"].values).min() > 0.995
    assert found.attrs["method"] == "vae > hessian_ica"
    assert "created" not in found.attrs  # so that no decoder takes it for its own
    assert list(found["factor"].values) == ["along", "across"]
    few = recode(latents, latents=2, landmarks=700)
    assert match(z, few["code"].values).min() > 0.99


def test_recode_turns_a_mixed_code(match):
    sources = np.random.default_rng(0).uniform(size=(1000, 3))
    mixed = sources @ np.array([[1, 2, 0], [0, 1, 1], [1, 0, -1.0]])
    found = recode(dt.as_latents(mixed), "ica")
    assert match(sources, found["code"].values).min() > 0.99
    with pytest.raises(ConfigError, match="'hessian' or 'ica'"):
        recode(dt.as_latents(mixed), "pca")
    with pytest.raises(UnknownNameError, match="latents"):
        recode(dt.as_latents(mixed), latent=2)


def test_local_isometry_is_one_for_isometric_codes_and_falls_with_stretch(run, curved):
    latents = with_image_points(dt.encode(run, curved, device="cpu"), curved)
    good = float(dt.evaluate(latents, "local_isometry")["score"][0])
    assert good > 0.95
    stretched = latents.copy(deep=True)
    stretched["code"] = stretched["code"] * np.array([1.0, 6.0], dtype=np.float32)
    assert float(local_isometry(stretched)["score"][0]) < good - 0.2
    shuffled = latents.copy(deep=True)
    shuffled["code"] = ("sample", "latent"), np.random.default_rng(0).permutation(latents["code"].values)
    assert abs(float(local_isometry(shuffled)["score"][0])) < 0.1


def test_local_isometry_by_hand():
    points = np.array([[0.0], [1.0], [3.0]])
    latents = dt.as_latents(np.array([[0.0], [2.0], [3.0]]))
    latents["image_point"] = ("sample", "component"), points
    # image distances 1, 3, 2; code distances 2, 3, 1
    assert float(local_isometry(latents, share=1.0)["score"][0]) == pytest.approx(
        np.corrcoef([1, 3, 2], [2, 3, 1])[0, 1]
    )


def test_the_score_keeps_the_contract(run, curved):
    check_metric("local_isometry", with_image_points(dt.encode(run, curved, device="cpu"), curved))
    with pytest.raises(ConfigError, match="share"):
        local_isometry(with_image_points(dt.encode(run, curved, device="cpu"), curved), share=0.0)
    with pytest.raises(DataError, match="same samples"):
        with_image_points(dt.encode(run, curved, device="cpu"), curved.isel(sample=slice(10)))


def test_pictures_show_what_they_say(run, curved):
    values = pictures.eigenvalues(run, curved)
    code, rest = (element.dimension_values("eigenvalue") for element in values)
    assert len(code) == 2
    assert rest.min() > 3 * code.max()
    shares = pictures.local_dimension(run, curved).dimension_values("share")
    assert shares[:2].sum() > 0.9
    assert (np.diff(shares) <= 0).all()


def test_a_torn_code_is_told_from_a_bent_one(curved):
    flat = curved["image"].values.reshape(1200, -1) / 255
    z = curved["factor_values"].values.astype(np.float64)
    z = z - z.mean(axis=0)
    bent = np.stack([z[:, 0] + 0.05 * z[:, 1] ** 2, np.sinh(z[:, 1] / 4)], axis=1)
    assert torn_share(flat, bent) == 0
    bow_tie = z * np.where(z[:, :1] > 0, [1.0, -1.0], 1.0)  # one half turned over
    assert torn_share(flat, bow_tie) > 0.01  # the doubt begins at half of that
    assert torn_share(np.concatenate([flat, flat[:3]]), np.concatenate([z, z[:3]])) == 0
    assert torn_share(flat[:4], z[:4]) == 0


@pytest.mark.filterwarnings("ignore::distoolkit.contract.MethodWarning")
def test_an_autoencoder_that_got_stuck_says_so(curved, tmp_path, monkeypatch):
    monkeypatch.setattr("distoolkit_isometry.training.torn_share", lambda images, codes: 0.031)
    with pytest.warns(IsometryWarning, match=r"3.1% of near images"):
        run = dt.fit("ae_ica", curved, folder=tmp_path / "r", progress=False, device="cpu", quick=True, steps=3)
    assert run.history["torn"].values[-1] == pytest.approx(0.031)


def test_recovered_factors_are_drawn_beside_the_true_ones(curved):
    truth = curved["factor_values"].values
    swapped = dt.as_latents(np.stack([np.ones(len(truth)), truth[:, 1], -truth[:, 0]], axis=1))
    plots = list(pictures.recovered(swapped, curved))
    assert [plot.kdims[0].name for plot in plots] == ["true diagonal", "true antidiagonal"]
    np.testing.assert_array_equal(plots[0].dimension_values(0), truth[:, 0])
    np.testing.assert_array_equal(plots[0].dimension_values(1), -truth[:, 0])
    assert plots[0].opts.get("plot").kwargs["title"] == "correlation -1.000"
    with pytest.raises(DataError, match="same samples"):
        pictures.recovered(swapped.isel(sample=slice(5)), curved)
    with pytest.raises(DataError, match="not known"):
        pictures.recovered(swapped, dt.as_images(curved["image"].values))


def test_charts_of_a_float_code_survive_a_save(make_roll, tmp_path):
    from safetensors.torch import load_file, save_file

    points, _ = make_roll(300)
    charts = Charts(20, 2, 5, 64)
    charts.take(hessian_ica(points, 2))
    save_file(charts.state_dict(), tmp_path / "c.safetensors")
    other = Charts(20, 2, 9, 3)
    other.load_state_dict(load_file(tmp_path / "c.safetensors"))
    some = torch.from_numpy(points[:10]).float()
    assert torch.equal(charts.encode(some), other.encode(some))


def test_public_names_are_there():
    for name in distoolkit_isometry.__all__:
        assert getattr(distoolkit_isometry, name)
    assert set(distoolkit_isometry._HOME) < set(distoolkit_isometry.__all__)
    with pytest.raises(AttributeError):
        importlib.import_module("distoolkit_isometry").nothing  # noqa: B018
