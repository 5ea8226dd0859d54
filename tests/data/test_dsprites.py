"""The published dSprites file, on small files in its exact layout."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import distoolkit as dt
from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.data.grid import factors_of
from distoolkit.data.sprites import GRID

INDEX = np.arange(0, 737280, 4001)  # 185 images
CLASSES = np.column_stack([np.zeros(len(INDEX), dtype=np.int64), factors_of(GRID, INDEX)])
PIXELS = np.random.default_rng(0).integers(0, 2, (len(INDEX), 64, 64), dtype=np.uint8)


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    metadata = np.array({"title": "dSprites"}, dtype=object)  # pickled, as in the published file
    np.savez_compressed(
        path, metadata=metadata, imgs=PIXELS, latents_classes=CLASSES, latents_values=CLASSES.astype(float)
    )
    return path


@pytest.fixture
def hdf5(tmp_path):
    path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=PIXELS, chunks=(50, 2, 4), compression="gzip")
        file["latents/classes"] = CLASSES
        file["latents/values"] = CLASSES.astype(float)
    return path


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_both_formats_give_the_same_images(kind, request):
    images = dt.load("dsprites", path=request.getfixturevalue(kind), progress=False)
    np.testing.assert_array_equal(images["image"].values[..., 0], PIXELS * 255)
    np.testing.assert_array_equal(images["factors"].values, CLASSES[:, 1:])
    assert images["factor"].values.tolist() == ["shape", "scale", "orientation", "posX", "posY"]
    assert not images["image"].variable._in_memory
    assert images.sel(shape="heart").sizes["sample"] == (CLASSES[:, 1] == 2).sum()


def test_a_folder_with_the_file_will_do(hdf5):
    assert dt.load("dsprites", path=hdf5.parent, progress=False).sizes["sample"] == len(INDEX)


def test_the_bits_are_packed_once(npz, cache, monkeypatch):
    dt.load("dsprites", path=npz, progress=False)
    (packed,) = (cache / "converted").iterdir()
    assert np.load(packed).shape == (len(INDEX), 512)
    monkeypatch.setattr(np, "packbits", lambda *a, **k: pytest.fail("packed a second time"))
    assert dt.load("dsprites", path=npz, progress=False, sample=7, seed=1)["image"].shape == (7, 64, 64, 1)


def test_size_32_is_the_mean_of_blocks(npz):
    small = dt.load("dsprites", path=npz, size=32, sample=9, progress=False)
    large = PIXELS[small["sample"].values].reshape(9, 32, 2, 32, 2).mean(axis=(2, 4)) * 255
    assert np.abs(small["image"].values[..., 0] - large).max() <= 0.5


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_a_truncated_file_is_refused(kind, request, cache):
    path = request.getfixturevalue(kind)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="again"):
        dt.load("dsprites", path=path, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_damage_in_the_middle_is_found_and_nothing_is_kept(npz, cache):
    data = bytearray(npz.read_bytes())
    middle = data.find(b"imgs.npy") + 20_000
    data[middle : middle + 20] = b"\xff" * 20
    npz.write_bytes(data)
    with pytest.raises(DataError, match="again"):
        dt.load("dsprites", path=npz, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", imgs=PIXELS)
    with pytest.raises(DataError, match="has no array latents_classes"):
        dt.load("dsprites", path=tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", imgs=PIXELS, latents_classes=CLASSES + 100)
    with pytest.raises(DataError, match="expected integers"):
        dt.load("dsprites", path=tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", imgs=PIXELS[:, :32], latents_classes=CLASSES)
    with pytest.raises(DataError, match="expected uint8"):
        dt.load("dsprites", path=tmp_path / "c.npz", progress=False)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*dsprites.*\.hdf5"):
        dt.load("dsprites", path=tmp_path)


def test_the_variants_take_the_published_file(npz):
    images = dt.load("colour_sprites", path=npz, sample=5)
    inside = PIXELS[images["sample"].values].astype(bool)
    assert (images["image"].values[inside] >= 128).all()
    assert not images["image"].values[~inside].any()
    assert schema.attribute(images, "data_options")["path"] == str(npz)
