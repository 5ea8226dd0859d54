"""A diffusion model trained elsewhere: used as it is, left as it is, and refused where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from distoolkit_disdiff import DISDIFF, around
from distoolkit_disdiff.foreign import Foreign

import distoolkit as dt
from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.schedule import Schedule

from .disdiff_cases import SMALL, SPEC, batch, config, fit


def test_a_diffusion_model_from_elsewhere_is_a_function_and_its_schedule(tmp_path: Path) -> None:
    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return self.layer(x) * (t[:, None, None, None] / 50)

    theirs, betas = Theirs(), torch.linspace(0.001, 0.2, 50)
    method = around(theirs, betas)
    run = fit(method, tmp_path / "run", **SMALL, timesteps=50, steps=3)
    model: Any = dt.open_run(run.folder, method).model()
    assert torch.equal(model.diffusion.eps.layer.weight, theirs.layer.weight)
    assert len(model.diffusion.schedule) == 50
    assert model.estimator.trunk is not None
    with torch.no_grad():
        code = model.encode(batch())
        x, t = torch.randn(4, 3, 16, 16), torch.tensor([0, 9, 20, 49])
        torch.testing.assert_close(model.predictor(code, [])(x, t), theirs(x, t))
        assert model.decode(code).shape == (4, 3, 16, 16)
        assert float((model.predictor(code)(x, t) - theirs(x, t)).abs().max()) > 0  # its own trunk has learnt
    with pytest.raises(ConfigError, match="timesteps = 50"):
        fit(method, tmp_path / "b", **SMALL, steps=1)
    with pytest.raises(ConfigError, match="works on pixels"):
        fit(method, tmp_path / "c", **SMALL, timesteps=50, first_stage="vq", steps=1)
    with pytest.raises(ConfigError, match="must return the noise"):
        fit(around(lambda x, t: x[:, :1], betas), tmp_path / "d", **SMALL, timesteps=50, steps=1)
    with pytest.raises(ConfigError, match="sampling_steps = 51 is not allowed: give 1 to 50"):
        fit(method, tmp_path / "e", **{**SMALL, "sampling_steps": 51}, timesteps=50, steps=1)
    assert method.widgets == DISDIFF.widgets
    assert any("a contracting half of their own" in deviation for deviation in method.fidelity.deviations)
    with pytest.raises(ConfigError, match=r"made with betas from 0.001 to 0.2 in 50 steps, and 0.001 to 0.1 in 50"):
        dt.open_run(run.folder, around(theirs, torch.linspace(0.001, 0.1, 50))).model()


class Plain(torch.nn.Sequential):
    """A network that does not look at the time."""

    def forward(self, x: torch.Tensor, t: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(x)


def test_a_diffusion_model_from_elsewhere_is_used_as_it_is_and_left_as_it_is(tmp_path: Path) -> None:
    class Theirs(Plain):
        modes: ClassVar[list[bool]] = []

        def forward(self, x: torch.Tensor, t: torch.Tensor | None = None) -> torch.Tensor:
            self.modes.append(self.training)
            return super().forward(x)

    theirs = Theirs(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    method = around(theirs, torch.linspace(0.001, 0.2, 50))
    run = fit(method, tmp_path / "run", **SMALL, timesteps=50, steps=3)
    assert run.status == "finished"
    assert set(Theirs.modes) == {False}
    assert theirs.training
    assert all(parameter.requires_grad for parameter in theirs.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in theirs.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_diffusion_model_from_elsewhere_and_its_schedule_go_through_other_precisions(dtype: torch.dtype) -> None:
    def made(last: float) -> Foreign:
        eps = Plain(torch.nn.Conv2d(3, 3, 3, padding=1))
        return Foreign(eps, Schedule(torch.linspace(0.001, last, 50)), config(timesteps=50), SPEC)

    other = made(0.2).to(dtype)
    noise = other.predict(torch.randn(2, 3, 16, 16), torch.tensor([3, 40]))
    assert (noise.dtype, noise.shape) == (torch.float32, (2, 3, 16, 16))
    made(0.2).load_state_dict(other.state_dict())
    with pytest.raises(ConfigError, match=r"to 0\.2\d* in 50 steps, and 0\.001 to 0\.21 in 50 steps are"):
        made(0.21).load_state_dict(other.state_dict())
