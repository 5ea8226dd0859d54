from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.contract import ConfigError, DataError
from distoolkit.metrics import udr
from distoolkit.metrics.ranking import one_to_one, units_with_information
from distoolkit.metrics.table import Table
from distoolkit.testing import codes

GRID = codes.GRIDS["dsprites"]


@pytest.fixture(scope="module")
def three() -> dict:
    """The reference's 1000 points, which come in batches of ten, as three codes."""
    old = np.random.RandomState(0)
    factors = np.concatenate([np.stack([old.randint(n, size=10) for n in GRID], axis=1) for _ in range(100)])
    names = ("perfect", "rotated", "permuted_noisy")
    return {n: schema.as_latents(codes.CODES[n](factors, np.array(GRID)), factors, factor_sizes=GRID) for n in names}


@pytest.mark.parametrize("variant", ["lasso", "spearman"])
def test_agrees_with_disentanglement_lib(variant, three, reference):
    found, expected = udr(three, variant=variant), reference["udr"][variant]
    # float32 makes ties that float64 does not have, which moves rank correlations by 4e-6
    np.testing.assert_allclose(found["score"], expected["model_scores"], atol=1e-5)
    pairwise = np.squeeze(expected["pairwise_disentanglement_scores"])
    np.testing.assert_allclose(found["agreement"], pairwise, atol=1e-5)
    assert found["metric"].values.tolist() == ["udr_perfect", "udr_rotated", "udr_permuted_noisy"]


def test_one_to_one_by_hand():
    assert one_to_one(np.eye(3)) == 1.0
    assert one_to_one(np.full((2, 2), 0.5)) == pytest.approx(0.25)  # (1/2)^2 / 1 in every line
    assert one_to_one(np.array([[1.0, 0.0], [0.0, 0.0]])) == 0.5
    assert one_to_one(np.zeros((0, 2))) == 0.0


def test_runs_that_agree_beat_the_one_that_does_not():
    runs = {name: codes.known_code(name) for name in ("perfect", "permuted", "rotated")}
    found = udr(runs)
    assert found["score"].values.argmin() == 2


def test_units_near_the_prior_are_left_out():
    latents = schema.as_latents(
        np.array([[1.0, 0.0], [-1.0, 0.01]] * 10), code_std=np.array([[0.1, 1.0]] * 20), name="two units"
    )
    assert units_with_information(Table(latents), 0.01).tolist() == [True, False]
    assert units_with_information(Table(latents.drop_vars("code_std")), 0.01).tolist() == [True, True]


def test_codes_of_different_length_and_constant_codes_are_taken():
    runs = [codes.known_code(n) for n in ("perfect", "duplicated", "constant")]
    still = schema.as_latents(np.ones((360, 2)), runs[0]["factors"].values)
    found = udr([*runs, still])
    assert np.isfinite(found["score"]).all()
    assert found["score"].values[3] == 0.0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="two or more codes of the same samples"):
        udr([codes.known_code("perfect")])
    with pytest.raises(DataError, match="same samples"):
        udr([codes.known_code("perfect"), codes.known_code("perfect", "tiny")])
    with pytest.raises(ConfigError, match="'lasso' or 'spearman'"):
        udr([codes.known_code("perfect")] * 2, variant="ridge")
