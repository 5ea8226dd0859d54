from __future__ import annotations

import pytest
import torch

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion.choices import ENCODERS
from distoolkit.nn.diffusion.encoders import make_encoder


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("side", [16, 32, 64])
def test_encoders_take_squares_of_powers_of_two(kind: str, side: int) -> None:
    encoder = make_encoder(kind, ImageSpec(3, side, side), 24, 16).eval()
    assert encoder(torch.rand(2, 3, side, side)).shape == (2, 24)


def test_the_encoders_at_64_pixels_are_the_authors_and_encdiffs() -> None:
    def convolutions(kind: str, width: int) -> list[tuple[int, ...]]:
        encoder = make_encoder(kind, ImageSpec(3, 64, 64), 192, width)
        layers = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
        return [tuple(layer.weight.shape) for layer in layers]

    down = [(128, 3, 4, 4), *[(128, 128, 4, 4)] * 3]
    residual = [(128, 128, 3, 3), (128, 128, 1, 1)]
    assert convolutions("code", 128) == [*down, *residual, *residual, (192, 2048)]
    assert convolutions("paper", 256) == [
        (64, 3, 7, 7),
        (128, 64, 4, 4),
        *[(256, 128, 4, 4), (256, 256, 4, 4), (256, 256, 4, 4)],
        *[(256, 4096), (256, 256), (192, 256)],
    ]
    kinds = [type(m).__name__ for m in make_encoder("code", ImageSpec(3, 64, 64), 192, 128)][:12]
    step = ["Conv2d", "BatchNorm2d"]
    assert kinds == [*step, "ReLU", *step, "ReLU", *step, *step, "ReLU", "Residual"]


@pytest.mark.parametrize(("kind", "low", "high"), [("plain", 0.0, 0.05), ("group_norm", 0.2, 0.6)])
def test_how_far_the_codes_of_a_new_encoder_spread(kind: str, low: float, high: float) -> None:
    """FactorVAE leaves out units whose deviation is below 0.05: all of a new encoder without norms."""
    torch.manual_seed(0)
    ground = torch.rand(64, 3, 1, 1).expand(-1, -1, 32, 32)
    code = make_encoder(kind, ImageSpec(3, 32, 32), 48, 32)(2 * ground - 1).detach()
    assert low < float(code.std(0).mean()) < high


@pytest.mark.parametrize("spec", [ImageSpec(3, 16, 8), ImageSpec(3, 24, 24), ImageSpec(3, 4, 4)])
def test_images_that_do_not_fit_are_refused(spec: ImageSpec) -> None:
    with pytest.raises(ConfigError, match="8, 16, 32"):
        make_encoder("plain", spec, 4, 8)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="'plain' or 'group_norm' or 'code' or 'paper'"):
        make_encoder("simple", ImageSpec(3, 16, 16), 4, 8)
