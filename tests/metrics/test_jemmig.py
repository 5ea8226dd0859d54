from __future__ import annotations

import numpy as np
import pytest

from distoolkit.metrics.information import Information
from distoolkit.metrics.jemmig import jemmig, joint_gap
from distoolkit.testing.codes import known_code


def test_joint_gap_by_hand():
    # H(z) = (1.0, 0.9), H(y) = 0.7; I = (0.5, 0.2): joint 1.2, minus 0.5, plus 0.2
    found = Information(np.array([[0.5, 0.2]]), np.array([0.7]), np.array([1.0, 0.9]), 10)
    value, nats = joint_gap(found, 4)
    assert nats == pytest.approx(1.2 - 0.5 + 0.2)
    assert value == pytest.approx(1 - 0.9 / (0.7 + np.log(4)))


def test_perfect_codes_get_1_and_0():
    scores = jemmig(known_code("perfect"))
    assert scores["score"].values == pytest.approx([1.0, 0.0], abs=1e-9)
    assert scores["higher_is_better"].values.tolist() == [True, False]


def test_copies_are_counted_against_it():
    scores = jemmig(known_code("duplicated"))
    entropy = np.log([3, 4, 5, 6])
    assert scores["score"].values[1] == pytest.approx(entropy.mean())
    assert scores["score"].values[0] == pytest.approx(np.mean(1 - entropy / (entropy + np.log(20))))


def test_a_unit_that_also_knows_another_factor_loses_where_mig_does_not():
    from distoolkit import schema
    from distoolkit.metrics.mig import mig

    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 30)
    both, pure = schema.as_latents(factors @ [[2], [1]], factors), schema.as_latents(factors[:, :1], factors[:, :1])
    assert float(mig(both)["score"][0]) == pytest.approx(1.0)
    assert float(jemmig(both)["score"][0]) < 0.9 < float(jemmig(pure)["score"][0])
