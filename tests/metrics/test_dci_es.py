from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from distoolkit.metrics.dci_es import dci_es, explicitness, node_depths, read_tree
from distoolkit.testing.codes import known_code

QUICK = {"trees": 10, "depths": (1, 2, 4, 8)}


def scores(found) -> dict[str, float]:
    return dict(zip(found["metric"].values.tolist(), found["score"].values.tolist(), strict=True))


def test_explicitness_by_hand():
    capacity = np.array([1.0, 3.0])
    flat, straight = np.array([[0.2, 0.2]]), np.array([[0.5, 0.0]])
    assert explicitness(flat, np.array([0.5]), capacity) == pytest.approx([1.0])
    assert explicitness(straight, np.array([0.5]), capacity) == pytest.approx([0.0])  # area 1/2 * 2 * 0.5
    rising = np.array([[0.2, 0.4]])  # a loss that rises again is read as its running minimum
    assert explicitness(rising, np.array([0.5]), capacity) == pytest.approx([1.0])
    assert explicitness(flat[:, :1], np.array([0.5]), capacity[:1]) == pytest.approx([1.0])


def test_a_tree_read_off_to_its_end_is_the_tree(points):
    train, test = points("rotated")
    forest = RandomForestClassifier(n_estimators=3, max_depth=6, random_state=0)
    forest.fit(train.code[:500], train.factors[:500, 1])
    for tree in forest.estimators_:
        predictions, importances = read_tree(tree.tree_, test.code[:200].astype(np.float32), (2, 6, 9))
        np.testing.assert_allclose(predictions[-1], tree.predict_proba(test.code[:200]), atol=1e-12)
        np.testing.assert_allclose(importances[1], tree.feature_importances_, atol=1e-12)
        depth = node_depths(tree.tree_.children_left, tree.tree_.children_right)
        assert depth.max() == tree.get_depth()
        assert len(np.unique(predictions[0], axis=0)) <= 4  # two levels have four leaves


@pytest.mark.parametrize("name", ["perfect", "permuted", "constant"])
def test_perfect_codes(name):
    found = scores(dci_es(known_code(name), **QUICK))
    assert found["dci_es_size"] == 1.0
    assert found["dci_es_informativeness"] > 0.99
    assert found["dci_es_explicitness"] > 0.5


def test_copies_double_the_size_and_noise_informs_of_nothing():
    assert scores(dci_es(known_code("duplicated"), **QUICK))["dci_es_size"] == 0.5
    assert scores(dci_es(known_code("random", "dsprites", 3000), **QUICK))["dci_es_informativeness"] < 0.05


def test_a_rotated_code_needs_deeper_probes():
    plain, turned = (scores(dci_es(known_code(n, "shapes3d", 3000), **QUICK)) for n in ("perfect", "rotated"))
    assert turned["dci_es_explicitness"] < plain["dci_es_explicitness"]
    assert turned["dci_es_disentanglement"] < plain["dci_es_disentanglement"] - 0.2


def test_categorical_factors_are_classified():
    latents = known_code("perfect").assign_coords(factor_kind=("factor", ["categorical"] * 4))
    found = dci_es(latents, **QUICK)
    assert scores(found)["dci_es_informativeness"] > 0.98
    assert found["loss_by_depth"].dims == ("factor", "depth")
