from __future__ import annotations

from typing import Any

import pytest
import torch

from distoolkit.contract import DataError
from distoolkit.nn.diffusion.checks import check_finite, check_images, check_pairs, check_start, check_units


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (3, 3, 8, 8), (3, 4, 16, 16), (4, 8, 8)])
def test_noise_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"cannot be walked from: give \(1, 4, 8, 8\) or \(3, 4, 8, 8\)"):
        check_start(torch.zeros(shape), 3, (4, 8, 8))


def test_one_noise_for_each_or_one_for_all_is_taken() -> None:
    check_start(torch.zeros(3, 4, 8, 8), 3, (4, 8, 8))
    check_start(torch.zeros(1, 4, 8, 8), 3, (4, 8, 8))


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 3, 8, 16), (3, 8, 8)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"images of shape .* built for \(batch, 3, 8, 8\)"):
        check_images(torch.zeros(shape), (3, 8, 8))
    check_images(torch.zeros(2, 3, 8, 8), (3, 8, 8))


def test_there_is_one_of_another_kind_for_each_image() -> None:
    with pytest.raises(DataError, match="1 sources and 3 images"):
        check_pairs(1, "sources", 3)
    check_pairs(3, "sources", 3)


@pytest.mark.parametrize("units", [[4], [-1], [1, 1], ["unit0"], "unit0", [0.5], 2])
def test_units_go_by_their_numbers(units: Any) -> None:
    with pytest.raises(DataError, match=r"units = .* are not allowed: .* in 0 to 3"):
        check_units(units, 4)
    assert check_units([3, torch.tensor(0)], 4) == [3, 0]


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(DataError, match="the code given holds NaN or infinity in 2 of 3 samples"):
        check_finite("code", torch.tensor([[0.0, 1.0], [float("nan"), 1.0], [1.0, float("-inf")]]))
    check_finite("code", torch.zeros(3, 2))
    check_finite("code", torch.zeros(3, 2, device="meta"))
