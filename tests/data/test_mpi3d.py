"""MPI3D, on small files in its exact layout."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data import mpi3d
from distoolkit.data.grid import Factor, count

SMALL = (Factor("object_color", 3, "categorical"), Factor("horizontal_axis", 7))
SMALLER = (Factor("object_color", 2, "categorical"), Factor("horizontal_axis", 7))
PIXELS = np.random.default_rng(0).integers(0, 256, (21, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(mpi3d, "SIX", SMALL)
    monkeypatch.setattr(mpi3d, "FOUR", SMALLER)


def test_the_published_grids_have_the_published_numbers_of_images():
    assert (count(mpi3d.SIX), count(mpi3d.FOUR), count(mpi3d.COMPLEX)) == (1_036_800, 460_800, 460_800)
    assert [f.size for f in mpi3d.SIX] == [6, 6, 2, 3, 3, 40, 40]
    assert [f.size for f in mpi3d.COMPLEX] == [4, 4, 2, 3, 3, 40, 40]


@pytest.mark.parametrize("variant", ["toy", "realistic", "real"])
@pytest.mark.parametrize("images", [1_036_800, 460_800])
def test_the_number_of_images_tells_the_grid(variant, images):
    assert count(mpi3d.grid_of(variant, (images, 64, 64, 3))) == images


def test_real_complex_has_one_grid_only():
    assert mpi3d.grid_of("real_complex", (460_800, 64, 64, 3))[1].labels[0] == "coffee-cup"
    with pytest.raises(DataError, match=r"expected \(460800, 64, 64, 3\)"):
        mpi3d.grid_of("real_complex", (1_036_800, 64, 64, 3))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("images", [21, 14])
def test_images_and_factors(small, tmp_path, save, images):
    save(tmp_path / "mpi3d_toy.npz", images=PIXELS[:images])
    loaded = dt.load("mpi3d", path=tmp_path, progress=False)
    np.testing.assert_array_equal(loaded["image"].values, PIXELS[:images])
    assert loaded["factors"].values[8].tolist() == [1, 1]  # the last factor varies fastest
    assert not loaded["image"].variable._in_memory


def test_a_sample_at_32_pixels(small, tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS)
    loaded = dt.load("mpi3d", variant="real", path=tmp_path / "a.npz", size=32, sample=4, progress=False)
    mean = PIXELS[loaded["sample"].values].reshape(4, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(loaded["image"].values - mean).max() <= 0.5


def test_truncated_and_foreign_files_are_refused(small, tmp_path, cache):
    path = tmp_path / "mpi3d_toy.npz"
    np.savez(path, images=PIXELS)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match="again"):
        dt.load("mpi3d", path=path, progress=False)
    np.savez(path, images=PIXELS[:20])
    with pytest.raises(DataError, match="expected"):
        dt.load("mpi3d", path=path, progress=False)
    np.savez(path, pictures=PIXELS)
    with pytest.raises(DataError, match="shape unknown"):
        dt.load("mpi3d", path=path, progress=False)
    np.savez(path, images=PIXELS.astype(np.uint16))
    with pytest.raises(DataError, match="expected uint8"):
        dt.load("mpi3d", path=path, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_a_file_that_has_to_be_fetched_by_hand_is_named(cache):
    with pytest.raises(DataError) as caught:
        dt.load("mpi3d", variant="real_complex", progress=False)
    assert "real3d_complicated_shapes_ordered.npz" in str(caught.value)
    assert str(cache) in str(caught.value)
