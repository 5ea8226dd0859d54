"""Folders of the reader's own pictures: every kind of file that people have."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import distoolkit as dt
from distoolkit.contract import ConfigError, DataError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def two_colours(width, height, left=RED, right=BLUE):
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = left, right
    return Image.fromarray(picture)


@pytest.fixture
def photos(tmp_path):
    """A folder with b.png, a.jpg and sub/c.png."""
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    two_colours(40, 20).save(root / "b.png")
    two_colours(300, 200, GREEN, GREEN).save(root / "a.jpg", quality=95)
    two_colours(9, 31).save(root / "sub" / "c.png")
    (root / "notes.txt").write_text("not a picture")
    (root / ".hidden.png").write_bytes(b"not a picture either")
    return root


def load(path, **options):
    return dt.load("folder", path=path, progress=False, **options)


def test_pictures_come_in_the_order_of_their_paths_at_one_size(photos):
    images = load(photos, size=16)
    assert images["file"].values.tolist() == ["a.jpg", "b.png", "sub/c.png"]
    assert images["image"].shape == (3, 16, 16, 3)
    assert images["image"].dtype == np.uint8
    np.testing.assert_allclose(images["image"].values[0, 8, 8], GREEN, atol=3)


def test_crop_cuts_the_middle_stretch_keeps_all_pad_adds_bars(tmp_path):
    picture = np.zeros((10, 30, 3), dtype=np.uint8)
    picture[:, :10], picture[:, 10:20], picture[:, 20:] = RED, GREEN, BLUE
    Image.fromarray(picture).save(tmp_path / "a.png")
    crop, stretch, pad = (load(tmp_path, size=10, fit=f)["image"].values[0] for f in ("crop", "stretch", "pad"))
    assert (crop == GREEN).all()
    assert [stretch[5, x].argmax() for x in (0, 5, 9)] == [0, 1, 2]
    assert not pad[0].any()
    assert not pad[-1].any()
    assert [pad[5, x].argmax() for x in (0, 5, 9)] == [0, 1, 2]


def test_the_cameras_rotation_is_undone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    two_colours(20, 20).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = load(tmp_path, size=20)["image"].values[0]
    np.testing.assert_allclose(picture[2, 10], RED, atol=5)
    np.testing.assert_allclose(picture[17, 10], BLUE, atol=5)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_grey_pictures_of_any_depth_stay_grey(tmp_path, mode):
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 128 * 257, dtype=np.uint16)).save(tmp_path / "a.png")
    else:
        Image.new("L", (8, 8), 128).convert(mode, dither=Image.Dither.NONE).save(tmp_path / "a.png")
    pixels = load(tmp_path, size=8)["image"].values
    assert pixels.shape == (1, 8, 8, 1)
    assert (pixels == (255 if mode == "1" else 128)).all()


def test_palette_and_transparency(tmp_path):
    two_colours(8, 8).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.gif")
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    clear.paste((0, 255, 0, 255), (0, 0, 8, 4))
    clear.save(tmp_path / "b.png")
    palette, transparent = load(tmp_path, size=8)["image"].values
    assert (palette[4, 1], palette[4, 6]) == (pytest.approx(RED), pytest.approx(BLUE))
    assert (transparent[0, 0], transparent[7, 0]) == (pytest.approx(GREEN), pytest.approx((0, 0, 0)))


def test_one_coloured_picture_makes_all_of_them_colour_and_grey_can_be_asked_for(tmp_path):
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8), RED).save(tmp_path / "b.png")
    assert load(tmp_path, size=8)["image"].values[0, 0, 0].tolist() == [100, 100, 100]
    assert load(tmp_path, size=8, colour="grey")["image"].values[:, 0, 0, 0].tolist() == [100, 76]
    Image.new("L", (8, 8), 100).save(tmp_path / "b.png")
    assert load(tmp_path, size=8, colour="rgb")["image"].shape[-1] == 3


def test_sub_folders_become_a_factor(tmp_path):
    for name in ("dog", "cat"):
        (tmp_path / name / "deep").mkdir(parents=True)
        two_colours(8, 8).save(tmp_path / name / "deep" / "1.png")
    images = load(tmp_path, factor="animal")
    assert images["factors"].values.tolist() == [[0], [1]]
    assert images.sel(animal="dog")["file"].values.tolist() == ["dog/deep/1.png"]
    assert images["factor_kind"].values.tolist() == ["categorical"]


def test_a_sample_keeps_the_numbers_of_all_sub_folders(tmp_path):
    for name in "abcd":
        (tmp_path / name).mkdir()
        two_colours(8, 8).save(tmp_path / name / "1.png")
    images = load(tmp_path, factor="letter", sample=1, seed=4)
    assert images["factor_size"].values.tolist() == [4]
    assert "abcd"[int(images["factors"][0, 0])] == images["file"].values[0][0]


def test_pictures_outside_sub_folders_cannot_be_numbered(photos):
    with pytest.raises(DataError, match=r"2 lie in it directly: a\.jpg, b\.png"):
        load(photos, factor="place")


@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_pictures_that_cannot_be_read_are_named_and_skipped_only_on_request(photos, damage):
    whole = (photos / "a.jpg").read_bytes()
    content = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}[damage]
    (photos / "broken.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"1 of 4 pictures cannot be read: .*broken\.jpg.*skip_unreadable=True"):
        load(photos)
    images = load(photos, skip_unreadable=True)
    assert images["file"].values.tolist() == ["a.jpg", "b.png", "sub/c.png"]
    assert json.loads(images.attrs["skipped_json"]) == ["broken.jpg"]


def test_a_folder_where_nothing_can_be_read_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="Give other pictures"):
        load(tmp_path, skip_unreadable=True)


def test_an_empty_or_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"holds no pictures: looked for files that end in \.png"):
        load(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        load(tmp_path / "nowhere")


def test_a_picture_too_large_to_decode_safely_is_refused(photos, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    with pytest.raises(DataError, match=r"a\.jpg.*decompression bomb"):
        load(photos)


def test_a_size_without_pixels_is_refused(photos):
    with pytest.raises(ConfigError, match="size = 0 is not allowed: give 1 or more"):
        load(photos, size=0)


def test_the_hash_follows_the_pixels(photos):
    first = load(photos).attrs["data_hash"]
    assert load(photos).attrs["data_hash"] == first
    two_colours(40, 20, BLUE, RED).save(photos / "b.png")
    assert load(photos).attrs["data_hash"] != first
