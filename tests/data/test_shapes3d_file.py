"""The published 3D Shapes file, on small files in its exact layout."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data.grid import factors_of
from distoolkit.data.shapes3d import GRID

INDEX = np.arange(0, 480_000, 2999)
FACTORS = factors_of(GRID, INDEX)
PIXELS = np.random.default_rng(0).integers(0, 256, (len(INDEX), 64, 64, 3), dtype=np.uint8)
LABELS = np.column_stack(
    [
        FACTORS[:, :3] * 0.1,
        np.linspace(0.75, 1.25, 8)[FACTORS[:, 3]],
        FACTORS[:, 4].astype(float),
        np.linspace(-30, 30, 15)[FACTORS[:, 5]],
    ]
)


def write(path, images=PIXELS, labels=LABELS):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=images, compression="gzip")
        file["labels"] = labels
    return path


def test_images_and_factors(tmp_path, cache):
    images = dt.load("shapes3d_file", path=write(tmp_path / "3dshapes.h5"), progress=False)
    np.testing.assert_array_equal(images["image"].values, PIXELS)
    np.testing.assert_array_equal(images["factors"].values, FACTORS)
    assert not images["image"].variable._in_memory
    assert len(list((cache / "converted").iterdir())) == 1


def test_size_32_is_the_mean_of_blocks(tmp_path):
    images = dt.load("shapes3d_file", path=write(tmp_path / "3dshapes.h5"), size=32, progress=False)
    mean = PIXELS.reshape(-1, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(images["image"].values - mean).max() <= 0.5


def test_a_truncated_file_is_refused(tmp_path, cache):
    path = write(tmp_path / "3dshapes.h5")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match="get it again"):
        dt.load("shapes3d_file", path=path, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_other_labels_are_refused(tmp_path):
    with pytest.raises(DataError, match="labels that are not those of 3D Shapes"):
        dt.load("shapes3d_file", path=write(tmp_path / "a.h5", labels=LABELS + 0.03), progress=False)
    with pytest.raises(DataError, match="expected"):
        dt.load("shapes3d_file", path=write(tmp_path / "b.h5", labels=LABELS[:, :5]), progress=False)
    with pytest.raises(DataError, match="expected"):
        dt.load("shapes3d_file", path=write(tmp_path / "c.h5", images=PIXELS[..., 0]), progress=False)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch, cache):
    import shutil
    from collections import namedtuple

    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("U", "free")(1000))
    with pytest.raises(DataError, match=r"needs 0\.0 GB .* DISTOOLKIT_DATA"):
        dt.load("shapes3d_file", path=write(tmp_path / "3dshapes.h5"), progress=False)
    assert not list(cache.rglob("*.npy"))
