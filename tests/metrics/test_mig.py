from __future__ import annotations

import numpy as np
import pytest

from distoolkit.metrics.evaluation import card
from distoolkit.metrics.mig import gap, mig
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def test_gap_by_hand():
    mutual = np.array([[0.5, 0.2, 0.1], [0.0, 0.3, 0.3]])
    assert gap(mutual, np.array([1.0, 2.0])) == pytest.approx((0.3 / 1 + 0.0 / 2) / 2)


def test_one_unit_has_no_rival():
    assert gap(np.array([[0.5]]), np.array([1.0])) == pytest.approx(0.5)


@pytest.mark.parametrize("name", SIX)
def test_agrees_with_disentanglement_lib(name, reference):
    latents = known_code(name, "dsprites", 10_000)  # all rows are used, so their order does not matter
    expected = reference["disentanglement_lib"][name]["mi_matrix"]["discrete_mig"]
    # the codes are stored as float32, which moves a few values across the edge of a bin
    assert float(mig(latents)["score"][0]) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "expected"), [("perfect", 1.0), ("permuted", 1.0), ("duplicated", 0.0), ("constant", 1.0), ("vector", 1.0)]
)
def test_known_codes_on_a_whole_grid(name, expected):
    # on a whole grid the factors are exactly independent, and 20 bins tell 6 values apart
    assert float(mig(known_code(name))["score"][0]) == pytest.approx(expected, abs=1e-9)


def test_a_factor_that_two_units_hold_scores_what_is_left():
    scores = mig(known_code("single_latent"))  # one unit holds the last of four factors
    assert float(scores["score"][0]) == pytest.approx(0.25)
    assert card(_evaluated(scores), "mig")["notes"]


def _evaluated(scores):
    from distoolkit import schema

    return schema.stamp(scores, "scores", cards={"mig": {**schema.attribute(scores, "card"), "scores": ["mig"]}})


def test_the_interval_holds_the_score_and_covers_another_draw():
    one, other = (mig(known_code("rotated", "dsprites", 3000, skip=skip)) for skip in (0, 3000))
    low, high = float(one["score_low"][0]), float(one["score_high"][0])
    assert low < float(one["score"][0]) < high
    width = (high - low) / 2
    assert abs(float(other["score"][0] - one["score"][0])) < 2 * width
    assert width < 0.02
