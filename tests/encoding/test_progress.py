"""Bars over what lasts: many batches, or a model that draws slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit.encoding import decode, encode, swap, traverse
from tests.encoding.conftest import Drawing


class Slow(Drawing):
    draws_slowly = True


class SlowWithABar(Slow):
    """Shows its own bar over its passes."""

    def decode(self, code: torch.Tensor, *, progress: bool = False) -> torch.Tensor:
        from tqdm.auto import tqdm

        for _ in tqdm(range(5), "passes", disable=not progress):
            image = super().decode(code)
        return image


VERBS: dict[str, Callable[..., xr.Dataset]] = {
    "decode": lambda run, images, **given: decode(run, encode(run, images), **given),
    "traverse": lambda run, images, **given: traverse(run, encode(run, images), **given),
    "swap": lambda run, images, **given: swap(run, images, sources=[0], targets=[1], units=["left"], **given),
}


@pytest.mark.parametrize("verb", list(VERBS))
@pytest.mark.parametrize(
    ("model", "shown", "not_shown"),
    [(Drawing, "", "draw"), (Slow, "draw: 100%", "passes"), (SlowWithABar, "5/5", "draw")],
)
def test_what_draws_slowly_shows_a_bar(
    verb: str,
    model: Any,
    shown: str,
    not_shown: str,
    fitted: Any,
    images: xr.Dataset,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = fitted(model)
    drawn = VERBS[verb](run, images)
    told = capsys.readouterr().err
    assert shown in told
    assert not_shown not in told
    silent = VERBS[verb](run, images, progress=False)
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(drawn["image"], silent["image"])


def test_many_batches_have_a_bar(fitted: Any, images: xr.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    for model, others in ((Drawing, 0), (SlowWithABar, 3)):
        run = fitted(model, model.__name__)
        codes = encode(run, images)
        decode(run, codes, batch_size=7)
        told = capsys.readouterr().err
        assert "draw: 100%" in told
        assert "3/3" in told
        assert told.count("5/5") == others
