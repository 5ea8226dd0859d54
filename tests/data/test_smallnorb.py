"""SmallNORB, on small files in its exact binary layout."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data import sources
from distoolkit.data.smallnorb import read_matrix

MAGIC = {"u1": 0x1E3D4C55, "<i4": 0x1E3D4C54, "<f4": 0x1E3D4C51, "<f8": 0x1E3D4C53, "<i2": 0x1E3D4C56}


def matrix(array, dtype):
    """Return an array in NORB's format: magic, axes, three lengths or more, little-endian data."""
    shape = (*array.shape, *[1] * (3 - array.ndim))
    return struct.pack(f"<ii{len(shape)}i", MAGIC[dtype], array.ndim, *shape) + array.astype(dtype).tobytes()


@pytest.fixture
def norb(tmp_path):
    """Two halves of twelve pairs each, in shuffled order; returns folder, factors and left pictures by file order."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "norb"
    folder.mkdir()
    factors, lefts = [], []
    for half, instances in (("train", (4, 9)), ("test", (0, 5))):
        rows = np.array([(c, i, e, 2 * a, 3) for c in (1, 4) for i in instances for e in (0, 8) for a in (5, 17)])
        rows = rows[rng.permutation(len(rows))]
        pixels = rng.integers(0, 256, (len(rows), 2, 96, 96))
        for part, content in (
            ("dat", matrix(pixels, "u1")),
            ("cat", matrix(rows[:, 0], "<i4")),
            ("info", matrix(rows[:, 1:], "<i4")),
        ):
            (folder / sources.SMALLNORB[half, part].name).write_bytes(gzip.compress(content))
        factors.append(rows // [1, 1, 1, 2, 1])
        lefts.append(pixels[:, 0])
    return folder, np.concatenate(factors), np.concatenate(lefts).astype(np.uint8)


def test_both_halves_are_put_in_the_order_of_their_factors(norb):
    folder, factors, lefts = norb
    images = dt.load("smallnorb", path=folder, size=96, progress=False)
    order = sorted(range(len(factors)), key=lambda k: factors[k].tolist())
    np.testing.assert_array_equal(images["factors"].values, factors[order])
    np.testing.assert_array_equal(images["image"].values[..., 0], lefts[order])
    assert images["image"].values.max() > 200  # bytes are unsigned


def test_one_half_alone(norb):
    images = dt.load("smallnorb", path=norb[0], split="test", progress=False)
    assert images.sizes["sample"] == 16
    assert set(images["factors"].values[:, 1].tolist()) == {0, 5}


def test_64_pixels_are_pils_lanczos(norb):
    folder, factors, lefts = norb
    images = dt.load("smallnorb", path=folder, size=64, progress=False)
    order = sorted(range(len(factors)), key=lambda k: factors[k].tolist())
    expected = Image.fromarray(lefts[order[5]]).resize((64, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(images["image"].values[5, ..., 0], np.asarray(expected))


def test_files_that_were_unpacked_are_read_too(norb):
    folder, _, _ = norb
    for packed in list(folder.iterdir()):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert dt.load("smallnorb", path=folder, progress=False).sizes["sample"] == 32


@pytest.mark.parametrize("dtype", list(MAGIC))
def test_every_type_of_the_format(tmp_path, dtype):
    array = np.arange(6).reshape(2, 3)
    (tmp_path / "m.mat").write_bytes(matrix(array, dtype))
    found = read_matrix(tmp_path / "m.mat")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)


def test_the_bytes_of_a_known_matrix(tmp_path):
    # 0x1E3D4C54, one axis, lengths 2 1 1, values 7 and -1, written out by hand
    hexed = "544c3d1e 01000000 02000000 01000000 01000000 07000000 ffffffff"
    (tmp_path / "m.mat").write_bytes(bytes.fromhex(hexed))
    assert read_matrix(tmp_path / "m.mat").tolist() == [7, -1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello there, this is no matrix",
        matrix(np.zeros((4, 4)), "u1")[:-1],
        matrix(np.zeros((4, 4)), "u1") + b"x",
        struct.pack("<iiiii", MAGIC["u1"], 3, -1, -4, 1) + b"1234",
        struct.pack("<ii", MAGIC["u1"], 1000),
        gzip.compress(matrix(np.zeros((40, 40)), "u1"), mtime=0)[:-12],
    ],
)
def test_damaged_matrices_are_refused(tmp_path, content):
    (tmp_path / "m.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"m\.mat"):
        read_matrix(tmp_path / "m.mat")


def test_a_wrong_checksum_is_refused(cache):
    cache.mkdir()
    (cache / sources.SMALLNORB["train", "dat"].name).write_bytes(gzip.compress(b"wrong"))
    with pytest.raises(DataError, match="is not the published smallnorb"):
        dt.load("smallnorb", split="train", progress=False)


def test_labels_outside_the_factors_are_refused(norb):
    folder, _, _ = norb
    bad = np.array([[4, 0, 36, 0]] * 16)  # an azimuth of 36 would be the nineteenth
    (folder / sources.SMALLNORB["train", "info"].name).write_bytes(gzip.compress(matrix(bad, "<i4")))
    with pytest.raises(DataError, match="values outside the factors"):
        dt.load("smallnorb", path=folder, progress=False)
