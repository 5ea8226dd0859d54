"""Counts, entropies and the binning, against numbers made by hand and the reference's table."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from distoolkit.metrics import information
from distoolkit.testing import codes

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def test_bins_are_of_equal_width_and_hold_their_lower_edge():
    code = np.array([[0.0], [0.99], [1.0], [2.5], [4.0]])
    assert information.discretise(code, 4).ravel().tolist() == [0, 0, 1, 2, 3]  # the largest value joins the last bin


def test_a_constant_unit_falls_into_one_bin():
    assert len(set(information.discretise(np.full((5, 1), 3.0), 20).ravel().tolist())) == 1


def test_entropy_by_hand():
    assert information.entropy(np.array([1, 1, 2])) == pytest.approx(1.5 * np.log(2))
    assert information.entropy(np.array([4, 0])) == 0


def test_information_agrees_with_scikit_learn(points):
    train, _ = points("permuted_noisy")
    code, factors = train.code[:500], train.factors[:500]
    found = information.measure(code, factors, np.array(codes.GRIDS["dsprites"]), 7)
    bins = information.discretise(code, 7)
    expected = [[mutual_info_score(y, b) for b in bins.T] for y in factors.T]
    np.testing.assert_allclose(found.mutual, expected, atol=1e-12)
    np.testing.assert_allclose(found.factor_entropy, [mutual_info_score(y, y) for y in factors.T], atol=1e-12)
    np.testing.assert_allclose(found.unit_entropy, [mutual_info_score(b, b) for b in bins.T], atol=1e-12)


@pytest.mark.parametrize("name", SIX)
def test_information_agrees_with_the_reference(name, points, reference):
    train, _ = points(name)
    found = information.measure(train.code, train.factors, np.array(codes.GRIDS["dsprites"]), 20)
    expected = reference["disentanglement_lib"][name]["mi_matrix"]
    np.testing.assert_allclose(found.mutual.T, expected["mi_matrix_nats"], atol=1e-9)
    np.testing.assert_allclose(found.factor_entropy, expected["factor_entropy_nats"], atol=1e-9)


def test_replicas_leave_out_one_tenth_each(points):
    train, _ = points("rotated")
    sizes = np.array(codes.GRIDS["dsprites"])
    found = information.measure(train.code, train.factors, sizes, 20)
    assert len(found.replicas) == 10
    bins = information.discretise(train.code, 20)[1000:]  # all but the first tenth, in the bins of the whole
    assert found.replicas[0].mutual[2, 3] == pytest.approx(mutual_info_score(train.factors[1000:, 2], bins[:, 3]))


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.arange(10.0)
    estimates = [(values.sum() - v) / 9 for v in values]
    low, high = information.jackknife(estimates, 4.5)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std(ddof=1) / np.sqrt(10))
    assert (high + low) / 2 == pytest.approx(4.5)
