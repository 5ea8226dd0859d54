from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.metrics.table import Table
from distoolkit.testing.codes import known_code


def test_points_are_different_rows_in_an_order_that_the_seed_fixes():
    table = Table(known_code("perfect"))
    rows = table.rows(100, seed=1)
    assert len(set(rows.tolist())) == 100
    assert (rows == table.rows(200, seed=1)[:100]).all()
    assert not (rows == table.rows(100, seed=2)).all()


def test_a_small_table_is_split_in_proportion():
    train, test = Table(known_code("perfect", "small", 30)).split(10_000, 5_000, seed=0)
    assert (len(train), len(test)) == (20, 10)
    train, test = Table(known_code("perfect", "tiny", 2)).split(10_000, 5_000, seed=0)
    assert (len(train), len(test)) == (1, 1)


def test_training_and_test_points_do_not_meet():
    latents = schema.as_latents(np.arange(100.0)[:, None])
    train, test = Table(latents).split(60, 30, seed=0)
    assert not set(train.code.ravel()) & set(test.code.ravel())


def test_disentanglement_lib_draws_columns_in_batches_of_16():
    table = Table(known_code("perfect", "small"))
    train, test = table.split(20, 5, seed=7, protocol="disentanglement_lib")
    old = np.random.RandomState(7)
    draw = [np.stack([old.randint(n, size=size) for n in (3, 4, 5, 6)], axis=1) for size in (16, 4, 5)]
    assert (train.factors == np.concatenate(draw[:2])).all()
    assert (test.factors == draw[2]).all()
    np.testing.assert_allclose(train.code, 2 * train.factors / np.array([2, 3, 4, 5]) - 1, atol=1e-6)


def test_hidden_factors_are_drawn_at_random():
    factors = np.repeat(np.arange(3), 2)[:, None]
    table = Table(schema.as_latents(np.arange(6.0)[:, None], factors))
    rows = table.rows_of(np.array([[1]] * 50), np.random.RandomState(0))
    assert set(rows.tolist()) == {2, 3}


def test_a_table_with_gaps_is_no_grid():
    whole = known_code("perfect", "tiny")
    assert Table(whole).is_grid
    assert not Table(whole.isel(sample=slice(1, None))).is_grid
    assert not Table(schema.as_latents(np.eye(3))).is_grid


def test_rounding_does_not_wake_a_constant_unit():
    latents = schema.as_latents(np.stack([np.full(7, 0.1), np.arange(7.0)], axis=1))
    assert Table(latents).moving.tolist() == [False, True]


def test_active_units_by_absolute_and_relative_deviation():
    table = Table(schema.as_latents(np.array([[0, 0, 0], [1, 10, 100]]) * 1e-2))
    assert table.active(0.05, relative=False).tolist() == [False, True, True]
    assert table.active(0.05, relative=True).tolist() == [False, True, True]
    assert table.active(0.5, relative=True).tolist() == [False, False, True]


def test_one_sample_is_too_few():
    with pytest.raises(DataError, match="needs two samples"):
        Table(schema.as_latents(np.zeros((1, 2))))
