"""MNIST and Fashion-MNIST, on small files in the exact IDX layout."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.data import idx as module
from distoolkit.data.idx import read_idx

RNG = np.random.default_rng(0)
IMAGES = {name: RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8) for name, count in (("train", 30), ("t10k", 20))}
LABELS = {name: np.arange(len(pixels), dtype=np.uint8) % 10 for name, pixels in IMAGES.items()}


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    for name in IMAGES:
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[name])))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[name])))
    return tmp_path


def test_the_bytes_of_a_known_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes.fromhex("00000802 00000002 00000003 010203040506"))
    assert read_idx(tmp_path / "a").tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize(("split", "parts"), [("train", ["train"]), ("test", ["t10k"]), ("both", ["train", "t10k"])])
def test_splits(folder, name, split, parts):
    images = dt.load(name, path=folder, split=split, size=28)
    np.testing.assert_array_equal(images["image"].values[..., 0], np.concatenate([IMAGES[p] for p in parts]))
    np.testing.assert_array_equal(images["factors"].values[:, 0], np.concatenate([LABELS[p] for p in parts]))


def test_32_pixels_are_the_28_with_a_border(folder):
    pixels = dt.load("mnist", path=folder)["image"].values[..., 0]
    np.testing.assert_array_equal(pixels[:, 2:-2, 2:-2], IMAGES["train"])
    pixels[:, 2:-2, 2:-2] = 0
    assert not pixels.any()


def test_64_pixels_and_a_sample_by_name(folder):
    images = dt.load("fashion_mnist", path=folder, size=64, sample=25)
    assert images["image"].shape == (25, 64, 64, 1)
    assert (images.sel(clothing="ankle boot")["factors"].values == 9).all()


def test_the_debian_package_is_used_where_it_is_installed(folder, monkeypatch):
    monkeypatch.setattr(module, "DEBIAN", folder)
    assert dt.load("fashion_mnist").sizes["sample"] == 30


def test_files_that_were_unpacked_are_read_too(folder):
    for packed in list(folder.glob("*.gz")):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert dt.load("mnist", path=folder).sizes["sample"] == 30


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x0d\x01" + b"\0" * 8,  # floats
        idx(IMAGES["train"])[:-1],
        idx(IMAGES["train"]) + b"x",
        idx(IMAGES["train"])[:9],
        gzip.compress(idx(IMAGES["train"]), mtime=0)[:-50],
        b"\x1f\x8bnot gzip at all",
    ],
)
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match="a "):
        read_idx(tmp_path / "a")


def test_images_and_labels_of_different_sets_are_refused(folder):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS["t10k"])))
    with pytest.raises(DataError, match="do not belong together"):
        dt.load("mnist", path=folder)
