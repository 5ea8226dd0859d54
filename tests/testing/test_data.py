from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.contract import ImageSpec
from distoolkit.runs import spec_of
from distoolkit.testing import tiny_images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 16, 28, 64])
def test_every_combination_is_there_once_and_looks_different(side: int, channels: int) -> None:
    images = tiny_images(side, channels)
    schema.check(images, "images")
    assert spec_of(images) == ImageSpec(channels, side, side, 96)
    assert len(np.unique(images["factors"].values, axis=0)) == 96 == images["factor_size"].values.prod()
    assert len(np.unique(images["image"].values.reshape(96, -1), axis=0)) == 96


def test_it_is_the_same_at_every_call() -> None:
    assert tiny_images().identical(tiny_images())
