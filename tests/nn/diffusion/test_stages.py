from __future__ import annotations

import pytest
import torch

from distoolkit.nn.diffusion.stages import fingerprint, warm_up


def test_a_fingerprint_sees_every_bit() -> None:
    module = torch.nn.BatchNorm2d(3)
    first = fingerprint(module)
    assert fingerprint(torch.nn.BatchNorm2d(3)) == first
    module.num_batches_tracked += 1
    assert fingerprint(module) != first
    assert fingerprint(module.to("meta")) == ""


def test_the_learning_rate_rises_in_a_straight_line() -> None:
    adam = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    seen = []
    for step in range(5):
        warm_up(adam, 0.4, step, 4)
        seen.append(adam.param_groups[0]["lr"])
    assert seen == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])
    warm_up(adam, 0.4, 0, 0)
    assert adam.param_groups[0]["lr"] == 0.4
