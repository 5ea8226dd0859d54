from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.metrics.factor_vae import factor_vae
from distoolkit.metrics.held import draw_pairs, draw_votes, stillest
from distoolkit.metrics.table import Table
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def score(latents, **settings) -> float:
    return float(factor_vae(latents, **settings)["score"][0])


def test_the_stillest_unit_by_hand():
    code = np.array([[0.0, 1.0], [2.0, 1.1], [4.0, 0.9], [4.0, 7.0]])
    assert stillest(code, np.array([[0, 1, 2], [2, 3, 2]])).tolist() == [1, 0]


@pytest.mark.parametrize("name", SIX)
def test_replays_disentanglement_lib_number_by_number(name, whole_grid, reference):
    scores = factor_vae(whole_grid(name), protocol="disentanglement_lib")
    expected = reference["disentanglement_lib"][name]["factor_vae_thr0.05"]
    assert float(scores["score"][0]) == pytest.approx(expected["eval_accuracy"], abs=1e-12)
    note = schema.attribute(scores, "card")["notes"][0]
    assert note.endswith(f"{expected['train_accuracy']:.4f}")


@pytest.mark.parametrize("name", ["perfect", "permuted", "duplicated", "vector"])
def test_axis_aligned_codes_score_1(name):
    assert score(known_code(name)) == 1.0


def test_random_codes_score_chance():
    random = known_code("random", "shapes3d", 15_000)
    assert score(random) == pytest.approx(1 / 6, abs=0.03)  # 5000 votes: four standard errors are 0.021


def test_a_constant_unit_changes_nothing_even_without_a_threshold():
    assert score(known_code("constant"), active=0.0) == score(known_code("perfect"), active=0.0) == 1.0


def test_no_active_unit_scores_0():
    code = known_code("perfect")
    code["code"] = code["code"] * 1e-3
    scores = factor_vae(code)
    assert float(scores["score"][0]) == 0.0
    assert schema.attribute(scores, "card")["active_units"] == 0


def test_idle_units_are_counted_out():
    scores = factor_vae(known_code("partly_inactive", "dsprites", 5000))
    assert schema.attribute(scores, "card")["active_units"] == 5


def test_votes_share_one_value_and_pairs_one_each():
    table = Table(known_code("perfect", "small", 300))
    factor, rows = draw_votes(table, np.random.default_rng(0), 200, 8)
    held = table.factors[rows][np.arange(200), :, factor]
    assert (held == held[:, :1]).all()
    assert set(factor.tolist()) == {0, 1, 2, 3}
    factor, rows = draw_pairs(table, np.random.default_rng(0), 200, 8)
    held = table.factors[rows][np.arange(200), :, :, factor]
    assert (held[:, 0] == held[:, 1]).all()
    assert (held[:, 0] != held[:, 0, :1]).any()


def test_factors_that_never_repeat_cannot_be_held():
    latents = schema.as_latents(np.eye(5), np.arange(5)[:, None])
    with pytest.raises(DataError, match="no two samples share"):
        factor_vae(latents)
