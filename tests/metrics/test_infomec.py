from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif

from distoolkit import schema
from distoolkit.metrics import infomec
from distoolkit.metrics.neighbours import neighbour_information
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")
TIED = ("perfect", "rotated", "duplicated")  # many equal values: the noise that breaks the ties decides


@pytest.mark.parametrize("name", SIX)
def test_neighbours_agree_with_scikit_learn_to_rounding(name, points):
    # with fewer than about 20 points to a value scikit-learn finds neighbours from squared norms, which cancel
    train, _ = points(name)
    code, factors = train.code[:2000], train.factors[:2000]
    found = neighbour_information(code, factors, neighbours=10, seed=3)
    for k, labels in enumerate(factors.T):
        expected = mutual_info_classif(code, labels, n_neighbors=10, random_state=3)
        # where the noise of 1e-10 decides, distances differ in their last few bits, and a neighbour may be in or out
        np.testing.assert_allclose(found[k], expected, atol=3e-4 if name in TIED else 1e-9)


def test_neighbours_of_one_unit_and_of_values_that_occur_once():
    code = np.array([[0.0], [0.1], [1.0], [1.1], [9.0]])
    factors = np.array([[0], [0], [1], [1], [2]])
    expected = mutual_info_classif(code, factors[:, 0], n_neighbors=3, random_state=0)
    np.testing.assert_allclose(neighbour_information(code, factors, neighbours=3, seed=0)[0], expected, atol=1e-9)
    assert neighbour_information(code, np.arange(5)[:, None], neighbours=3, seed=0).tolist() == [[0.0]]


@pytest.mark.parametrize("name", SIX)
def test_agrees_with_the_authors_code(name, points, reference):
    train, _ = points(name)
    code, factors = train.code[:2000], train.factors[:2000]
    expected = reference["infomec"][name]
    share = infomec.normalised_information(code, factors, neighbours=10, seed=0)
    np.testing.assert_allclose(share, expected["nmi"], atol=0.02 if name in TIED else 1e-8)
    active = np.array(expected["active_latents"])
    tolerance = 0.015 if name in TIED else 1e-8
    assert infomec.infoc(share, active) == pytest.approx(expected["infoc"], abs=tolerance)
    if name != "random":  # a unit without information is NaN there
        assert infomec.infom(share, active) == pytest.approx(expected["infom"], abs=tolerance)
    explicit = np.mean([infomec.explicitness(code, labels) for labels in factors.T])
    assert explicit == pytest.approx(expected["infoe"], abs=1e-6)


def test_ratios_by_hand():
    share = np.array([[0.6, 0.1], [0.2, 0.3]])  # (factor, unit)
    both = np.array([True, True])
    assert infomec.infom(share, both) == pytest.approx(((0.6 / 0.8 + 0.3 / 0.4) / 2 - 0.5) / 0.5)
    assert infomec.infoc(share, both) == pytest.approx(((0.6 / 0.7 + 0.3 / 0.5) / 2 - 0.5) / 0.5)


def test_what_the_ratios_leave_open():
    silent = np.array([[0.5, 0.0], [0.0, 0.0]])
    assert infomec.infom(silent, np.array([True, True])) == pytest.approx(0.5)  # the silent unit counts 0
    assert infomec.infoc(np.array([[0.4]]), np.array([True])) == 1.0
    assert infomec.infom(silent, np.array([False, False])) == 0.0


@pytest.mark.parametrize("name", ["perfect", "permuted", "constant", "vector"])
def test_axis_aligned_codes(name):
    # small estimates of independent units are above 0 by chance, so InfoM and InfoC stay a little below 1
    found = infomec.infomec(known_code(name, "small", 3000))["score"].values
    assert found[0] > 0.95
    assert found[1] > 0.95
    assert found[2] > 0.99


def test_copies_spread_a_factor():
    found = infomec.infomec(known_code("duplicated", "small", 3000))["score"].values
    assert found[0] > 0.95
    assert found[1] == pytest.approx((1 / 2 - 1 / 8) / (1 - 1 / 8), abs=0.03)


def test_silent_and_idle_units_are_reported():
    card = schema.attribute(infomec.infomec(known_code("partly_inactive", "dsprites", 2000)), "card")
    assert card["active_units"] == 5
    card = schema.attribute(infomec.infomec(known_code("random", "dsprites", 1000)), "card")
    assert card["active_units"] == 10
