"""Hashes of files and the copies that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from distoolkit.contract import DataError
from distoolkit.data import files


@pytest.mark.parametrize("whole", [True, False])
def test_the_hash_follows_content_and_size(tmp_path, monkeypatch, whole):
    path = tmp_path / "a.bin"
    data = bytearray(np.random.default_rng(0).bytes(3 * 2**20 + 5))
    if not whole:
        monkeypatch.setattr(
            files, "WHOLE", 2**20
        )  # as for a large file: 256 blocks of it are read, the first and the last among them
    hashes = set()
    for change in (None, 0, 1000, len(data) - 1):
        if change is not None:
            data[change] ^= 1
        path.write_bytes(data)
        hashes.add(files.file_hash(path))
    path.write_bytes(data + b"x")
    hashes.add(files.file_hash(path))
    assert len(hashes) == 5
    assert files.file_hash(path) in hashes


def test_a_copy_is_made_once_and_under_the_name_of_its_content(cache):
    made = []

    def fill(target):
        made.append(target.shape)
        target[:] = 7

    first = files.converted("set", "abc", (3, 4), fill)
    assert files.converted("set", "abc", (3, 4), fill) == first
    assert made == [(3, 4)]
    assert files.converted("set", "other", (3, 4), fill) != first
    np.testing.assert_array_equal(np.load(first), np.full((3, 4), 7))
    assert sorted(p.name for p in (cache / "converted").iterdir()) == ["set-abc.npy", "set-other.npy"]


def test_a_copy_that_fails_leaves_nothing(cache):
    def fill(target):
        target[0] = 1
        raise DataError("half-way")

    with pytest.raises(DataError, match="half-way"):
        files.converted("set", "abc", (3, 4), fill)
    assert list((cache / "converted").iterdir()) == []
