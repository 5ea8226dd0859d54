from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.metrics.information import discretise
from distoolkit.metrics.irs import irs, robustness
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def test_robustness_by_hand():
    code = np.array([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0]])
    factors = np.array([[0], [0], [1], [1]])
    each, largest = robustness(code, factors, 1.0)
    assert largest.tolist() == [2.0, 1.0]
    assert each.tolist() == [[1.0, 0.0]]  # unit 0 stands still while the factor is held, unit 1 strays as far as ever


@pytest.mark.parametrize(("quantile", "key"), [(0.99, "irs_q0.99"), (1.0, "irs_q1.0")])
@pytest.mark.parametrize("name", SIX)
def test_agrees_with_disentanglement_lib(name, quantile, key, points, reference):
    train, _ = points(name)
    each, weight = robustness(train.code, discretise(train.factors.astype(float), 20), quantile)
    expected = reference["disentanglement_lib"][name][key]["IRS"]
    assert np.average(each.max(axis=0), weights=weight) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["perfect", "permuted", "duplicated", "constant", "vector"])
def test_units_that_a_factor_fixes_score_1(name):
    # without binning of the factors, so that none of dSprites' 40 values are merged
    latents = known_code(name, "dsprites", 2000)
    assert float(irs(latents)["score"][0]) == pytest.approx(1.0, abs=1e-5)


def test_the_count_of_active_units_is_a_count():
    assert schema.attribute(irs(known_code("constant")), "card")["active_units"] == 4


def test_random_codes_score_near_0():
    assert abs(float(irs(known_code("random", "dsprites", 10_000))["score"][0])) < 0.05
