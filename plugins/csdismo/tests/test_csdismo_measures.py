"""The figures of the card, on codes whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from distoolkit_csdismo import digits, graded, measures

import distoolkit as dt


def test_probes_find_what_is_there_and_chance_elsewhere() -> None:
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 3, (400, 2))
    code = np.eye(3)[factors[:, 0]] + 0.05 * rng.normal(size=(400, 3))
    found = measures.probes(code, factors, ["there", "absent"])
    linear, mlp, chance = found["there"]
    assert linear == 1
    assert mlp > 0.95
    assert 0.3 < chance < 0.5
    assert abs(found["absent"][0] - found["absent"][2]) < 0.15
    assert measures.summary(found, ["there"]) == linear - chance
    quick = measures.probes(code, factors, ["there", "absent"], mlp=False)
    assert quick["absent"][::2] == found["absent"][::2]
    assert np.isnan(quick["there"][1])


def test_a_factor_of_one_value_is_always_guessed() -> None:
    code, factors = np.random.default_rng(0).normal(size=(50, 2)), np.full((50, 1), 3)
    assert measures.probes(code, factors, ["still"]) == {"still": (1, 1, 1)}


def test_distance_correlation_is_one_of_itself_and_small_of_noise() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(100, 2)), rng.normal(size=(100, 3))
    assert measures.distance_correlation(x, 3 * x + 1) == pytest.approx(1)
    assert measures.distance_correlation(x, noise) < 0.4
    assert measures.independence(x, x**2)[1] == pytest.approx(1 / 200)
    assert measures.independence(x, noise)[1] > 0.05


def test_the_better_copy_is_what_transfer_is_measured_by() -> None:
    truth = np.zeros((2, 1, 1, 1))
    assert measures.transfer_errors(truth + 0.1, truth + 1, truth + 0.2, truth) == pytest.approx((0.01, 0.25))


def test_roles_are_those_with_which_pictures_were_made() -> None:
    """Pictures that are their factors; those drawn take the second factor from the other image."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 5, (50, 2)) / 5
    images = factors[:, None, None]
    first, second = rng.integers(50, size=(2, 200))

    def truth(a: Any, b: Any, roles: Any) -> Any:
        return np.where(roles, factors[b], factors[a])[:, None, None]

    drawn = truth(first, second, (False, True))
    roles, ratio = measures.best_roles(drawn, (first, second), images, truth, 2)
    assert roles == (False, True)
    assert ratio == 0
    assert measures.role_maps(2) == [(False, True), (True, False)]


def test_digits_have_the_colours_of_their_factors() -> None:
    images = dt.load("coloured_digits", sample=50, seed=3)
    factors, form = images["factors"].values, images["sample"].values
    np.testing.assert_array_equal(images["image"].values, digits.draw(form, factors[:, 1], factors[:, 2], 16))
    red_on_blue = digits.draw(np.array([0]), np.array([0]), np.array([4]), 16)[0]
    assert red_on_blue[0, 0].tolist() == [0, 0, 128]  # top corner: paper, half as bright
    assert red_on_blue[..., 1].max() == 0
    assert red_on_blue[..., 0].max() > 200
    assert red_on_blue[-1, 0, 2] < red_on_blue[0, 0, 2]


def test_graded_sprites_by_hand() -> None:
    """A red square of scale 1.2 on blue: 11.5 of the 32 pixels wide and high."""
    upright, turned, moved = graded.draw(
        np.array([[0, 0, 0, 1, 1, 0, 4], [0, 0, 1, 1, 1, 0, 4], [0, 0, 0, 2, 1, 0, 4]])
    )
    red = upright[..., 0] / 255
    assert red.sum() == pytest.approx((2 * 9.6 * 1.2 / 2) ** 2, rel=0.1)
    np.testing.assert_array_equal(red, red[::-1, ::-1])
    assert upright[0, 0].tolist() == [0, 0, 128]
    assert upright[-1, 0, 2] == pytest.approx(255 * 0.5 * 0.6, abs=0.5)
    assert turned[..., 0].sum() / 255 == pytest.approx(red.sum(), rel=0.1)
    assert not np.array_equal(turned, upright)
    columns = [(p[..., 0].sum(0) * np.arange(32)).sum() / p[..., 0].sum() for p in (upright, moved)]
    assert columns[1] - columns[0] == pytest.approx(2.5, abs=0.3)  # five of 64 pixels


def test_every_sprite_looks_different() -> None:
    values = np.stack(np.meshgrid(*[np.arange(f.size) for f in graded.GRID[:5]], indexing="ij"), -1).reshape(-1, 5)
    pictures = graded.draw(np.column_stack([values, np.tile([0, 3], (len(values), 1))]))
    assert len({picture.tobytes() for picture in pictures}) == len(values)
