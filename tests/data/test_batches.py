from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import ConfigError
from distoolkit.data import batches
from distoolkit.data.batches import Pixels, as_bytes, as_floats, pick_device
from distoolkit.data.lazy import lazily

CPU = torch.device("cpu")
ARRAY = np.random.default_rng(0).integers(0, 256, (30, 5, 7, 3), dtype=np.uint8)


class Lazy:
    """An images Dataset that notes which images were read."""

    def __init__(self) -> None:
        self.read: list[int] = []
        array = lazily(self._get, ARRAY.shape)
        self.images = schema.as_images(array, data_hash="made up")
        self.read.clear()

    def _get(self, index: Any) -> Any:
        self.read += index.tolist()
        return ARRAY[index]


def expected(index: list[int]) -> np.ndarray[Any, Any]:
    return ARRAY[index].transpose(0, 3, 1, 2) / np.float32(255)


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("lazy", [True, False])
def test_batches_are_the_images_asked_for(resident: bool, lazy: bool) -> None:
    images = Lazy().images if lazy else schema.as_images(ARRAY)
    pixels = Pixels(images, CPU, resident)
    assert len(pixels) == 30
    for index in ([4, 2, 2, 29], [0], list(range(30)), [7, 7]):
        batch = pixels.batch(torch.tensor(index))
        assert batch["index"].tolist() == index
        assert np.array_equal(batch["image"].numpy(), expected(index))
        assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    chunks = list(pixels.chunks(8))
    assert [len(c["index"]) for c in chunks] == [8, 8, 8, 6]
    assert np.array_equal(torch.cat([c["image"] for c in chunks]).numpy(), expected(list(range(30))))


def test_lazy_images_move_in_once_and_as_they_are_asked_for() -> None:
    lazy = Lazy()
    pixels = Pixels(lazy.images, CPU)
    assert lazy.read == []
    pixels.batch(torch.tensor([5, 3, 5]))
    pixels.batch(torch.tensor([3, 9]))
    assert sorted(lazy.read) == [3, 5, 9]
    assert not pixels.complete
    list(pixels.chunks(16))
    assert pixels.complete
    assert sorted(lazy.read) == list(range(30))
    assert not lazy.images["image"].variable._in_memory, "no second copy is left in the reader's Dataset"


def test_images_that_do_not_fit_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_fits", lambda size, device: size < ARRAY.nbytes)
    lazy = Lazy()
    pixels = Pixels(lazy.images, CPU)
    for _ in range(2):
        assert np.array_equal(pixels.batch(torch.tensor([8, 1]))["image"].numpy(), expected([8, 1]))
    assert sorted(lazy.read) == [1, 1, 8, 8]


def test_what_fits_is_half_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 100}[name])
    assert batches._fits(500, CPU)
    assert not batches._fits(501, CPU)
    assert batches._fits(10**15, torch.device("meta"))


def test_read_only_images_are_taken(tiny_images: xr.Dataset) -> None:
    array = ARRAY.copy()
    array.flags.writeable = False
    batch = Pixels(schema.as_images(array), CPU).batch(torch.tensor([1]))
    assert np.array_equal(batch["image"].numpy(), expected([1]))


def test_every_byte_survives_the_way_to_floats_and_back() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(as_bytes(as_floats(torch.from_numpy(every))), every)
    assert as_bytes(torch.tensor([[[[-0.5, 0.0, 0.5, 1.5]]]])).flatten().tolist() == [0, 0, 128, 255]


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_device("cpu") == CPU
    assert pick_device(torch.device("meta")).type == "meta"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert pick_device() == CPU
    with pytest.raises(ConfigError, match=r"device = 'cuda' is not here \(this machine has 0 cuda devices\)"):
        pick_device("cuda")
    with pytest.raises(ConfigError, match="device = 'mps' is not here"):
        pick_device("mps")
    with pytest.raises(ConfigError, match="device = 'graphics' is not allowed"):
        pick_device("graphics")
