from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.metrics.mig_sup import mig_sup, unit_gap
from distoolkit.testing.codes import known_code


def test_unit_gap_by_hand():
    mutual = np.array([[0.6, 0.1], [0.2, 0.8]])  # shares of entropies 1 and 2: unit 0 has .6 and .1, unit 1 .1 and .4
    assert unit_gap(mutual, np.array([1.0, 2.0])) == pytest.approx(((0.6 - 0.1) + (0.4 - 0.1)) / 2)


def test_one_factor_has_no_rival():
    assert unit_gap(np.array([[0.5, 0.25]]), np.array([1.0])) == pytest.approx(0.375)


@pytest.mark.parametrize(
    ("name", "expected"), [("perfect", 1.0), ("permuted", 1.0), ("duplicated", 1.0), ("constant", 1.0), ("vector", 1.0)]
)
def test_known_codes_on_a_whole_grid(name, expected):
    assert float(mig_sup(known_code(name))["score"][0]) == pytest.approx(expected, abs=1e-9)


def test_a_unit_that_holds_two_factors_alike_counts_0():
    # four cells of a 2 x 2 grid as one number: the unit knows both factors wholly
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 30)
    mixed = schema.as_latents(factors @ [[2], [1]], factors)
    assert float(mig_sup(mixed)["score"][0]) == pytest.approx(0.0, abs=1e-9)


def test_idle_units_do_not_pull_it_down():
    scores = mig_sup(known_code("partly_inactive", "dsprites", 10_000))
    note = schema.attribute(scores, "card")["notes"][0]
    assert schema.attribute(scores, "card")["active_units"] == 5
    assert float(note.split()[-1]) < 0.6 * float(scores["score"][0])
