"""The known codes are what their names say, and the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.contract import UnknownNameError
from distoolkit.testing import codes
from distoolkit.testing.codes import known_code

# mean and standard deviation over 10,000 rows of the dSprites grid, and the first row, from another implementation
RECORDED = {
    "perfect": (-0.00197516956162, 0.66159592254, [-1.0, -0.2, -0.230769230769, -0.41935483871, 0.935483870968]),
    "rotated": (-0.00362140919728, 0.66158895956, [-0.766025403784, -0.467628086508, -0.254905854668]),
    "permuted_noisy": (0.00811830128399, 0.708063045673, [-0.175614965759, 0.410636720781, 0.82453234969]),
    "duplicated": (-0.00148137717122, 0.523037734568, [-1.0, -0.2, -0.230769230769]),
    "random": (0.00536006161936, 1.00013114994, [0.220617060041, -0.0348724717138, -0.44380608511]),
    "partly_inactive": (-0.00142937231563, 0.4625455788, [-0.977938293996, -0.203487247171, -0.27514983928]),
}


@pytest.mark.parametrize("name", RECORDED)
def test_the_codes_are_rebuilt_number_by_number(name):
    factors = codes.draw_factors(codes.GRIDS["dsprites"], 10_000)
    assert factors[:3].tolist() == [[0, 2, 15, 9, 30], [1, 0, 7, 16, 23], [0, 5, 38, 16, 3]]
    code = codes.CODES[name](factors, np.array(codes.GRIDS["dsprites"]))
    mean, deviation, first = RECORDED[name]
    assert code.mean() == pytest.approx(mean, abs=1e-11)
    assert code.std() == pytest.approx(deviation, abs=1e-10)
    assert code[0, : len(first)] == pytest.approx(first, abs=1e-10)


@pytest.mark.parametrize("name", codes.CODES)
@pytest.mark.parametrize("grid", ["tiny", "small"])
def test_every_code_is_a_latents_dataset_of_the_whole_grid(name, grid):
    latents = known_code(name, grid)
    schema.check(latents, "latents")
    assert latents.sizes["sample"] == np.prod(codes.GRIDS[grid])
    assert len(np.unique(latents["factors"], axis=0)) == np.prod(latents["factor_size"])


def test_what_each_name_says():
    perfect = known_code("perfect")["code"].values
    assert np.ptp(known_code("constant")["code"].values, axis=0)[-1] == 0
    np.testing.assert_allclose(known_code("duplicated")["code"].values[:, 4:], perfect / 2, atol=1e-7)
    np.testing.assert_allclose(
        np.abs(known_code("permuted")["code"].values), np.abs(perfect[:, [2, 3, 0, 1]]), atol=1e-7
    )
    assert known_code("single_latent").sizes["latent"] == 1
    assert known_code("single_factor").sizes["factor"] == 1
    assert schema.units(known_code("vector")) == ["pair0", "pair1", "pair2", "pair3"]
    norms = np.linalg.norm(known_code("rotated")["code"].values, axis=1)
    np.testing.assert_allclose(norms, np.linalg.norm(perfect, axis=1), atol=1e-6)


def test_rows_that_are_skipped_come_first():
    whole = codes.draw_factors((3, 4), 5)
    later = codes.draw_factors((3, 4), 2, skip=5)
    assert len(later) == 2
    old = np.random.RandomState(0)
    assert (whole == np.stack([old.randint(n, size=5) for n in (3, 4)], axis=1)).all()
    assert (later == np.stack([old.randint(n, size=2) for n in (3, 4)], axis=1)).all()


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match="no known code 'perfekt'; did you mean 'perfect'"):
        known_code("perfekt")
    with pytest.raises(UnknownNameError, match="no factor grid 'dsprite'; did you mean 'dsprites'"):
        known_code("perfect", "dsprite")
