"""Constraints, fusion and losses, against numbers made by hand or slow formulas."""

from __future__ import annotations

import hashlib
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from distoolkit_csdismo import Config, losses, presets, vgg
from distoolkit_csdismo.constraints import (
    CONSTRAINTS,
    MOST,
    TEMPERATURE,
    discriminate,
    moment_kl,
    project_to_ball,
    standardise_rows,
    zscore,
)
from distoolkit_csdismo.generator import Fusion, Generator, Stage
from distoolkit_csdismo.model import build
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

from distoolkit.contract import ConfigError, ImageSpec

SPEC = ImageSpec(3, 16, 16, 20)
CPU = torch.device("cpu")


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def picture(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -- constraints


def test_zscores_are_over_the_table_not_over_a_row() -> None:
    table = 0.05 * drawn(40, 6) + 3
    found = zscore(table)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(found.var(0, unbiased=False), 1, atol=1e-4)
    assert not np.allclose(found.mean(1), 0, atol=0.01)
    changed = table.clone()
    changed[0] += 1
    assert not torch.allclose(zscore(changed)[1], found[1], atol=1e-3)  # another row moved, and this one with it


def test_zscores_do_not_see_shift_and_scale_and_pass_gradient_to_every_row() -> None:
    table = drawn(30, 4).requires_grad_()
    factor = torch.tensor([0.5, 2.0, 3.0, 7.0], dtype=torch.float64)
    torch.testing.assert_close(zscore(table), zscore(factor * table - 2), rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(zscore(table)[:2].square().sum(), table)
    assert (gradient.abs().sum(1) > 0).all()


def test_instance_constraint_is_over_a_row() -> None:
    found = standardise_rows(drawn(5, 8))
    np.testing.assert_allclose(found.mean(1), 0, atol=1e-9)
    np.testing.assert_allclose(found.var(1, unbiased=False), 1, atol=1e-6)


def test_equal_contents_cannot_be_told_apart_and_a_simplex_best() -> None:
    equal = torch.ones(7, 3)
    index = torch.arange(7)
    assert discriminate(equal, index).item() == pytest.approx(math.log(7))
    simplex = torch.eye(4, dtype=torch.float64) - 0.25
    best = discriminate(simplex, torch.arange(4)).item()
    assert best == pytest.approx(math.log(1 + 3 * math.exp((-1 / 3 - 1) / TEMPERATURE)), rel=1e-4)
    assert best < discriminate(drawn(4, 4), torch.arange(4)).item()


def test_discrimination_by_a_slow_formula_and_without_gradient_through_the_memory() -> None:
    table, index = drawn(6, 3).requires_grad_(), torch.tensor([4, 1])
    loss = discriminate(table, index)
    unit = (table / table.norm(dim=1, keepdim=True)).detach()
    slow = [-math.log(math.exp(1 / 0.1) / sum(math.exp(float(unit[i] @ u) / 0.1) for u in unit)) for i in index]
    assert loss.item() == pytest.approx(sum(slow) / 2)
    (gradient,) = torch.autograd.grad(loss, table)
    assert (gradient[[0, 2, 3, 5]] == 0).all()
    assert (gradient[index].abs().sum(1) > 0).all()


def test_of_a_large_table_some_are_drawn() -> None:
    assert discriminate(torch.ones(MOST + 500, 3), torch.arange(4)).item() == pytest.approx(math.log(MOST))


def test_kl_of_the_moments_is_that_of_torch() -> None:
    table = 2 * drawn(50, 3) + 1
    mean, deviation = table.mean(0), table.std(0, unbiased=False)
    normal = torch.distributions.Normal
    zero, one = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    expected = torch.distributions.kl_divergence(normal(mean, deviation), normal(zero, one)).sum()
    assert moment_kl(table, torch.arange(2)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_ball_takes_in_what_is_outside() -> None:
    table = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    project_to_ball(table)
    torch.testing.assert_close(table, torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


@pytest.mark.parametrize("name", list(CONSTRAINTS))
def test_every_constraint_has_a_shape(name: str) -> None:
    table = drawn(9, 4)
    constraint = CONSTRAINTS[name]
    content = constraint.apply(table)
    assert content.shape == table.shape
    if constraint.penalty is not None:
        assert constraint.penalty(content, torch.arange(3)).shape == ()


# -- fusion


def test_fusion_is_an_affine_map_of_content_given_style() -> None:
    fusion = Fusion(3, 5).double()
    style, one, other = drawn(2, 3), drawn(2, 5, seed=1), drawn(2, 5, seed=2)
    scale, shift = fusion.moments(style)
    torch.testing.assert_close(fusion(torch.zeros_like(one), style), shift)
    torch.testing.assert_close(fusion(one, style) - fusion(other, style), scale * (one - other))
    for parameter in fusion.parameters():
        parameter.data.zero_()
    torch.testing.assert_close(fusion(one, style), one)


def test_style_sets_mean_and_deviation_of_every_map() -> None:
    stage = Stage(4, 6, norm="instance", style=3, shuffle=False).double()
    style = drawn(2, 3)
    maps = stage(drawn(2, 4, 8, 8), style)
    assert stage.fusion is not None
    scale, shift = stage.fusion.moments(style)
    torch.testing.assert_close(maps.mean((2, 3)), shift, atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.std((2, 3), unbiased=False), scale.abs(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("side", [16, 28, 32, 64])
@pytest.mark.parametrize("form", ["multi", "single", "concat"])
def test_every_form_draws_from_both(form: str, side: int) -> None:
    generator = Generator(ImageSpec(1, side, side), 5, 3, width=8, form=form, norm="instance")
    content, style = drawn(2, 5).float(), drawn(2, 3).float()
    image = generator(content, style)
    assert image.shape == (2, 1, side, side)
    assert not torch.allclose(image, generator(content.flip(0), style))
    assert not torch.allclose(image, generator(content, style.flip(0)))


# -- reconstruction losses


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_losses_vanish_at_equality_and_have_a_gradient(name: str) -> None:
    loss, image = losses.LOSSES[name], picture(2, 3, 16, 16)
    assert loss(image, image).item() == pytest.approx(0, abs=1e-9)
    other = picture(2, 3, 16, 16, seed=1).requires_grad_()
    loss(other, image).backward()  # type: ignore[no-untyped-call]
    assert other.grad is not None
    assert bool(other.grad.isfinite().all())
    assert float(other.grad.abs().sum()) > 0


def test_laplacian_of_a_shift_is_the_shift_and_a_joint_flip_changes_nothing() -> None:
    image = picture(2, 3, 32, 32)
    assert losses.laplacian(image + 0.2, image).item() == pytest.approx(0.2)
    other = picture(2, 3, 32, 32, seed=1)
    flipped = losses.laplacian(other.flip(3), image.flip(3)).item()
    assert losses.laplacian(other, image).item() == pytest.approx(flipped)


def test_laplacian_by_a_slow_pyramid_of_each_picture() -> None:
    """Not of the difference, as the loss does it."""
    taps = np.array([1, 4, 6, 4, 1]) / 16

    def pyramid(image: np.ndarray) -> list[np.ndarray]:
        levels = []
        for _ in range(2):  # log2(16) - 2
            edged = np.pad(image, 2, mode="edge")
            side = len(image)
            smooth = sum(
                a * b * edged[i : i + side, j : j + side] for i, a in enumerate(taps) for j, b in enumerate(taps)
            )
            levels.append(image - smooth)
            image = smooth.reshape(side // 2, 2, side // 2, 2).mean((1, 3))
        return [*levels, image]

    one, other = picture(16, 16), picture(16, 16, seed=1)
    pairs = zip(pyramid(one.numpy()), pyramid(other.numpy()), strict=True)
    expected = sum(float(np.abs(a - b).mean()) for a, b in pairs)
    assert losses.laplacian(one[None, None], other[None, None]).item() == pytest.approx(expected)


def test_one_scale_is_plain_ssim() -> None:
    one = picture(1, 1, 16, 16)
    other = (one + 0.2 * picture(1, 1, 16, 16, seed=1)).clamp(max=1)
    a, b = (x[0, 0].double().numpy() for x in (one, other))
    mean = partial(gaussian_filter, sigma=1.5, truncate=3.5)
    light = (2 * mean(a) * mean(b) + 0.01**2) / (mean(a) ** 2 + mean(b) ** 2 + 0.01**2)
    shared = mean(a * b) - mean(a) * mean(b)
    spread = mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2
    every = light * (2 * shared + 0.03**2) / (spread + 0.03**2)
    expected = every[5:-5, 5:-5].mean()  # where the window is inside
    assert losses.ms_ssim(one, other).item() == pytest.approx(expected, rel=1e-5)


def test_msssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(ConfigError, match="at least 11 pixels, these have 8"):
        losses.reconstruction_of(Config(reconstruction="msssim"), ImageSpec(3, 8, 8, 4), CPU)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    torch.manual_seed(0)
    save_file({f"features.{name}": value for name, value in vgg.layers().state_dict().items()}, path)
    return path


def test_vgg_with_weights_that_were_given(weights: Path) -> None:
    loss = losses.reconstruction_of(Config(reconstruction="vgg", weights_path=str(weights)), SPEC, CPU)
    image = picture(2, 1, 16, 16).float()  # grey
    assert loss(image, image).item() == 0
    other = picture(2, 1, 16, 16, seed=1).float().requires_grad_()
    loss(other, image).backward()  # type: ignore[no-untyped-call]
    assert other.grad is not None
    assert float(other.grad.abs().sum()) > 0
    assert not any(p.requires_grad for p in vgg.load(str(weights)).parameters())
    assert vgg.digest(str(weights)) == hashlib.sha256(weights.read_bytes()).digest()


def test_vgg_is_never_replaced_by_something_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs weights_path"):
        losses.reconstruction_of(Config(reconstruction="vgg"), SPEC, CPU)
    with pytest.raises(ConfigError, match="cannot be read"):
        losses.reconstruction_of(Config(reconstruction="vgg", weights_path=str(tmp_path / "none")), SPEC, CPU)
    wrong = tmp_path / "wrong.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 1, 3, 3)}, wrong)
    with pytest.raises(ConfigError, match=r"features\.0\.weight has shape .*features\.0\.bias is missing"):
        losses.reconstruction_of(Config(reconstruction="vgg", weights_path=str(wrong)), SPEC, CPU)


# -- the model


def test_code_is_content_then_style() -> None:
    model = build(Config(latents=9, style=2, width=8), SPEC)
    assert [(unit.name, unit.size) for unit in model.layout] == [("content", 7), ("style", 2)]
    code = drawn(3, 9).float()
    torch.testing.assert_close(model.decode(code), model.generator(code[:, :7], code[:, 7:]))


def test_presets_can_be_built() -> None:
    model = build(presets.CARS3D, ImageSpec(3, 64, 64, 4))
    assert model.decode(drawn(1, 256).float()).shape == (1, 3, 64, 64)


def test_tables_begin_small() -> None:
    model = build(Config(), SPEC)
    assert model.content_table.shape == (20, 16)
    assert model.content_table.abs().max() <= 0.05
    assert model.style_table.abs().max() <= 0.05


@pytest.mark.parametrize(
    ("config", "spec", "message"),
    [
        (Config(latents=6, style=6), SPEC, "leaves no content"),
        (Config(latents=6, style=5, constraint="instance"), SPEC, "one entry would always be 0"),
        (Config(), ImageSpec(3, 16, 16, 0), "a row for each training image, and there are 0"),
        (Config(), ImageSpec(3, 37, 37, 9), "cannot be made by doubling"),
    ],
)
def test_what_cannot_be_built_is_refused(config: Config, spec: ImageSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(config, spec)
