"""Lazy arrays: what is asked for is read, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit import schema
from distoolkit.contract import DistoolkitError
from distoolkit.data import materialise
from distoolkit.data.lazy import CHUNK, lazily

DATA = np.random.default_rng(0).integers(0, 256, (600, 5, 4, 3), dtype=np.uint8)


@pytest.fixture
def watched():
    """Return a lazy images Dataset and the list of all positions that were read so far."""
    read: list[int] = []

    def reader(samples):
        read.extend(samples.tolist())
        return DATA[samples]

    images = schema.as_images(lazily(reader, DATA.shape), name="watched", data_hash="x")
    return images, read


def test_nothing_is_read_before_the_values_are_asked_for(watched):
    images, read = watched
    part = images.isel(sample=[5, 3, 3]).isel(y=slice(0, 2))
    repr(part)
    assert read == []
    np.testing.assert_array_equal(part["image"].values, DATA[[5, 3, 3], :2])
    assert sorted(set(read)) == [3, 5]


@pytest.mark.parametrize(
    "key",
    [
        {"sample": 7},
        {"sample": -1},
        {"sample": slice(10, 2, -3)},
        {"sample": slice(None)},
        {"sample": [9, 0, 9]},
        {"sample": 7, "y": 2, "x": -1, "channel": 0},
        {"sample": [1, 2], "y": [4, 0], "x": slice(1, None), "channel": 2},
        {"channel": slice(0, 1)},
        {"sample": []},
        {"sample": np.arange(2 * CHUNK + 3) % 600},
    ],
)
def test_indexing_agrees_with_numpy(watched, key):
    image = watched[0]["image"]
    expected = image.copy(data=DATA).isel(key)
    found = image.isel(key)
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.dims == expected.dims


def test_pointwise_indexing_works(watched):
    import xarray as xr

    points = xr.DataArray([0, 5, 9], dims="point")
    found = watched[0]["image"].isel(sample=points, y=points % 5).values
    np.testing.assert_array_equal(found, DATA[[0, 5, 9], [0, 0, 4]])


def test_boolean_masks_work(watched):
    keep = np.zeros(600, dtype=bool)
    keep[[4, 40]] = True
    np.testing.assert_array_equal(watched[0].isel(sample=keep)["image"].values, DATA[[4, 40]])


def test_materialise_writes_a_file_and_reads_from_it(watched, tmp_path):
    images, read = watched
    stored = materialise(images, tmp_path / "images.npy", progress=False, chunk=128)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), DATA)
    assert read == list(range(600))
    np.testing.assert_array_equal(stored["image"][[3, 1]].values, DATA[[3, 1]])
    assert read == list(range(600))  # the file is read now
    assert stored.attrs == images.attrs


def test_materialise_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / "images.npy"
    path.write_bytes(b"old")

    def reader(samples):
        raise OSError(28, "No space left on device")

    images = schema.as_images(lazily(reader, DATA.shape), name="bad", data_hash="x")
    with pytest.raises(DistoolkitError, match="no space left"):
        materialise(images, path, progress=False)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_batch_is_read_by_several_threads_alike():
    from concurrent.futures import ThreadPoolExecutor

    images = dt.load("shapes3d", size=32, sample=200, seed=5)["image"]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: images[k::4].values, range(4)))
    whole = images.values
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(part, whole[k::4])
