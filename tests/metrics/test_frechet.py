from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from distoolkit.contract import DataError
from distoolkit.metrics import frechet_distance


def test_one_feature_by_hand():
    # means 1 apart, standard deviations sqrt(2) and sqrt(8): 1 + (sqrt(8) - sqrt(2))^2
    assert frechet_distance([[0.0], [2.0]], [[0.0], [4.0]]) == pytest.approx(1 + 2)


def test_agrees_with_the_matrix_root():
    generator = np.random.default_rng(0)
    one, two = generator.normal(size=(500, 6)), generator.normal(1, 2, size=(400, 6)) @ generator.normal(size=(6, 6))
    s1, s2 = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    shift = np.sum((one.mean(axis=0) - two.mean(axis=0)) ** 2)
    assert frechet_distance(one, two) == pytest.approx(shift + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real))


def test_of_a_set_with_itself_is_0_even_if_singular():
    features = np.random.default_rng(0).normal(size=(5, 20))
    assert frechet_distance(features, features) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("other", "words"), [(np.zeros((3, 3)), "equally wide"), ([[0.0, 1.0]], "two samples"), ([[0, np.nan]] * 2, "NaN")]
)
def test_what_cannot_be_compared_is_refused(other, words):
    with pytest.raises(DataError, match=words):
        frechet_distance(np.zeros((3, 2)), other)
