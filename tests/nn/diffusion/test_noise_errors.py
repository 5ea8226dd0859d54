from __future__ import annotations

import pytest
import torch

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.losses import noise_error
from distoolkit.nn.diffusion.schedule import Schedule


def test_errors_of_noise_by_hand() -> None:
    schedule, t = Schedule(torch.tensor([0.1, 0.5])), torch.tensor([1])  # abar 0.45
    noise, predicted = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 3.0]]]])
    assert float(noise_error(noise, predicted, t, schedule, "l1")) == pytest.approx(2)
    assert float(noise_error(noise, predicted, t, schedule, "l2")) == pytest.approx(5)
    snr = 0.45 / 0.55
    assert float(noise_error(noise, predicted, t, schedule, "snr")) == pytest.approx(5 * snr**0.1 / (1 + snr))
    with pytest.raises(ConfigError, match="'l1' or 'l2' or 'snr'"):
        noise_error(noise, predicted, t, schedule, "l3")
