"""When `encode` draws: by default if the model decodes and does not say that it draws slowly; else if it is told to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit.contract import RunError
from distoolkit.encoding import Codec, encode
from tests.encoding.conftest import Drawing, Row


class Counting(Drawing):
    """Counts how many codes it was asked to draw."""

    drawn = 0

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        type(self).drawn += len(code)
        return super().decode(code)


class Slow(Counting):
    draws_slowly = True


class SaysNo(Counting):
    draws_slowly = False


@pytest.fixture(autouse=True)
def _from_nothing() -> None:
    for model in (Counting, Slow, SaysNo):
        model.drawn = 0


@pytest.mark.parametrize(
    ("model", "asked", "drawn"),
    [
        (Counting, None, True),
        (SaysNo, None, True),
        (Slow, None, False),
        (Counting, True, True),
        (Slow, True, True),
        (Counting, False, False),
        (Slow, False, False),
    ],
)
def test_who_is_drawn(model: Any, asked: bool | None, drawn: bool, fitted: Any, images: xr.Dataset) -> None:
    latents = encode(fitted(model), images, batch_size=7, reconstruct=asked)
    assert ("reconstruction_mse" in latents) is drawn
    assert model.drawn == (20 if drawn else 0)


def test_the_error_of_a_slow_model_is_measured_like_any_other(fitted: Any, images: xr.Dataset) -> None:
    slow, quick = (encode(fitted(m, m.__name__), images, reconstruct=True) for m in (Slow, Drawing))
    np.testing.assert_array_equal(slow["reconstruction_mse"], quick["reconstruction_mse"])
    np.testing.assert_array_equal(slow["code"], quick["code"])


def test_a_model_that_cannot_draw_is_encoded_unless_pictures_are_asked_for(fitted: Any, images: xr.Dataset) -> None:
    run = fitted(Row)
    assert "reconstruction_mse" not in encode(run, images)
    with pytest.raises(RunError, match=r"cannot draw a code: its model has no decode\(\)"):
        encode(run, images, reconstruct=True)


@pytest.mark.parametrize(("model", "slow"), [(Drawing, False), (SaysNo, False), (Slow, True)])
def test_a_codec_tells_what_its_model_says_of_itself(model: Any, slow: bool, fitted: Any) -> None:
    assert Codec(fitted(model)).draws_slowly is slow
