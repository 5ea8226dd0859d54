"""`check_metric` lets a good metric pass and names each fault of a bad one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataError, Metric
from distoolkit.metrics.result import card_of, result
from distoolkit.metrics.table import table_of
from distoolkit.testing.faults import ContractError
from distoolkit.testing.metrics import check_metric


def metric(compute, **changes) -> Metric:
    record = replace(registry.metrics()["mig"], name="mine", scores=("mine",), compute=compute)
    return replace(record, **changes)


def good(latents, *, seed=0) -> xr.Dataset:
    table = table_of(latents)
    table.need_factors()
    value = float(table.deviation.max())
    return result({"mine": value}, card_of(table, variant="largest", seed=seed, samples={}, settings={}))


def test_a_good_metric_passes():
    check_metric(metric(good))
    check_metric("mig", bins=5)


def test_a_metric_that_needs_something_else_is_given_it():
    def needs_depth(latents, *, seed=0):
        return good(latents).assign(score=("metric", [float(latents["depth"].mean())]))

    from distoolkit.testing.codes import known_code

    latents = known_code("perfect").assign(depth=("sample", np.ones(360)))
    check_metric(metric(needs_depth, needs=frozenset({"depth"})), latents)
    with pytest.raises(ContractError, match="cannot score an ordinary code"):
        check_metric(metric(needs_depth, needs=frozenset({"depth"})))


def spoiled(change):
    """Make a metric that does what `good` does, and then something it should not."""

    def compute(latents, *, seed=0):
        return change(latents, good(latents))

    return metric(compute)


def change_latents(latents, scores):
    latents["code"].values[0, 0] = 0.5
    return scores


def forget_the_seed(latents, scores):
    return scores.assign(score=("metric", np.random.default_rng().random(1)))


def draw_from_global_state(latents, scores):
    np.random.random()  # noqa: NPY002
    return scores


def count_constant_units(latents, scores):
    return scores.assign(score=("metric", [float(latents.sizes["latent"])]))


def trust_the_order(latents, scores):
    return scores.assign(score=("metric", [float(np.ptp(latents["code"].values[:, 0] * latents["code"].values[0, 1]))]))


def give_nan(latents, scores):
    return scores.assign(score=("metric", [np.nan]))


def give_another_name(latents, scores):
    return scores.assign_coords(metric=["yours"])


def turn_round(latents, scores):
    return scores.assign_coords(higher_is_better=("metric", [False]))


def lose_the_card(latents, scores):
    return scores.drop_attrs().assign_attrs(schema=schema.SCHEMA, kind="scores")


def nan_in_a_matrix(latents, scores):
    return scores.assign(matrix=("unit", [np.nan, 1.0]))


def fail_on_one_unit(latents, scores):
    if latents.sizes["latent"] == 1:
        raise IndexError("second best")
    return scores


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_latents, "it changed the latents"),
        (forget_the_seed, "the same seed gave"),
        (draw_from_global_state, "it draws from numpy's global state"),
        (count_constant_units, "a unit that never changes changes the scores"),
        (trust_the_order, "another order of the units changes the scores"),
        (give_nan, r"scores are not finite: \[nan\]"),
        (give_another_name, "it returned the scores .'yours',., its record promises"),
        (turn_round, "higher_is_better is False in the result"),
        (lose_the_card, "there is no card"),
        (nan_in_a_matrix, "matrix holds NaN"),
        (fail_on_one_unit, "one unit: IndexError: second best. Score it, or raise a DataError"),
    ],
)
def test_each_fault_is_named(change, words):
    with pytest.raises(ContractError, match=words):
        check_metric(spoiled(change))


def test_a_data_error_is_an_answer():
    def picky(latents, *, seed=0):
        if latents.sizes["sample"] < 20 or latents.sizes["latent"] < 2:
            raise DataError("too little")
        return good(latents)

    check_metric(metric(picky))


def test_a_need_that_is_not_one_is_named():
    def free(latents, *, seed=0):
        table = table_of(latents)
        card = card_of(table, variant="free", seed=seed, samples={}, settings={})
        return result({"mine": float(table.deviation.max())}, card)

    with pytest.raises(ContractError, match="it says that it needs factors but scores latents without"):
        check_metric(metric(free))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Mine"}, "give lower-case letters"),
        ({"summary": ""}, "give one line"),
        ({"scores": ()}, "name each score once"),
        ({"compute": "nowhere:mine"}, "compute: PluginError"),
        ({"api": 99}, "api = 99"),
    ],
)
def test_a_faulty_record_is_named(changes, words):
    with pytest.raises(ContractError, match=words):
        check_metric(replace(metric(good), **changes))
