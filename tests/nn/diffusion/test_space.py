from __future__ import annotations

import pytest
import torch

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion.settings import Diffusion
from distoolkit.nn.diffusion.space import DiffusionSpace, make_parts, shape_of
from distoolkit.nn.diffusion.stages import set_scale

SPEC = ImageSpec(3, 8, 8)


def space(**changes: object) -> DiffusionSpace:
    torch.manual_seed(0)
    config = Diffusion(ae_width=8, ae_multipliers=(1, 2), ae_blocks=1, latent_channels=2, **changes)  # type: ignore[arg-type]
    first, schedule, shape = make_parts(config, SPEC)
    return DiffusionSpace(first, schedule, shape, sampling_steps=config.sampling_steps).eval()


def images() -> torch.Tensor:
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_on_pixels_images_come_back() -> None:
    made = space()
    assert made.bounded
    assert made.latent_shape == (3, 8, 8)
    assert torch.equal(made.to_clean(images()), 2 * images() - 1)
    torch.testing.assert_close(made.to_image(made.to_clean(images())), images())
    set_scale(made, images())
    assert float(made.scale) == 1


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_converted_first_stage_takes_and_gives_float32(dtype: torch.dtype) -> None:
    made, image = space(first_stage="kl"), images()
    clean, drawn = made.to_clean(image), made.to_picture(made.to_clean(image))
    made.to(dtype)
    for found, expected in ((made.to_clean(image.to(dtype)), clean), (made.to_picture(clean), drawn)):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0.1, atol=0.05)


@torch.no_grad()
def test_latent_maps_are_scaled_to_a_deviation_of_one_and_back() -> None:
    made = space(first_stage="kl")
    assert not made.bounded
    assert made.latent_shape == (2, 4, 4)
    unscaled = made.to_clean(images())
    set_scale(made, images())
    assert float(made.to_clean(images()).std()) == pytest.approx(1, rel=1e-4)
    torch.testing.assert_close(made.to_clean(images()), unscaled * made.scale)
    torch.testing.assert_close(made.to_picture(unscaled * made.scale), made.first.to_picture(unscaled))


def test_gradients_reach_what_is_drawn_but_not_the_images() -> None:
    made = space(first_stage="vq")
    image = images().requires_grad_(True)
    clean = made.to_clean(image)
    assert not clean.requires_grad
    made.to_picture(clean.requires_grad_(True), quantise=False).sum().backward()
    assert clean.grad is not None
    assert float(clean.grad.abs().sum()) > 0


def test_noise_is_drawn_alike_for_a_seed_and_leaves_other_random_numbers_alone() -> None:
    made = space()
    state = torch.random.get_rng_state()
    assert torch.equal(made.start(2, seed=3), made.start(2, seed=3))
    assert not torch.equal(made.start(2, seed=3), made.start(2, seed=4))
    assert made.start(2).shape == (2, 3, 8, 8)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="not square"):
        make_parts(Diffusion(), ImageSpec(3, 8, 16))
    with pytest.raises(ConfigError, match="give 1 to 10"):
        make_parts(Diffusion(timesteps=10, sampling_steps=11), SPEC)
    assert shape_of(Diffusion(width=16), 3, 32).level_channels == (16, 32, 32, 32)
