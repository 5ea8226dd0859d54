from __future__ import annotations

import pytest
import torch

from distoolkit.nn.diffusion.averaging import decay_at, update_average


def test_averages_follow_the_ramp() -> None:
    assert [decay_at(n, 0.9999) for n in (1, 8)] == [2 / 11, 0.5]
    assert decay_at(10**9, 0.9999) == 0.9999
    average, module = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1)
    average.requires_grad_(False)
    module.weight.data.fill_(12.0)
    module.running_mean.fill_(5.0)
    update_average(average, module, 1, 0.9999)
    assert float(average.weight) == pytest.approx(2 / 11 * 1 + 9 / 11 * 12)
    assert float(average.running_mean) == 5
