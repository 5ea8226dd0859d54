"""The rendered dSprites-like grid."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.data.sprites import GRID, in_heart


@pytest.fixture(scope="module")
def sprites():
    return dt.load("sprites")


def pictures(sprites, **factors):
    return sprites.sel(**factors)["image"].values


def test_the_grid_is_row_major_with_the_last_factor_fastest(sprites):
    assert sprites["image"].shape == (737280, 64, 64, 1)
    index = ((2 * 6 + 3) * 40 + 7) * 32 * 32 + 5 * 32 + 9
    assert sprites["factors"].values[index].tolist() == [2, 3, 7, 5, 9]
    assert sprites["factor"].values.tolist() == [f.name for f in GRID]
    assert sprites["factor_size"].values.tolist() == [3, 6, 40, 32, 32]
    assert sprites["factor_kind"].values.tolist()[:3] == ["categorical", "ordered", "circular"]


def test_pictures_are_black_and_white(sprites):
    assert np.unique(sprites["image"][::7919].values).tolist() == [0, 255]


def test_an_upright_square_covers_the_pixels_whose_centres_lie_inside(sprites):
    # scale 1, centre 16: |pixel + 0.5 - 16| < 9.6 leaves pixels 6 to 25
    picture = pictures(sprites, shape=0, scale=5, orientation=0, posX=0, posY=0)[0, ..., 0]
    expected = np.zeros((64, 64), dtype=np.uint8)
    expected[6:26, 6:26] = 255
    np.testing.assert_array_equal(picture, expected)


def test_posx_moves_along_x_and_posy_along_y(sprites):
    for name, axis in (("posX", 2), ("posY", 1)):
        fixed = {"shape": 0, "scale": 0, "orientation": 0, "posX": 10, "posY": 10}
        first = pictures(sprites, **{**fixed, name: 0})
        last = pictures(sprites, **{**fixed, name: 31})  # a shift of exactly 32 pixels
        np.testing.assert_array_equal(np.roll(first, 32, axis=axis), last)


def test_the_ellipse_is_wide_at_first_and_turns_counter_clockwise(sprites):
    flat = pictures(sprites, shape=1, scale=5, orientation=0, posX=0, posY=0)[0, ..., 0]
    assert (flat.any(axis=0).sum(), flat.any(axis=1).sum()) == (26, 14)
    turned = pictures(sprites, shape=1, scale=5, orientation=4, posX=0, posY=0)[0, ..., 0]
    rows, columns = np.nonzero(turned)
    assert np.corrcoef(rows, columns)[0, 1] < -0.4  # the right end has risen, and y points down


def test_the_areas_are_those_measured_on_the_published_frames(sprites):
    area = [(pictures(sprites, shape=k, scale=5, posX=16, posY=16) > 0).sum(axis=(1, 2, 3)).mean() for k in range(3)]
    np.testing.assert_allclose(area, [369, 290, 222], rtol=0.01)


def test_the_closed_form_of_the_heart_agrees_with_its_outline():
    """The implicit test against the parametric curve: a ray to the right crosses it an odd number of times."""
    t = np.linspace(0, 2 * np.pi, 4001)
    x = 9.6 * np.sin(t) ** 3
    y = -0.66 * (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) - 1.5
    u, v = np.random.default_rng(0).uniform(-13, 13, (2, 3000, 1))
    spans = (y[:-1] <= v) != (y[1:] <= v)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x[:-1] + (v - y[:-1]) * (x[1:] - x[:-1]) / (y[1:] - y[:-1])
    inside = (spans & (at > u)).sum(axis=1) % 2 == 1
    assert 700 < inside.sum() < 1300
    np.testing.assert_array_equal(in_heart(u, v)[:, 0], inside)


def test_the_heart_points_down(sprites):
    rows = np.nonzero(pictures(sprites, shape=2, scale=5, orientation=0, posX=16, posY=16)[0, ..., 0].any(axis=1))[0]
    widths = (pictures(sprites, shape=2, scale=5, orientation=0, posX=16, posY=16)[0, ..., 0] > 0).sum(axis=1)
    assert widths[rows[-1]] <= 2 < widths[rows[0]]


def test_the_first_and_the_last_orientation_are_the_same_picture(sprites):
    first = pictures(sprites, scale=2, orientation=0, posX=3)
    last = pictures(sprites, scale=2, orientation=39, posX=3)
    np.testing.assert_array_equal(first, last)


def test_no_sprite_touches_the_border(sprites):
    largest = pictures(sprites, scale=5, posX=[0, 31], posY=[0, 31])
    border = np.ones((64, 64), dtype=bool)
    border[2:-2, 2:-2] = False
    assert not largest[:, border].any()


def test_at_32_pixels_the_picture_is_the_mean_of_the_one_at_64(sprites):
    small = dt.load("sprites", size=32, sample=50, seed=3)
    large = sprites["image"][small["sample"].values].values
    blocks = large.reshape(50, 32, 2, 32, 2, 1).astype(float).mean(axis=(2, 4))
    np.testing.assert_array_equal(small["image"].values, np.floor(blocks + 0.5).astype(np.uint8))
    assert len(np.unique(small["image"].values)) == 5
