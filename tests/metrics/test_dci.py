from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.metrics import boosting
from distoolkit.metrics.dci import completeness, dci, disentanglement, scikit_learn_fit
from distoolkit.testing.codes import known_code


def scores(latents, **settings) -> dict[str, float]:
    found = dci(latents, **settings)
    return dict(zip(found["metric"].values.tolist(), found["score"].values.tolist(), strict=True))


def test_formulas_by_hand():
    importance = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])  # factor 0 rests on two units, factor 1 on one
    assert disentanglement(importance) == pytest.approx(1.0)
    assert completeness(importance) == pytest.approx((1 - np.log(2) / np.log(3) + 1) / 2)
    assert disentanglement(np.ones((2, 2))) == pytest.approx(0.0)
    assert disentanglement(np.zeros((2, 3))) == 0.0


def test_weights_follow_the_importance_of_a_unit():
    importance = np.array([[3.0, 0.5], [0.0, 0.5]])  # unit 0 is pure and carries 3 of 4, unit 1 is mixed
    assert disentanglement(importance) == pytest.approx(0.75)


def test_one_factor_or_one_unit_has_nothing_to_confuse():
    assert disentanglement(np.array([[0.4, 0.6]])) == 1.0
    assert completeness(np.array([[0.4], [0.6]])) == 1.0


@pytest.mark.parametrize("name", ["rotated", "duplicated", "random", "partly_inactive"])
def test_formulas_agree_with_disentanglement_lib_on_its_own_importances(name, reference):
    expected = reference["disentanglement_lib"][name]["dci_gbt_500_250"]
    importance = np.array(expected["importance"]).T
    # the library adds 1e-11 to every importance before it takes logarithms
    assert disentanglement(importance) == pytest.approx(expected["disentanglement"], abs=1e-8)
    assert completeness(importance) == pytest.approx(expected["completeness"], abs=1e-8)


@pytest.mark.parametrize("name", ["perfect", "rotated", "permuted_noisy", "random", "partly_inactive"])
def test_the_trees_agree_with_scikit_learn_on_500_points(name, points, reference):
    (train, test), expected = points(name), reference["disentanglement_lib"][name]["dci_gbt_500_250"]
    fits = boosting.fit(train.code[:500], train.factors[:500], test.code[:250], test.factors[:250])
    importance = np.stack([f.importance for f in fits])
    # many cuts tie with so few points; scikit-learn breaks ties at random, LightGBM by order: 0.02
    assert disentanglement(importance) == pytest.approx(expected["disentanglement"], abs=0.02)
    assert completeness(importance) == pytest.approx(expected["completeness"], abs=0.02)
    np.testing.assert_allclose(importance.T, expected["importance"], atol=0.05)
    train_accuracy = np.mean([f.train_accuracy for f in fits])
    assert train_accuracy == pytest.approx(expected["informativeness_train"], abs=0.01)
    hits = np.mean([f.test_correct for f in fits])
    assert hits == pytest.approx(expected["informativeness_test"], abs=0.04)  # 1250 answers: two standard errors


@pytest.mark.slow
def test_the_trees_agree_with_scikit_learn_on_10000_points(points, reference):
    (train, test), expected = points("partly_inactive"), reference["scikit_learn_dci"]
    fits = boosting.fit(train.code, train.factors, test.code, test.factors)
    importance, theirs = np.stack([f.importance for f in fits]), np.array(expected["importance"])
    assert disentanglement(importance) == pytest.approx(disentanglement(theirs), abs=0.01)
    assert completeness(importance) == pytest.approx(completeness(theirs), abs=0.01)
    accuracy = [f.test_correct.mean() for f in fits]
    np.testing.assert_allclose(accuracy, expected["test_accuracy"], atol=0.02)


def test_copies_share_a_factor():
    found = dci(known_code("duplicated"))
    np.testing.assert_allclose(found["importance"].values, np.tile(np.eye(4), 2) / 2, atol=1e-9)
    assert found["score"].values[:2] == pytest.approx([1.0, 1 - np.log(2) / np.log(8)])


@pytest.mark.parametrize("name", ["perfect", "permuted", "constant", "vector"])
def test_axis_aligned_codes_are_perfect(name):
    assert list(scores(known_code(name)).values()) == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)


def test_random_codes_are_near_zero_and_guess():
    found = scores(known_code("random", "shapes3d", 1500))  # a large grid: no point comes twice
    assert found["dci_disentanglement"] < 0.05
    guess = np.mean([1 / 10, 1 / 10, 1 / 10, 1 / 8, 1 / 4, 1 / 15])
    assert found["dci_informativeness"] == pytest.approx(guess, abs=0.04)


def test_a_constant_unit_changes_nothing():
    noisy = known_code("noisy", "small", 600)
    wider = known_code("noisy", "small", 600)
    code = np.concatenate([wider["code"].values, np.full((600, 1), 7.0)], axis=1)
    wider = schema.as_latents(code, noisy["factors"].values)
    assert scores(wider) == pytest.approx(scores(noisy))


def test_single_latent_and_single_factor():
    assert scores(known_code("single_factor", "tiny", 200)) == pytest.approx(
        {"dci_disentanglement": 1.0, "dci_completeness": 1.0, "dci_informativeness": 1.0}
    )
    assert scores(known_code("single_latent", "small", 600))["dci_completeness"] == 1.0


def test_cuts_fall_into_the_gaps():
    values = np.concatenate([np.linspace(0, 1, 3000), np.linspace(5, 6, 3000)])
    edges = boosting.cuts(values, blocks=10)
    assert ((edges > 1) & (edges < 5)).sum() == 1
    assert len(edges) == 10
    assert boosting.cuts(np.array([0.0, 1.0, 1.0, 3.0])).tolist() == [0.5, 2.0]


@pytest.mark.parametrize("name", ["rotated", "partly_inactive"])
def test_scikit_learns_own_trees_agree_with_disentanglement_lib(name, points, reference):
    (train, test), expected = points(name), reference["disentanglement_lib"][name]["dci_gbt_500_250"]
    # the first two factors, with 3 and 6 values, are quick; the reference was not seeded, which ties feel
    fits = scikit_learn_fit(train.code[:500], train.factors[:500, :2], test.code[:250], test.factors[:250, :2], seed=0)
    importance = np.stack([f.importance for f in fits])
    np.testing.assert_allclose(importance.T, np.array(expected["importance"])[:, :2], atol=2e-3)


def test_a_factor_with_many_values_gets_as_many_cuts():
    # 150 clusters of 40 points with gaps between them: each can be told from the others
    labels = np.arange(6000) % 150
    code = labels[:, None] + 0.2 * np.random.default_rng(0).random((6000, 1))
    edges = boosting.cuts(code[:, 0], int(1.25 * 150))
    assert len(set(np.searchsorted(edges, code[:, 0]).tolist())) >= 149
    assert len(boosting.cuts(code[:, 0])) == boosting.BLOCKS
