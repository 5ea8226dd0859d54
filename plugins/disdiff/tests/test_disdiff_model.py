"""What must hold for the model whatever its weights: zero start, additivity, locality, swaps."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from distoolkit_disdiff.choices import SAMPLERS
from distoolkit_disdiff.estimator import OrthogonalEmbedding, skew_exponential
from distoolkit_disdiff.losses import read_frozen
from distoolkit_disdiff.model import build

from distoolkit.contract import ConfigError, DataError, ImageSpec
from distoolkit.nn.diffusion.encoders import make_encoder

from .disdiff_cases import SPEC, batch, config, new_model, noisy, shaken_model

# -- zero start


def test_new_fields_are_exactly_zero_so_that_every_set_of_units_gives_the_frozen_model() -> None:
    model = new_model()
    x, t = noisy()
    code = model.encode(batch())
    _, fields = model.fields(x, t, model.by_unit(code))
    assert torch.equal(fields, torch.zeros(4, 4, 3, 16, 16))
    frozen = model.diffusion.predict(x, t)
    for units in (None, [], [2], [0, 3]):
        assert torch.equal(model.predictor(code, units)(x, t), frozen)


# -- additivity


def test_the_shift_of_a_set_of_units_is_the_sum_of_their_shifts() -> None:
    model = shaken_model()
    x, t = noisy()
    code = model.encode(batch())
    frozen, fields = model.fields(x, t, model.by_unit(code))
    assert float(fields.abs().mean()) > 1e-3
    k = -(1 - model.diffusion.schedule.alpha_bars[t]).sqrt().reshape(-1, 1, 1, 1)

    def shift(units: list[int]) -> torch.Tensor:
        return model.predictor(code, units)(x, t) - frozen

    torch.testing.assert_close(shift([1, 3]), k * (fields[:, 1] + fields[:, 3]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shift([1, 3]) + shift([0]), shift([3, 0, 1]), rtol=1e-4, atol=1e-5)
    assert torch.equal(model.predictor(code, [])(x, t), frozen)


def test_strength_multiplies_the_shift() -> None:
    model = shaken_model()
    x, t = noisy()
    code = model.encode(batch())
    frozen = model.diffusion.predict(x, t)
    once = model.predictor(code)(x, t) - frozen
    torch.testing.assert_close(model.predictor(code, strength=2.5)(x, t) - frozen, 2.5 * once, rtol=1e-4, atol=1e-5)
    assert torch.equal(model.predictor(code, strength=0.0)(x, t), frozen)
    assert torch.equal(model.decode(code, strength=0.0), model.decode(code, units=[]))


@pytest.mark.parametrize("strength", [-1.0, float("inf"), float("nan")])
def test_an_impossible_strength_is_refused(strength: float) -> None:
    model = new_model()
    with pytest.raises(DataError, match="0 or more"):
        model.decode(model.encode(batch()), strength=strength)


def test_fields_in_one_batch_equal_fields_one_by_one() -> None:
    model = shaken_model()
    x, t = noisy()
    split = model.by_unit(model.encode(batch()))
    _, together = model.fields(x, t, split)
    for c in range(4):
        _, alone = model.fields(x, t, split, torch.tensor([c]))
        torch.testing.assert_close(alone[:, 0], together[:, c], rtol=1e-5, atol=1e-5)


def test_only_the_fields_asked_for_are_computed() -> None:
    model = shaken_model()
    seen: list[int] = []
    model.average["estimator"].expanding.register_forward_hook(lambda _, args, out: seen.append(len(out)))
    x, t = noisy()
    code = model.encode(batch())
    model.predictor(code, [2])(x, t)
    model.predictor(code, [])(x, t)
    model.predictor(code)(x, t)
    assert seen == [4, 16]


# -- shapes


def test_codes_have_units() -> None:
    model = shaken_model()
    code = model.encode(batch())
    assert code.shape == (4, 32)
    assert [(u.name, u.size) for u in model.layout] == [(f"unit{c}", 8) for c in range(4)]
    assert torch.equal(model.by_unit(code)[:, 1], code[:, 8:16])
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(model.encode(batch()[order]), code[order])
    x, t = noisy()
    _, fields = model.fields(x, t, model.by_unit(code))
    _, permuted = model.fields(x[order], t[order], model.by_unit(code)[order])
    torch.testing.assert_close(permuted, fields[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [31, 33, 16])
def test_codes_that_do_not_split_into_units_are_refused(width: int) -> None:
    with pytest.raises(DataError, match="4 units of 8 entries"):
        new_model().decode(torch.zeros(2, width))


@pytest.mark.parametrize("units", [[4], [-1], [1, 1], ["unit1"], "unit1", [1.7], 2, [[0]]])
def test_impossible_units_are_refused(units: Any) -> None:
    model = new_model()
    with pytest.raises(DataError, match=rf"units = {re.escape(repr(units))} are not allowed: .* in 0 to 3"):
        model.decode(torch.zeros(2, 32), units=units)


def test_codes_with_nan_are_refused_before_a_network_is_blamed() -> None:
    model = new_model()
    with pytest.raises(DataError, match="the code given holds NaN"):
        model.decode(model.encode(batch()) + float("nan"))


@pytest.mark.parametrize("shape", [(3, 3, 16, 16), (4, 1, 16, 16), (4, 3, 8, 8), (1, 3, 32, 32), (3, 16, 16)])
def test_noise_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    model = new_model()
    with pytest.raises(DataError, match=re.escape(str(shape))):
        model.decode(torch.zeros(4, 32), noise=torch.zeros(shape))


@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 1, 16, 16), (3, 16, 16)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    model = new_model()
    told = re.escape(f"images of shape {shape} do not fit: this model was built for (batch, 3, 16, 16)")
    with pytest.raises(DataError, match=told):
        model.encode(torch.zeros(shape))
    with pytest.raises(DataError, match=told):
        model.invert(torch.zeros(shape), torch.zeros(4, 32))


def test_images_without_their_code_or_partner_are_refused() -> None:
    model = new_model()
    with pytest.raises(DataError, match="2 sources and 4 images do not go together"):
        model.swap(batch(4), batch(2), [1])
    with pytest.raises(DataError, match="1 codes and 4 images"):
        model.invert(batch(4), torch.zeros(1, 32))


@pytest.mark.parametrize("shape", [(2, 767), (1, 1536), (2, 3, 16, 16)])
def test_codes_that_are_no_noise_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"give \(batch, 768\)"):
        new_model().diffusion.decode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"multipliers": (1, 1, 1, 1, 1, 1)}, "fewer multipliers"),
        ({"width": 9}, "even number"),
        ({"attention": (8,), "heads": 3}, "heads = 3 does not divide"),
        ({"position_size": 3}, "position_size = 4 or more"),
        ({"sampling_steps": 1001}, "give 1 to 1000"),
        ({"multipliers": ()}, "at least one"),
        ({"first_stage": "vq", "ae_multipliers": (1, 1, 1, 1, 1, 1)}, "fewer ae_multipliers"),
    ],
)
def test_networks_that_do_not_fit_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build(config(**changes), SPEC)


@pytest.mark.parametrize("spec", [ImageSpec(3, 16, 8), ImageSpec(3, 24, 24), ImageSpec(1, 28, 28)])
def test_images_that_do_not_fit_are_refused(spec: ImageSpec) -> None:
    with pytest.raises(ConfigError, match="square"):
        build(config(), spec)


# -- locality


def test_a_field_depends_on_its_own_unit_alone() -> None:
    model = shaken_model()
    x, t = noisy()
    split = model.by_unit(model.encode(batch())).detach().requires_grad_(True)
    _, maps, time = model.look(model.estimator, x, t)
    for c, field in enumerate(model.estimator(maps, time, split).unbind(1)):
        (gradient,) = torch.autograd.grad(field.square().sum(), split, retain_graph=True)
        others = [k for k in range(4) if k != c]
        assert float(gradient[:, c].abs().sum()) > 0
        assert float(gradient[:, others].abs().sum()) == 0


@pytest.mark.parametrize(("position", "alike"), [("orthogonal", False), ("learned", False), ("none", True)])
def test_the_index_matters_unless_it_is_switched_off(position: str, alike: bool) -> None:
    model = shaken_model(position=position)
    x, t = noisy()
    split = model.by_unit(model.encode(batch()))[:, :1].expand(-1, 4, -1)
    _, fields = model.fields(x, t, split)
    assert torch.allclose(fields[:, 0], fields[:, 1], rtol=1e-5, atol=1e-6) is alike


def test_the_index_embedding_is_the_exponential_and_stays_orthogonal() -> None:
    torch.manual_seed(0)
    embedding = OrthogonalEmbedding(128)
    a = (embedding.weight - embedding.weight.T).detach()
    torch.testing.assert_close(skew_exponential(a).double(), torch.linalg.matrix_exp(a.double()), rtol=0, atol=2e-5)
    adam = torch.optim.Adam(embedding.parameters(), lr=1e-2)
    start = embedding.matrix().detach()
    for _ in range(100):
        loss = (embedding(torch.arange(10)) - 1).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    matrix = embedding.matrix().detach()
    assert float((matrix - start).abs().max()) > 0.01
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(128), rtol=0, atol=1e-4)


# -- pictures


def test_swapping_a_unit_of_identical_images_changes_nothing() -> None:
    model = shaken_model()
    image = batch(2)
    noise = model.invert(image)
    own = model.decode(model.encode(image), noise=noise)
    torch.testing.assert_close(model.swap(image, image, [1]), own, rtol=0, atol=1e-6)


def test_a_swap_takes_its_strength_both_ways() -> None:
    model = shaken_model()
    a, b = batch()[:2], batch()[2:]
    code = model.by_unit(model.encode(a)).clone()
    code[:, 1] = model.by_unit(model.encode(b))[:, 1]
    by_hand = model.decode(code.flatten(1), noise=model.invert(a, strength=3.0), strength=3.0)
    torch.testing.assert_close(model.swap(a, b, [1], strength=3.0), by_hand, rtol=0, atol=1e-6)
    assert not torch.allclose(model.swap(a, b, [1]), by_hand, atol=1e-3)


def test_swapping_all_units_gives_the_other_code_and_swapping_twice_restores() -> None:
    model = shaken_model()
    a, b = batch(2, 1), batch(2, 7)
    code_a, code_b = model.by_unit(model.encode(a)), model.by_unit(model.encode(b))
    noise = model.invert(a)
    all_units = model.swap(a, b, [0, 1, 2, 3])
    torch.testing.assert_close(all_units, model.decode(code_b.flatten(1), noise=noise), rtol=0, atol=1e-6)
    assert float((all_units - model.decode(code_a.flatten(1), noise=noise)).abs().max()) > 1e-4
    once = code_a.clone()
    once[:, 2] = code_b[:, 2]
    twice = once.clone()
    twice[:, 2] = code_a[:, 2]
    assert torch.equal(model.decode(twice.flatten(1), noise=noise), model.decode(code_a.flatten(1), noise=noise))
    by_hand = model.decode(once.flatten(1), noise=noise)
    torch.testing.assert_close(model.swap(a, b, [2]), by_hand, rtol=0, atol=1e-6)


def test_pictures_follow_from_the_code_alone_and_lie_in_range() -> None:
    model = shaken_model()
    code = model.encode(batch())
    drawn = model.decode(code)
    assert torch.equal(drawn, model.decode(code))
    torch.testing.assert_close(drawn[1:2], model.decode(code[1:2]), rtol=1e-4, atol=1e-5)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
    other = model.decode(code, noise=model.diffusion.start(4, seed=5))
    assert not torch.equal(drawn, other)


def test_inversion_under_its_own_code_brings_the_image_back() -> None:
    model = shaken_model(shake=0.005, sampling_steps=20)
    with torch.no_grad():
        for parameter in model.average["encoder"].parameters():
            parameter.mul_(3)  # codes that differ enough to see
    image = batch(2)
    code = model.encode(image)

    def error(noise: torch.Tensor) -> float:
        return float((model.decode(code, noise=noise) - image).abs().mean())

    own = error(model.invert(image))
    assert own < 0.02
    assert own < error(model.invert(image, torch.zeros_like(code))) / 5


def test_the_diffusion_model_alone_inverts_too() -> None:
    model = shaken_model(shake=0.005, sampling_steps=20).diffusion
    image = batch(2)
    code = model.encode(image)
    assert code.shape == (2, 3 * 16 * 16)
    assert float((model.decode(code) - image).abs().mean()) < 0.02


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_new_pictures_follow_from_the_seed(sampler: str) -> None:
    model = shaken_model(shake=0.005, timesteps=20, sampling_steps=20).diffusion
    drawn = model.sample(2, seed=3, sampler=sampler)
    assert drawn.shape == (2, 3, 16, 16)
    assert torch.equal(drawn, model.sample(2, seed=3, sampler=sampler))
    assert not torch.equal(drawn, model.sample(2, seed=4, sampler=sampler))


def test_the_reverse_process_visits_all_times_and_adds_noise_that_is_not_its_start() -> None:
    model = shaken_model(shake=0.005, timesteps=20, sampling_steps=5, beta_end=0.5).diffusion
    visited: list[torch.Tensor] = []

    def recorded(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        visited.append(noisy)
        return torch.zeros_like(noisy)

    model.predict = recorded
    model.sample(2, seed=3, sampler="ddpm")
    assert len(visited) == 20
    start, second = visited[0].flatten(), visited[1].flatten()
    assert float(torch.corrcoef(torch.stack([start, second]))[0, 1]) < 0.9


def test_another_sampler_is_refused() -> None:
    with pytest.raises(ConfigError, match="give 'ddim' or 'ddpm'"):
        shaken_model().diffusion.sample(1, sampler="euler")


# -- readings


def test_a_frozen_reading_uses_present_weights_running_statistics_and_no_gradient() -> None:
    encoder = make_encoder("code", SPEC, 8, 16).train()
    picture = (2 * batch() - 1).requires_grad_(True)
    before = {name: b.clone() for name, b in encoder.named_buffers()}
    code = read_frozen(encoder, picture)
    code.square().sum().backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert picture.grad is not None
    assert float(picture.grad.abs().sum()) > 0
    assert encoder.training
    assert all(torch.equal(before[name], b) for name, b in encoder.named_buffers())
    assert torch.equal(code, encoder.eval()(picture))
    with torch.no_grad():
        next(encoder.parameters()).add_(1)
    assert not torch.equal(code, read_frozen(encoder, picture))
