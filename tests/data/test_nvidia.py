"""Falcor3D and Isaac3D, on small files in their exact layout."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data.nvidia import FALCOR, ISAAC

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 128, 128, 3), dtype=np.uint8)
SETS = {
    "falcor3d": ("Falcor3D_down128", "train-rec.labels", FALCOR),
    "isaac3d": ("Isaac3D_down128", "labels.npy", ISAAC),
}


def labels_of(factors):
    levels = RNG.integers(0, 3, (12, len(factors)))
    levels[:3] = np.arange(3)[:, None]  # each of the three values occurs
    return levels


@pytest.fixture(params=list(SETS))
def published(request, tmp_path):
    """A set's name, its folder and the factors of its twelve images."""
    folder_name, table, factors = SETS[request.param]
    folder = tmp_path / folder_name
    (folder / "images").mkdir(parents=True)
    levels = labels_of(factors)
    with (folder / table).open("wb") as file:  # the .labels file is in npy format, whatever it is called
        np.save(file, levels / 2.0)
    for k, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / "images" / f"{k:06d}.png")
    return request.param, folder, levels


def test_images_and_factors_come_in_the_order_of_the_files(published):
    name, folder, levels = published
    images = dt.load(name, path=folder, size=128, progress=False)
    np.testing.assert_array_equal(images["image"].values, PIXELS)
    np.testing.assert_array_equal(images["factors"].values, levels)


def test_the_published_sizes():
    assert np.prod([f.size for f in FALCOR]) == 233_280
    assert np.prod([f.size for f in ISAAC]) == 737_280


def test_64_pixels_are_pils_bicubic(published):
    name, folder, _ = published
    found = dt.load(name, path=folder.parent, progress=False)["image"].values[7]
    np.testing.assert_array_equal(
        found, np.asarray(Image.fromarray(PIXELS[7]).resize((64, 64), Image.Resampling.BICUBIC))
    )


def test_an_archive_will_do(published, tmp_path):
    name, folder, levels = published
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent))
    images = dt.load(name, path=tmp_path / "a.zip", sample=4, progress=False)
    np.testing.assert_array_equal(images["factors"].values, levels[images["sample"].values])


def test_missing_and_damaged_parts_are_named(published, cache):
    name, folder, _ = published
    picture = folder / "images" / "000005.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:500])
    with pytest.raises(DataError, match=r"000005\.png cannot be read"):
        dt.load(name, path=folder, progress=False)
    picture.unlink()
    with pytest.raises(DataError, match="11 pictures in images/ and 12 labels"):
        dt.load(name, path=folder, progress=False)
    Image.fromarray(PIXELS[0, :64, :64]).save(picture)
    with pytest.raises(DataError, match=r"expected \(128, 128, 3\)"):
        dt.load(name, path=folder, progress=False)
    table = next(p for p in folder.iterdir() if p.is_file())
    with table.open("wb") as file:
        np.save(file, RNG.random((12, len(SETS[name][2]))))
    with pytest.raises(DataError, match="expected at most"):
        dt.load(name, path=folder, progress=False)
    with table.open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Pickled"):
        dt.load(name, path=folder, progress=False)
    table.unlink()
    with pytest.raises(DataError, match="holds no"):
        dt.load(name, path=folder, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_without_files_the_message_says_where_to_put_them(cache):
    with pytest.raises(DataError, match=r"Falcor3D_down128.*no address that can be downloaded"):
        dt.load("falcor3d", progress=False)
