from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.metrics.sap import _svm_hits as svm_hits
from distoolkit.metrics.sap import best_gap, sap, sap_regression, squared_correlation
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def test_gap_by_hand():
    assert best_gap(np.array([[0.9, 0.5, 0.1], [0.2, 0.6, 0.6]]), np.zeros(2)) == pytest.approx(0.2)
    assert best_gap(np.array([[0.9]]), np.array([0.25])) == pytest.approx(0.65)  # one unit: what it adds to guessing


def test_squared_correlation_by_hand():
    code = np.array([[0.0, 5.0, 1.0], [1.0, 5.0, -1.0], [2.0, 5.0, 1.0]])
    assert squared_correlation(code, np.array([[0], [1], [2]])) == pytest.approx(np.array([[1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("name", ["perfect", "rotated", "partly_inactive"])
def test_the_classifier_agrees_with_disentanglement_lib(name, points, reference):
    train, test = points(name)
    accuracy = svm_hits(train.code, train.factors, test.code, test.factors).mean(axis=2)
    expected = reference["disentanglement_lib"][name]["sap_svc"]
    # the library solves the dual problem, which stops at a tolerance; few of the 5000 points come out differently,
    # except for units of almost no size, where every rule is about as good as any other
    np.testing.assert_allclose(accuracy.T, expected["score_matrix"], atol=0.015)
    assert best_gap(accuracy, np.zeros(5)) == pytest.approx(expected["SAP_score"], abs=2e-3)


@pytest.mark.parametrize("name", SIX)
def test_the_regression_agrees_with_disentanglement_lib(name, points, reference):
    train, _ = points(name)
    squared = squared_correlation(train.code, train.factors)
    expected = reference["disentanglement_lib"][name]["sap_continuous"]
    np.testing.assert_allclose(squared.T, expected["score_matrix"], atol=1e-9)
    assert best_gap(squared, np.zeros(5)) == pytest.approx(expected["SAP_score"], abs=1e-9)


def test_known_codes():
    assert float(sap_regression(known_code("perfect"))["score"][0]) == pytest.approx(1.0, abs=1e-6)
    assert float(sap_regression(known_code("duplicated"))["score"][0]) == pytest.approx(0.0, abs=1e-6)
    assert float(sap_regression(known_code("vector"))["score"][0]) == pytest.approx(1.0, abs=1e-6)
    assert float(sap(known_code("duplicated"))["score"][0]) < 0.1 < float(sap(known_code("perfect"))["score"][0])


def test_the_interval_holds_the_score():
    scores = sap(known_code("permuted_noisy"))
    assert float(scores["score_low"][0]) <= float(scores["score"][0]) <= float(scores["score_high"][0])


def test_categorical_factors_are_named():
    latents = schema.as_latents(np.eye(4), np.arange(4)[:, None], factor_kinds=["categorical"], factor_names=["shape"])
    assert "['shape']" in schema.attribute(sap_regression(latents), "card")["notes"][0]
