from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from distoolkit_disdiff.swapping import Judge, Swaps, judged_rightly, swap_units, train_judge

from distoolkit import schema
from distoolkit.contract import DataError

NAMES = ["left", "right", "shade"]
SIZES = (4, 4, 3)


def draw(values: torch.Tensor) -> torch.Tensor:
    """Draw factors (sample, 3) as 16x16 images: two bars at heights of their own, on a ground of some shade."""
    left, right, shade = values.round().long().T
    image: torch.Tensor = (0.15 * shade)[:, None, None].repeat(1, 16, 16)
    rows = torch.arange(16)[None]
    image[:, :, 2:6] += (0.7 * (rows // 4 == left[:, None]))[:, :, None]
    image[:, :, 10:14] += (0.7 * (rows // 4 == right[:, None]))[:, :, None]
    return image[:, None]


def made(count: int, seed: int) -> xr.Dataset:
    generator = np.random.default_rng(seed)
    factors = np.stack([generator.integers(0, size, count) for size in SIZES], axis=1)
    pixels = (255 * draw(torch.from_numpy(factors))).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return schema.as_images(pixels, factors, NAMES, factor_sizes=list(SIZES))


@pytest.fixture(scope="module")
def judge() -> Judge:
    return train_judge(made(600, 0), steps=150)


@pytest.fixture(scope="module")
def images() -> xr.Dataset:
    return made(120, 1)


def codes(images: xr.Dataset) -> torch.Tensor:
    """The perfect code: unit c is factor c, beside an entry that means nothing."""
    factors = torch.from_numpy(images["factors"].values).float()
    return torch.stack([factors, torch.zeros_like(factors)], dim=2)


def test_the_judge_learns_the_factors_and_leaves_random_numbers_alone(judge: Judge, images: xr.Dataset) -> None:
    assert judged_rightly(judge, images).min() > 0.99
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train_judge(images, steps=1)
    assert torch.equal(torch.rand(2), expected)


def test_a_model_that_is_disentangled_gets_one(judge: Judge, images: xr.Dataset) -> None:
    swaps = swap_units(lambda code, _: draw(code[..., 0]), codes(images), images, judge, batch=50)
    np.testing.assert_array_equal(swaps.rates(), np.eye(3))
    np.testing.assert_array_equal(swaps.successes(), np.eye(3))
    assert swaps.matched() == {"left": (0, 1.0), "right": (1, 1.0), "shade": (2, 1.0)}
    assert swaps.faithful() == 1


def test_units_in_another_order_are_matched(judge: Judge, images: xr.Dataset) -> None:
    order = [2, 0, 1]
    swaps = swap_units(lambda code, _: draw(code[:, [1, 2, 0], 0]), codes(images)[:, order], images, judge)
    assert swaps.matched() == {"left": (1, 1.0), "right": (2, 1.0), "shade": (0, 1.0)}


def test_a_unit_that_carries_two_factors_changes_none_alone_unless_the_other_agrees(
    judge: Judge, images: xr.Dataset
) -> None:
    """Unit 0 holds left and right; unit 1 nothing; unit 2 the shade."""
    code = codes(images)
    code[:, 0, 1] = code[:, 1, 0]
    swaps = swap_units(lambda c, _: draw(torch.stack([c[:, 0, 0], c[:, 0, 1], c[:, 2, 0]], 1)), code, images, judge)
    np.testing.assert_array_equal(swaps.rates(), [[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    left, right, _ = swaps.differs.T
    expected = [(left & ~right).sum() / left.sum(), (right & ~left).sum() / right.sum(), 0]
    np.testing.assert_allclose(swaps.successes()[0], expected)
    assert 0 < expected[0] < 0.5


def test_a_model_that_ignores_its_code_gets_nothing(judge: Judge, images: xr.Dataset) -> None:
    truth = torch.from_numpy(images["factors"].values)
    swaps = swap_units(lambda _, targets: draw(truth[targets]), codes(images), images, judge, batch=50)
    assert swaps.rates().max() == 0
    elsewhere = truth.roll(-60, 0)  # every picture is the source's
    swaps = swap_units(lambda _, targets: draw(elsewhere[targets]), codes(images), images, judge, batch=50)
    assert (swaps.rates().min(), swaps.faithful()) == (1, 0)


def test_swaps_are_counted_where_the_images_differ() -> None:
    """By hand: three swaps of one unit, two factors."""
    differs = np.array([[True, True], [True, False], [False, True]])
    follows = np.array([[[True, False], [True, True], [True, True]]])
    swaps = Swaps(("a", "b"), differs, follows, ~differs)
    np.testing.assert_allclose(swaps.rates(), [[1.0, 0.5]])
    np.testing.assert_allclose(swaps.successes(), [[1.0, 0.5]])
    both = Swaps(("a", "b"), differs[:1], np.array([[[True, True]]]), np.array([[True, False]]))
    assert (swaps.faithful(), both.faithful()) == (1.0, 0.5)
    np.testing.assert_allclose(both.successes(), [[0, 0]])


def test_swaps_between_images_that_do_not_differ_say_nothing() -> None:
    alike = Swaps(("a", "b"), np.zeros((3, 2), bool), np.zeros((1, 3, 2), bool), np.zeros((3, 2), bool))
    with pytest.raises(DataError, match="no target differs from its source in a or b, in 3 swaps"):
        alike.faithful()
    assert np.isnan(alike.rates()).all()
    assert alike.matched() == {}


def test_the_match_is_not_measured_on_the_swaps_that_made_it() -> None:
    differs = np.ones((4, 2), dtype=bool)
    follows = np.zeros((2, 4, 2), dtype=bool)
    follows[0, 0::2, 0] = follows[1, 0::2, 1] = True  # right on every swap of the first half, never on the second
    swaps = Swaps(("a", "b"), differs, follows, ~differs)
    assert swaps.matched() == {"a": (0, 0.0), "b": (1, 0.0)}


def test_too_few_images_and_codes_of_others_are_refused(judge: Judge, images: xr.Dataset) -> None:
    with pytest.raises(DataError, match="3 codes and 3 images: give at least four"):
        swap_units(lambda code, _: draw(code[..., 0]), codes(images)[:3], images.isel(sample=slice(3)), judge)
    with pytest.raises(DataError, match="5 codes and 120 images"):
        swap_units(lambda code, _: draw(code[..., 0]), codes(images)[:5], images, judge)
