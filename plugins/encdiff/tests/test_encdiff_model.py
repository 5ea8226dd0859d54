"""What must hold for the model whatever its weights: zero start, locality, inversion, swaps, errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from distoolkit_encdiff.attention import CrossAttention
from distoolkit_encdiff.maps import attention_maps
from distoolkit_encdiff.model import build
from distoolkit_encdiff.network import Network

from distoolkit.contract import ConfigError, DataError, ImageSpec
from distoolkit.nn.diffusion.space import shape_of
from distoolkit.nn.diffusion.unet import UNet

from .encdiff_cases import SPEC, batch, config, new_model, noisy, shaken_model, trained_model


def test_a_new_model_predicts_no_noise() -> None:
    model = new_model()
    assert torch.equal(model.predictor(model.encode(batch()))(*noisy()), torch.zeros(4, 3, 16, 16))


# -- locality: the units reach the prediction in one way alone


@torch.no_grad()
def test_with_silent_attention_the_prediction_is_that_of_the_plain_unet() -> None:
    model = shaken_model()
    x, t = noisy()
    code = model.by_unit(model.encode(batch()))
    told = model.network(x, t, code)
    readers = [m for m in model.network.modules() if isinstance(m, CrossAttention)]
    assert readers
    for reader in readers:
        torch.nn.init.zeros_(reader.out.weight)
        torch.nn.init.zeros_(reader.out.bias)
    silent = model.network(x, t, code)
    assert torch.equal(silent, model.network(x, t, code + 1))
    assert float((silent - told).abs().max()) > 1e-3
    plain = UNet(shape_of(config(), 3, 16))
    kept = plain.load_state_dict(model.network.unet.state_dict(), strict=False)
    assert not kept.missing_keys
    assert all("attend" in name for name in kept.unexpected_keys)
    assert torch.equal(plain(x, t), silent)


@torch.no_grad()
def test_the_twin_reads_the_units_through_the_time_embedding_alone() -> None:
    model = shaken_model(inject="adagn")
    assert not [m for m in model.modules() if isinstance(m, CrossAttention)]
    x, t = noisy()
    code = model.by_unit(model.encode(batch()))
    told = model.network(x, t, code)
    assert float((told - model.network(x, t, code + 1)).abs().max()) > 1e-3
    added = model.network.vector(model.network.tokens(code).flatten(1))  # type: ignore[misc]
    unet = model.network.unet
    unet.trunk.time.register_forward_hook(lambda _, features, time: time + added)
    torch.testing.assert_close(unet(x, t), told)


@pytest.mark.parametrize("inject", ["attention", "adagn"])
@pytest.mark.parametrize("unit_size", [1, 3])
def test_every_unit_reaches_the_prediction_and_no_other_sample(inject: str, unit_size: int) -> None:
    model = shaken_model(inject=inject, unit_size=unit_size)
    x, t = noisy()
    code = model.by_unit(model.encode(batch())).detach().requires_grad_(True)
    predicted = model.network(x, t, code)
    (gradient,) = torch.autograd.grad(predicted[1].square().sum(), code)
    assert gradient.shape == (4, 4, unit_size)
    assert float(gradient[1].abs().sum(1).min()) > 0
    assert float(gradient[[0, 2, 3]].abs().sum()) == 0


def test_the_encoder_learns_from_the_noise() -> None:
    model = shaken_model()
    x, t = noisy()
    model.network(x, t, model.by_unit(model.encoder(2 * batch() - 1))).square().sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.encoder.parameters())


def test_vector_units_are_tokens_as_they_are() -> None:
    model = new_model(unit_size=6)
    assert [(u.name, u.size) for u in model.layout] == [(f"unit{c}", 6) for c in range(4)]
    code = model.encode(batch())
    assert code.shape == (4, 24)
    assert torch.equal(model.network.tokens(model.by_unit(code)), model.by_unit(code))
    (reader,) = {m.to_k.in_features for m in model.network.modules() if isinstance(m, CrossAttention)}
    assert reader == 6


# -- pictures


@torch.no_grad()
def test_pictures_follow_from_the_code_alone_and_lie_in_range() -> None:
    model = shaken_model()
    code = model.encode(batch())
    drawn = model.decode(code)
    assert torch.equal(drawn, model.decode(code))
    torch.testing.assert_close(drawn[1:2], model.decode(code[1:2]), rtol=1e-4, atol=1e-5)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
    assert not torch.equal(drawn, model.decode(code, noise=model.space.start(4, seed=5)))
    assert not torch.equal(drawn, model.decode(code + 1))


def test_inversion_under_its_own_code_brings_the_image_back() -> None:
    """With the default cosine schedule, which asks for trained weights: see `Schedule.walked`."""
    model, image = trained_model(), batch(4, seed=1000)
    assert config().schedule == "cosine"
    with torch.no_grad():
        for layer in model.average["network"].modules():
            if isinstance(layer, CrossAttention):
                layer.out.weight.add_(0.4 * torch.randn_like(layer.out.weight))  # so that the code matters enough
        code = model.encode(image)

        def error(noise: torch.Tensor) -> float:
            return float((model.decode(code, noise=noise) - image).abs().mean())

        own = error(model.invert(image))
        assert own < float((image - image.mean(0)).abs().mean()) / 4  # begun at T-1 it was twice that mean's
        assert own < error(model.invert(image, code + 10)) / 2


@torch.no_grad()
def test_swapping_all_units_gives_the_other_code_and_a_unit_with_itself_changes_nothing() -> None:
    model = shaken_model()
    a, b = batch(2, 1), batch(2, 7)
    noise = model.invert(a)
    own, other = model.encode(a), model.encode(b)
    same = {"rtol": 0, "atol": 1e-6}
    torch.testing.assert_close(model.swap(a, a, [1]), model.decode(own, noise=noise), **same)
    torch.testing.assert_close(model.swap(a, b, [0, 1, 2, 3]), model.decode(other, noise=noise), **same)
    mixed = own.clone()
    mixed[:, 2] = other[:, 2]
    torch.testing.assert_close(model.swap(a, b, [2]), model.decode(mixed, noise=noise), **same)


# -- what is refused


@pytest.mark.parametrize("units", [[4], [-1], [1, 1], ["unit0"], [0.5]])
def test_impossible_units_are_refused(units: list[Any]) -> None:
    with pytest.raises(DataError, match="in 0 to 3"):
        new_model().swap(batch(), batch(), units)


@pytest.mark.parametrize("shape", [(3, 3, 16, 16), (4, 1, 16, 16), (4, 3, 8, 8), (3, 16, 16)])
def test_noise_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    model = new_model()
    with pytest.raises(DataError, match=r"cannot be walked from: give \(1, 3, 16, 16\) or \(4, 3, 16, 16\)"):
        model.decode(model.encode(batch()), noise=torch.zeros(shape))


@pytest.mark.parametrize("shape", [(4, 1, 16, 16), (4, 3, 8, 8), (3, 16, 16)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    model, image = new_model(), torch.zeros(shape)
    code = torch.zeros(4, 4)
    for ask in (
        lambda: model.encode(image),
        lambda: model.invert(image, code),
        lambda: model.swap(image, batch(), [0]),
        lambda: model.swap(batch(len(image)), image, [0]),
    ):
        with pytest.raises(DataError, match=r"built for \(batch, 3, 16, 16\)"):
            ask()


def test_batches_of_two_lengths_are_refused() -> None:
    model = new_model()
    with pytest.raises(DataError, match="2 codes and 4 images"):
        model.invert(batch(), torch.zeros(2, 4))
    with pytest.raises(DataError, match="1 sources and 4 images"):
        model.swap(batch(), batch(1), [0])


def test_what_is_not_finite_is_refused_by_its_name() -> None:
    model, nan = new_model(), float("nan")
    code = torch.zeros(4, 4)
    for name, ask in {
        "code": lambda: model.decode(code + nan),
        "x_T": lambda: model.decode(code, noise=model.noise + nan),
        "x_0": lambda: model.invert(batch() + nan, code),
    }.items():
        with pytest.raises(DataError, match=f"the {name} given holds NaN"):
            ask()


@pytest.mark.parametrize("width", [3, 5])
def test_codes_that_do_not_split_into_units_are_refused(width: int) -> None:
    with pytest.raises(DataError, match="4 units of 1 entries"):
        new_model().decode(torch.zeros(2, width))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cross_attention": (5,)}, r"cross_attention = \(5,\).*sides \(16, 8\).*nothing would read"),
        ({"cross_attention": (8,), "heads": 3}, "heads = 3 does not divide the 16 channels"),
        ({"sampling_steps": 1001}, "give 1 to 993"),
        ({"width": 9}, "even number"),
    ],
)
def test_networks_that_do_not_fit_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build(config(**changes), SPEC)


@pytest.mark.parametrize("spec", [ImageSpec(3, 16, 8), ImageSpec(3, 24, 24), ImageSpec(1, 28, 28)])
def test_images_that_do_not_fit_are_refused(spec: ImageSpec) -> None:
    with pytest.raises(ConfigError, match="square"):
        build(config(), spec)


def test_an_unknown_injection_is_refused() -> None:
    with pytest.raises(ConfigError, match="'attention' or 'adagn'"):
        Network(shape_of(config(), 3, 16), 4, 1, inject="film")


# -- attention maps


@torch.no_grad()
def test_attention_maps_are_the_mean_of_the_layers_weights() -> None:
    model = shaken_model(cross_attention=(16, 8), shake=0.3)
    image, noise = batch(1), noisy(1)[0]
    maps = attention_maps(model, image, [0, 999], noise)
    assert maps.shape == (2, 4, 16, 16)
    torch.testing.assert_close(maps.sum(1), torch.ones(2, 16, 16))
    assert float(maps.std()) > 1e-3

    a = model.space.schedule.alpha_bars[999]
    x = a.sqrt() * (2 * image - 1) + (1 - a).sqrt() * noise
    found: list[torch.Tensor] = []
    readers = [m for m in model.average["network"].modules() if isinstance(m, CrossAttention)]
    assert len(readers) == 7
    for reader in readers:
        reader.register_forward_hook(lambda layer, seen, _: found.append(layer.weights(*seen)[0].mean(0)))
    model.predictor(model.encode(image))(x, torch.tensor([999]))
    enlarged = [m.repeat_interleave(16 // m.shape[-1], 1).repeat_interleave(16 // m.shape[-1], 2) for m in found]
    torch.testing.assert_close(maps[1], torch.stack(enlarged).mean(0), rtol=1e-4, atol=1e-6)


def test_looking_leaves_the_model_as_it_was() -> None:
    model = shaken_model()
    attention_maps(model, batch(1), [5])
    assert not any(m._forward_hooks for m in model.modules())


def test_maps_that_do_not_exist_are_refused() -> None:
    with pytest.raises(DataError, match="no cross-attention"):
        attention_maps(new_model(inject="adagn"), batch(1), [0])
    for times in ([], [1000], [-1]):
        with pytest.raises(DataError, match="each in 0 to 999"):
            attention_maps(new_model(), batch(1), times)
