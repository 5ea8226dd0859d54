"""Sprites and blobs whose factors are real numbers."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data import isometric


@pytest.mark.parametrize("shape", ["square", "ellipse", "heart"])
def test_the_picture_is_where_its_values_say(shape):
    images = dt.load("continuous_sprites", shape=shape, sample=40, seed=1)
    cover = images["image"].values[..., 0] / 255
    scale, _, x, y = images["factor_values"].values.T
    at = np.arange(64) + 0.5
    centre_x = (cover.sum(axis=1) * at).sum(axis=1) / cover.sum(axis=(1, 2))
    centre_y = (cover.sum(axis=2) * at).sum(axis=1) / cover.sum(axis=(1, 2))
    shift = 2.1 if shape == "heart" else 0.1  # the heart's centre of mass is not its origin
    assert np.abs(centre_x - 16 - 32 * x).max() < shift
    assert np.abs(centre_y - 16 - 32 * y).max() < shift
    area = {"square": 19.2**2, "ellipse": np.pi * 12.75 * 7.25, "heart": 222}[shape]
    np.testing.assert_allclose(cover.sum(axis=(1, 2)), area * scale**2, rtol=0.03)


def test_edges_are_soft():
    pixels = dt.load("continuous_sprites", shape="ellipse", sample=20)["image"].values
    assert 10 < len(np.unique(pixels)) <= 17  # 4x4 points make 17 levels


def test_32_pixels_show_the_same_as_64():
    small, large = (dt.load("continuous_sprites", size=s, sample=6)["image"].values for s in (32, 64))
    mean = large.reshape(6, 32, 2, 32, 2, 1).mean(axis=(2, 4))
    assert np.abs(small - mean).mean() < 0.5


@pytest.mark.parametrize(("distribution", "kurtosis"), [("uniform", -1.2), ("normal", 0), ("laplace", 0.9)])
def test_the_distribution_is_the_one_asked_for(distribution, kurtosis):
    from scipy import stats

    values = dt.load("continuous_sprites", distribution=distribution, sample=20_000)["factor_values"].values
    low, high = np.array([0.5, 0, 0, 0]), np.array([1, np.pi / 2, 1, 1])
    assert (values >= low).all()
    assert (values <= high).all()
    unit = (values - low) / (high - low)
    np.testing.assert_allclose(unit.mean(axis=0), 0.5, atol=0.01)
    # a Laplace distribution has 3, but its tails are cut off at three deviations
    np.testing.assert_allclose(stats.kurtosis(unit), kurtosis, atol=0.25)
    assert np.abs(np.corrcoef(unit.T) - np.eye(4)).max() < 0.03


def test_bins_are_the_values_in_twentieths():
    images = dt.load("continuous_sprites", sample=500)
    unit = (images["factor_values"].values - [0.5, 0, 0, 0]) / [0.5, np.pi / 2, 1, 1]
    assert np.abs((images["factors"].values + 0.5) / 20 - unit).max() <= 0.025 + 1e-5
    assert images.sel(posX=3)["factor_values"].sizes == {
        "sample": (images["factors"].values[:, 2] == 3).sum(),
        "factor": 4,
    }


def test_images_are_fixed_by_the_seed_and_lazy():
    first, again, other = (dt.load("continuous_sprites", sample=9, seed=s) for s in (5, 5, 6))
    assert not first["image"].variable._in_memory
    assert first.identical(again)
    assert first.attrs["data_hash"] != other.attrs["data_hash"]
    with pytest.raises(DataError, match="give 1 or more"):
        dt.load("continuous_sprites", sample=0)


@pytest.mark.parametrize("at", [(16.5, 20.0, 2.0), (20.2, 17.7, 3.0), (23.0, 23.0, 4.4)])
def test_the_metric_of_sprite_xys_is_the_analytic_one(at):
    """Finite differences of the blob against diag(pi/2, pi/2, 2 pi), which holds for any place and width."""
    x, y, width = at
    step = 1e-4

    def blob(dx=0.0, dy=0.0, dw=0.0):
        return isometric._blob(np.array([x + dx]), np.array([y + dy]), np.array([width + dw]), 40).ravel()

    moves = [blob(step), blob(0, step), blob(0, 0, step)]
    backs = [blob(-step), blob(0, -step), blob(0, 0, -step)]
    jacobian = np.stack([(a - b) / (2 * step) for a, b in zip(moves, backs, strict=True)])
    np.testing.assert_allclose(jacobian @ jacobian.T, np.diag([np.pi / 2, np.pi / 2, 2 * np.pi]), atol=0.01)


@pytest.mark.parametrize(("manifold", "speed"), [("sprite_curved", np.pi / 2), ("two_blobs", np.pi / 2)])
def test_blobs_move_the_picture_at_one_speed(manifold, speed):
    """Close pairs: squared distance of the pictures over that of the factors, on the images as loaded."""
    images = dt.load("isometric", manifold=manifold, sample=600, seed=3)
    values = images["factor_values"].values.astype(float)
    draw = isometric._DRAWS[manifold]
    moved = values + np.random.default_rng(0).normal(0, 0.2, values.shape)
    difference = (draw(moved).astype(float) - images["image"].values).reshape(600, -1) / 255
    ratio = (difference**2).sum(axis=1) / ((moved - values) ** 2).sum(axis=1)
    assert np.median(ratio) == pytest.approx(speed, rel=0.05)


def test_the_axes_of_sprite_curved_are_turned():
    pixels = isometric._DRAWS["sprite_curved"](np.array([[3.0, 0.0]]))[0, ..., 0]
    row, column = np.unravel_index(pixels.argmax(), pixels.shape)
    assert (row, column) == (14, 14)  # 12 + 3 / sqrt 2 = 14.12 along both axes


def test_the_disc_has_its_area_and_soft_edges():
    images = dt.load("isometric", manifold="disc", sample=20)
    cover = images["image"].values[..., 0] / 255
    np.testing.assert_allclose(cover.sum(axis=(1, 2)), np.pi * 25, rtol=0.01)
    assert len(np.unique(cover)) > 30


@pytest.mark.parametrize("manifold", ["sprite_xys", "sprite_curved", "two_blobs", "disc"])
def test_factors_are_uniform_or_normal(manifold):
    from scipy import stats

    uniform, normal = (dt.load("isometric", manifold=manifold, distribution=d) for d in ("uniform", "normal"))
    assert (stats.kurtosis(uniform["factor_values"].values) < -1).all()
    assert (np.abs(stats.kurtosis(normal["factor_values"].values)) < 0.3).all()
    assert uniform["image"].shape[0] == 3000
