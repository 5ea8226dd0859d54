"""CelebA, on small files in its exact layout."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data.celeba import read_attributes

NAMES = [f"{k:06d}.jpg" for k in range(1, 7)]
ATTRIBUTES = ["5_o_Clock_Shadow", "Male", "Young"]
VALUES = np.where(np.random.default_rng(0).random((6, 3)) < 0.5, -1, 1)


def face(k):
    """A face of 178x218 whose brightness is 40 * k inside the middle square and white outside of it."""
    pixels = np.full((218, 178, 3), 255, dtype=np.uint8)
    pixels[20:198] = 40 * k
    return Image.fromarray(pixels)


def jpeg(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def table(values=VALUES, names=NAMES, count=None):
    lines = [str(len(names) if count is None else count), " ".join(ATTRIBUTES)]
    lines += [f"{name} {' '.join(f'{v:2d}' for v in row)}" for name, row in zip(names, values, strict=True)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def celeba(tmp_path):
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        for k, name in enumerate(NAMES):
            archive.writestr(f"img_align_celeba/{name}", jpeg(face(k)))
    (tmp_path / "list_attr_celeba.txt").write_text(table())
    return tmp_path


def test_faces_and_attributes(celeba):
    images = dt.load("celeba", path=celeba, progress=False)
    np.testing.assert_allclose(images["image"].values[:, 32, 32, 0], [0, 40, 80, 120, 160, 200], atol=2)
    np.testing.assert_array_equal(images["factors"].values, VALUES > 0)
    assert images["factor"].values.tolist() == ATTRIBUTES
    assert images.sel(Male="yes").sizes["sample"] == (VALUES[:, 1] == 1).sum()
    assert not images["image"].variable._in_memory


def test_the_crops(celeba):
    def dark(crop):
        picture = dt.load("celeba", path=celeba, crop=crop, sample=6, progress=False).sel(sample=1)["image"].values
        return (picture[..., 0] < 100).mean()

    assert dark("square") == dark("tad") == 1  # the white bars above and below are cut off
    assert dark("stretch") == pytest.approx(178 / 218, abs=0.03)


def test_tad_is_the_middle_two_thirds(tmp_path, celeba):
    pixels = np.zeros((218, 178, 3), dtype=np.uint8)
    pixels[109 - 59 : 109 + 59, 89 - 59 : 89 + 59] = 255
    with zipfile.ZipFile(celeba / "img_align_celeba.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(f"img_align_celeba/{name}", jpeg(Image.fromarray(pixels)))
    assert dt.load("celeba", path=celeba, crop="tad", sample=1, progress=False)["image"].values.min() > 100
    assert dt.load("celeba", path=celeba, crop="square", sample=1, progress=False)["image"].values[:, 0].max() < 50


def test_a_sample_decodes_no_more(celeba, cache):
    images = dt.load("celeba", path=celeba, sample=3, seed=1, progress=False)
    whole = dt.load("celeba", path=celeba, progress=False)
    np.testing.assert_array_equal(images["image"].values, whole["image"].values[images["sample"].values])
    np.testing.assert_array_equal(images["factors"].values, whole["factors"].values[images["sample"].values])


def test_an_unpacked_folder_will_do(celeba):
    with zipfile.ZipFile(celeba / "img_align_celeba.zip") as archive:
        archive.extractall(celeba)
    whole = dt.load("celeba", path=celeba, progress=False)["image"].values
    (celeba / "img_align_celeba.zip").unlink()
    np.testing.assert_array_equal(dt.load("celeba", path=celeba, progress=False)["image"].values, whole)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\nworld\n",
        table(count=7),
        table(values=VALUES * 2),
        table() + "000007.jpg 1 1\n",
        table(names=["../../etc/passwd", *NAMES[1:]]),
        table(names=["a/b.jpg", *NAMES[1:]]),
    ],
)
def test_damaged_tables_are_refused(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=r"list\.txt"):
        read_attributes(tmp_path / "list.txt")


def test_broken_missing_and_huge_faces_are_named(celeba, cache):
    archive = celeba / "img_align_celeba.zip"
    for content in (jpeg(face(1))[:300], b"", b"\0" * (2**22 + 5)):
        with zipfile.ZipFile(archive, "w") as file:
            for name in NAMES:
                file.writestr(f"img_align_celeba/{name}", content if name == NAMES[3] else jpeg(face(1)))
        with pytest.raises(DataError, match=r"000004\.jpg cannot be read"):
            dt.load("celeba", path=celeba, progress=False)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"img_align_celeba/{NAMES[0]}", jpeg(face(1)))
    with pytest.raises(DataError, match=r"000002\.jpg cannot be read"):
        dt.load("celeba", path=celeba, progress=False)
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match="cut short"):
        dt.load("celeba", path=celeba, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_without_files_the_message_says_what_to_get():
    with pytest.raises(DataError, match=r"Get list_attr_celeba\.txt, 26721026 bytes, checksum sha256:f0e5da"):
        dt.load("celeba", progress=False)
