"""Array files, which are never unpickled."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.contract import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 8, 9, 3), dtype=np.uint8)


class Bomb:
    """Unpickling this would make a folder."""

    def __reduce__(self):
        import os

        return os.mkdir, ("unpickled",)


def load(path, **options):
    return dt.load("array", path=path, **options)


def test_a_npy_file_stays_on_the_disk(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    images = load(tmp_path / "a.npy")
    assert not images["image"].variable._in_memory
    np.testing.assert_array_equal(images["image"].values, PIXELS)
    np.testing.assert_array_equal(load(str(tmp_path / "a.npy"), sample=4)["image"].shape, (4, 8, 9, 3))


def test_grey_images_get_their_channel_axis_and_floats_become_bytes(tmp_path):
    np.save(tmp_path / "grey.npy", PIXELS[..., 0])
    np.testing.assert_array_equal(load(tmp_path / "grey.npy")["image"].values, PIXELS[..., :1])
    np.save(tmp_path / "float.npy", PIXELS / 255)
    np.testing.assert_array_equal(load(tmp_path / "float.npy")["image"].values, PIXELS)


def test_a_npz_file_with_factors(tmp_path):
    labels = np.arange(40).reshape(20, 2) % 5
    np.savez(tmp_path / "a.npz", pixels=PIXELS, labels=labels)
    images = load(tmp_path / "a.npz", factors="labels")
    np.testing.assert_array_equal(images["image"].values, PIXELS)
    assert images.sel(factor0=2).sizes["sample"] == (labels[:, 0] == 2).sum()


def test_the_key_is_asked_for_when_it_is_not_plain(tmp_path):
    np.savez(tmp_path / "a.npz", one=PIXELS, two=PIXELS[:5])
    with pytest.raises(DataError, match="say which array holds the images with key="):
        load(tmp_path / "a.npz")
    assert load(tmp_path / "a.npz", key="two")["image"].shape[0] == 5
    with pytest.raises(DataError, match="has no array three; it has one, two"):
        load(tmp_path / "a.npz", key="three")


def test_pickled_arrays_are_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = np.array([Bomb()], dtype=object)
    np.save("a.npy", bomb, allow_pickle=True)
    np.savez("b.npz", imgs=bomb)
    for name, options in (("a.npy", {}), ("b.npz", {"key": "imgs"}), ("b.npz", {})):
        with pytest.raises(DataError):
            load(tmp_path / name, **options)
    assert not (tmp_path / "unpickled").exists()
    np.savez("c.npz", imgs=PIXELS, metadata=bomb)  # beside plain images it does no harm
    assert load(tmp_path / "c.npz")["image"].shape == PIXELS.shape
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_truncated_file_is_refused(tmp_path, name):
    np.save(tmp_path / "a.npy", PIXELS)
    np.savez(tmp_path / "a.npz", PIXELS)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match="again"):
        load(path, **({"key": "arr_0"} if name == "a.npz" else {}))


def test_a_missing_file_a_folder_and_a_foreign_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        load(tmp_path / "a.npy")
    with pytest.raises(DataError, match="it is a folder"):
        load(tmp_path)
    (tmp_path / "a.npy").write_text("hello")
    with pytest.raises(DataError, match=r"cannot be read as a \.npy array"):
        load(tmp_path / "a.npy")


def test_an_array_that_is_no_images_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    with pytest.raises(DataError, match="shape"):
        load(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros((4, 8, 8, 2), dtype=np.uint8))
    with pytest.raises(DataError, match="2 channels"):
        load(tmp_path / "b.npy")


def test_an_archive_of_pickled_objects_only_says_so(tmp_path):
    np.savez(tmp_path / "objects.npz", images=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="holds no plain array: pickled objects are not read"):
        load(tmp_path / "objects.npz")
