"""Colour, noise and a picture behind the sprites."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import distoolkit as dt
from distoolkit.contract import DataError


def pair(name, **options):
    """Load a variant and the plain sprites under it."""
    plain = dt.load("sprites", sample=60, seed=2)
    return dt.load(name, sample=60, seed=2, **options), plain["image"].values[..., 0] > 0


def test_colour_is_one_bright_colour_for_each_image():
    images, inside = pair("colour_sprites")
    pixels = images["image"].values
    assert not pixels[~inside].any()
    for picture, mask in zip(pixels, inside, strict=True):
        assert len(np.unique(picture[mask], axis=0)) == 1
    colours = np.array([p[m][0] for p, m in zip(pixels, inside, strict=True)])
    assert (colours.min(), colours.max()) >= (128, 240)
    assert colours.mean() == pytest.approx(191.5, abs=10)
    assert len(np.unique(colours, axis=0)) == 60


def test_noise_leaves_the_sprite_white():
    images, inside = pair("noisy_sprites")
    pixels = images["image"].values
    assert (pixels[inside] == 255).all()
    outside = pixels[~inside]
    assert outside.mean() == pytest.approx(127.5, abs=0.5)
    assert np.bincount(outside.ravel(), minlength=256).std() / (outside.size / 256) < 0.05
    assert abs(np.corrcoef(outside[:, 0], outside[:, 1])[0, 1]) < 0.01  # channels are independent


def test_the_sprite_is_a_negative_of_the_picture_behind_it(tmp_path):
    Image.new("RGB", (80, 70), (200, 100, 0)).save(tmp_path / "plain.png")
    images, inside = pair("picture_sprites", picture=tmp_path / "plain.png")
    for picture, mask in zip(images["image"].values, inside, strict=True):
        behind = np.unique(picture[~mask], axis=0)
        assert len(behind) == 1
        assert (picture[mask] == 255 - behind[0]).all()
        colour = 2 * behind[0].astype(int) - (200, 100, 0)
        assert colour.min() >= -1
        assert colour.max() <= 255
    assert images.attrs["background"] == "plain.png"


def test_the_default_picture_is_named():
    images, _ = pair("picture_sprites")
    assert images.attrs["background"] == "china.jpg of scikit-learn"
    assert images["image"].values.std() > 20


def test_a_picture_that_cannot_be_used_is_refused(tmp_path):
    Image.new("RGB", (70, 50)).save(tmp_path / "small.png")
    with pytest.raises(DataError, match="needs 64x64 or more"):
        dt.load("picture_sprites", picture=tmp_path / "small.png")
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(DataError, match="cannot be read"):
        dt.load("picture_sprites", picture=tmp_path / "bad.png")


@pytest.mark.parametrize("name", ["colour_sprites", "noisy_sprites", "picture_sprites"])
def test_an_image_looks_the_same_whoever_reads_it_with_it(name):
    images = dt.load(name, sample=30, seed=4)["image"]
    whole = images.values
    np.testing.assert_array_equal(images[[17, 3]].values, whole[[17, 3]])
    np.testing.assert_array_equal(dt.load(name, sample=30, seed=4)["image"].values, whole)
    full = dt.load(name, seed=4)  # an image of the whole grid is the same as in a sample of it
    number = int(dt.load(name, sample=30, seed=4)["sample"][5])
    np.testing.assert_array_equal(full["image"][number].values, whole[5])


def test_seed_and_kind_make_other_data():
    loads = [("colour_sprites", 0), ("colour_sprites", 1), ("noisy_sprites", 0)]
    assert len({dt.load(name, seed=seed).attrs["data_hash"] for name, seed in loads}) == 3
    first, second = (dt.load("colour_sprites", seed=s)["image"][::90_001].values for s in (0, 1))
    assert (first != second).any()


def test_32_pixels_are_the_mean_of_blocks():
    small, large = (dt.load("noisy_sprites", size=s, sample=5)["image"].values for s in (32, 64))
    mean = large.reshape(5, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(small - mean).max() <= 0.5
