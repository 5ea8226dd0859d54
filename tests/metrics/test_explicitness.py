from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from distoolkit.metrics.explicitness import explicitness, macro_auc, roc_auc
from distoolkit.metrics.learners import Constant, logistic, standardise
from distoolkit.testing.codes import known_code


def test_area_agrees_with_scikit_learn_with_ties():
    generator = np.random.default_rng(0)
    positive, score = generator.random(200) < 0.3, generator.integers(6, size=200).astype(float)
    assert roc_auc(positive, score) == pytest.approx(roc_auc_score(positive, score))


@pytest.mark.parametrize("name", ["perfect", "rotated", "permuted_noisy"])
def test_agrees_with_disentanglement_lib(name, points, reference):
    train, test = points(name)
    code, unseen = standardise(train.code, test.code)
    models = [logistic(code, y) for y in train.factors.T]
    found = np.mean([macro_auc(m, unseen, y) for m, y in zip(models, test.factors.T, strict=True)])
    expected = reference["disentanglement_lib"][name]["modularity_explicitness"]["explicitness_score_test"]
    # the reference draws its own 10,000 and 5,000 points: this is the spread between draws
    assert found == pytest.approx(expected, abs=4e-3)


@pytest.mark.parametrize("name", ["perfect", "rotated", "constant"])
def test_linear_codes_are_explicit(name):
    assert float(explicitness(known_code(name))["score"][0]) > 0.97


def test_random_codes_are_at_chance():
    assert float(explicitness(known_code("random", "shapes3d", 6000))["score"][0]) == pytest.approx(0.5, abs=0.03)


def test_a_factor_that_the_training_points_do_not_vary_is_at_chance():
    assert macro_auc(Constant(2), np.zeros((3, 1)), np.array([1, 2, 2])) == 0.5


def test_values_that_no_test_point_has_are_left_out():
    model = logistic(np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 2, 2]))
    assert macro_auc(model, np.array([[0.0], [5.0]]), np.array([0, 2])) == 1.0
