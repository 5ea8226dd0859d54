from __future__ import annotations

import pytest
import torch

from distoolkit.contract import DataError
from distoolkit.nn.diffusion.checks import check_start


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (3, 3, 8, 8), (3, 4, 16, 16), (4, 8, 8)])
def test_noise_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"cannot be walked from: give \(1, 4, 8, 8\) or \(3, 4, 8, 8\)"):
        check_start(torch.zeros(shape), 3, (4, 8, 8))


def test_one_noise_for_each_or_one_for_all_is_taken() -> None:
    check_start(torch.zeros(3, 4, 8, 8), 3, (4, 8, 8))
    check_start(torch.zeros(1, 4, 8, 8), 3, (4, 8, 8))
