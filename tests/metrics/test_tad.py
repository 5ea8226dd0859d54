from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.metrics.tad import auroc, largest_share, tad
from distoolkit.testing.codes import known_code


def latents(code, attributes):
    return schema.as_latents(np.asarray(code, dtype=float), np.asarray(attributes, dtype=int))


def scores(found) -> dict[str, float]:
    return dict(zip(found["metric"].values.tolist(), found["score"].values.tolist(), strict=True))


def test_areas_agree_with_scikit_learn_in_the_better_direction():
    generator = np.random.default_rng(0)
    code, positive = generator.normal(size=(300, 4)), generator.random((300, 3)) < 0.4
    expected = [[roc_auc_score(y, z) for z in code.T] for y in positive.T]
    np.testing.assert_allclose(auroc(code, positive), np.maximum(expected, 1 - np.array(expected)), atol=1e-12)


def test_three_independent_attributes_in_three_units_sum_to_one_and_a_half():
    grid = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=1).repeat(10, axis=0)
    assert scores(tad(latents(2 * grid - 1, grid))) == pytest.approx({"tad": 1.5, "tad_captured": 3.0})


def test_copies_and_twins_earn_nothing():
    grid = np.stack(np.unravel_index(np.arange(4), (2, 2)), axis=1).repeat(10, axis=0)
    assert scores(tad(latents(np.tile(grid, 2), grid))) == pytest.approx({"tad": 0.0, "tad_captured": 2.0})
    twins = grid[:, [0, 0]]  # each attribute is given by the other
    assert scores(tad(latents(grid, twins))) == pytest.approx({"tad": 0.0, "tad_captured": 0.0})


def test_share_of_attributes_by_hand():
    attributes = np.array([[0, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]])
    assert largest_share(attributes) == pytest.approx([1.0, 1.0, 0.0])


def test_small_units_rank_nothing():
    grid = np.stack(np.unravel_index(np.arange(4), (2, 2)), axis=1).repeat(10, axis=0)
    found = tad(latents(0.1 * grid, grid))
    assert scores(found)["tad"] == 0.0
    assert (found["auroc"].values == 0.5).all()


def test_it_needs_attributes():
    with pytest.raises(DataError, match="tad needs factors with two values"):
        tad(known_code("perfect", "small"))
