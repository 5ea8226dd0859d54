from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from distoolkit import schema
from distoolkit.contract import ConfigError, DataError
from distoolkit.metrics.identifiability import absolute_correlation, explained, matched, mcc, r2
from distoolkit.testing.codes import known_code


def scores(found) -> dict[str, float]:
    return dict(zip(found["metric"].values.tolist(), found["score"].values.tolist(), strict=True))


def test_assignment_by_hand():
    # the greedy choice 0.9 + 0.1 loses against 0.8 + 0.7
    assert matched(np.array([[0.9, 0.8], [0.7, 0.1]])).tolist() == [0.8, 0.7]
    assert matched(np.array([[0.9], [0.7]])).tolist() == [0.9, 0.0]


def test_correlations_agree_with_numpy_and_scipy(points):
    train, _ = points("permuted_noisy")
    code, factors = train.code[:400], train.factors[:400].astype(float)
    both = np.corrcoef(code, factors, rowvar=False)[5:, :5]
    np.testing.assert_allclose(absolute_correlation(code, factors), np.abs(both), atol=1e-12)
    ranks = spearmanr(code, factors).statistic[5:, :5]
    np.testing.assert_allclose(absolute_correlation(code, factors, rank=True), np.abs(ranks), atol=1e-12)


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
@pytest.mark.parametrize("name", ["perfect", "permuted", "duplicated", "constant", "vector"])
def test_axis_aligned_codes_are_identified(name, correlation):
    found = scores(mcc(known_code(name), correlation=correlation))
    assert found["mcc"] == pytest.approx(1.0, abs=1e-5)
    assert found["mcc_rotation_floor"] < 0.9


def test_the_floor_of_a_code_that_is_a_random_rotation_is_its_score():
    perfect = known_code("perfect")
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((4, 4)))[0]
    scaled = perfect["code"].values / perfect["code"].values.std(axis=0)
    rotated = schema.as_latents(scaled @ turn, perfect["factors"].values)
    found = scores(mcc(rotated))
    assert found["mcc"] == pytest.approx(found["mcc_rotation_floor"], abs=0.15)
    assert scores(r2(rotated))["r2"] == pytest.approx(1.0, abs=1e-5)


def test_the_worst_factor_is_reported():
    assert scores(mcc(known_code("single_latent"))) == pytest.approx(
        {"mcc": 0.25, "mcc_worst_factor": 0.0, "mcc_rotation_floor": 0.25}, abs=1e-5
    )


def test_explained_by_hand():
    assert explained(np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]])) == pytest.approx(0.5)
    assert explained(np.ones((3, 1)), np.zeros((3, 1))) == 0.0


def test_linear_codes_explain_everything_and_noise_nothing():
    assert scores(r2(known_code("rotated")))["r2"] == pytest.approx(1.0, abs=1e-5)
    assert abs(scores(r2(known_code("random", "dsprites", 6000)))["r2"]) < 0.01


def test_a_circle_is_read_by_cosine_and_sine():
    value = np.arange(40) % 8
    angle = 2 * np.pi * value / 8
    circle = schema.as_latents(
        np.stack([np.cos(angle), np.sin(angle)], axis=1), value[:, None], factor_kinds=["circular"]
    )
    assert scores(r2(circle))["r2"] == pytest.approx(1.0, abs=1e-5)
    assert scores(r2(circle.assign_coords(factor_kind=("factor", ["ordered"]))))["r2"] < 0.9


def test_categorical_factors_are_left_out_and_named():
    latents = known_code("perfect")
    kinds = ["categorical", "ordered", "ordered", "ordered"]
    card = schema.attribute(mcc(latents.assign_coords(factor_kind=("factor", kinds))), "card")
    assert card["notes"] == ["categorical factors left out: factor0"]
    with pytest.raises(DataError, match="every factor is categorical"):
        r2(latents.assign_coords(factor_kind=("factor", ["categorical"] * 4)))


def test_only_two_correlations_are_known():
    with pytest.raises(ConfigError, match="give 'pearson' or 'spearman'"):
        mcc(known_code("perfect"), correlation="kendall")
