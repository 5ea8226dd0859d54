from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.metrics.dependence import (
    dependence,
    mean_off_diagonal,
    pairwise_information,
    total_correlation,
    wasserstein_correlation,
)
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def test_two_correlated_gaussians_by_hand():
    covariance = np.array([[4.0, 1.6], [1.6, 1.0]])  # correlation 0.8
    assert total_correlation(covariance) == pytest.approx(-0.5 * np.log(1 - 0.64))
    # eigenvalues of the symmetric product [[16, 3.2], [3.2, 1]]: their roots sum to sqrt(tr + 2 sqrt(det))
    assert wasserstein_correlation(covariance) == pytest.approx(2 * 5 - 2 * np.sqrt(17 + 2 * np.sqrt(16 - 10.24)))


@pytest.mark.parametrize("name", SIX)
def test_agrees_with_disentanglement_lib(name, whole_grid, reference):
    scores = dependence(whole_grid(name), protocol="disentanglement_lib")
    found = dict(zip(scores["metric"].values.tolist(), scores["score"].values.tolist(), strict=True))
    expected = reference["disentanglement_lib"][name]["unsupervised"]
    assert found["mutual_information_score"] == pytest.approx(expected["mutual_info_score"], abs=2e-4)
    if name == "duplicated":  # infinite, and complex, there
        assert found["total_correlation"] > 30
        assert found["wasserstein_correlation"] == pytest.approx(0.96487150, abs=1e-6)
        return
    assert found["total_correlation"] == pytest.approx(expected["gaussian_total_correlation"], abs=1e-6)
    assert found["wasserstein_correlation"] == pytest.approx(expected["gaussian_wasserstein_correlation"], abs=1e-6)
    normalised = found["wasserstein_correlation_normalised"]
    assert normalised == pytest.approx(expected["gaussian_wasserstein_correlation_norm"], abs=1e-6)


def test_it_needs_no_factors_and_less_is_better():
    scores = dependence(schema.as_latents(np.random.default_rng(0).normal(size=(4000, 3))))
    assert scores["score"].values == pytest.approx(np.zeros(4), abs=0.05)
    assert not scores["higher_is_better"].any()


def test_one_unit_depends_on_nothing():
    assert dependence(known_code("single_latent"))["score"].values == pytest.approx(np.zeros(4), abs=1e-9)
    assert mean_off_diagonal(np.array([[3.0]])) == 0.0


def test_a_constant_unit_changes_nothing_and_copies_are_noted():
    plain, padded = (dependence(known_code(n))["score"].values for n in ("perfect", "constant"))
    assert padded == pytest.approx(plain, abs=1e-9)
    assert schema.attribute(dependence(known_code("duplicated")), "card")["notes"]


def test_information_of_a_unit_with_itself_is_its_entropy():
    code = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert pairwise_information(code, 2) == pytest.approx(np.log(2) * np.eye(2))
