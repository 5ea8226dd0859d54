from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import distoolkit as dt
from distoolkit import registry, schema
from distoolkit.contract import ConfigError, DataError, Metric, SchemaError, UnknownNameError
from distoolkit.metrics.catalogue import METRICS
from distoolkit.metrics.result import card_of, result
from distoolkit.metrics.table import sharing, table_of
from distoolkit.testing.codes import known_code


@pytest.fixture
def latents() -> xr.Dataset:
    return known_code("permuted_noisy", "small", 300)


def test_the_module_lists_the_installed_metrics():
    assert {"mig", "dci", "factor_vae", "reconstruction"} <= set(dt.metrics())


def test_scores_stand_side_by_side_with_what_the_identity_code_gets(latents):
    scores = dt.evaluate(latents, ["mig", "factor_vae"])
    assert scores["metric"].values.tolist() == ["mig", "factor_vae"]
    identity = dt.evaluate(known_code("perfect", "small", 300), ["mig", "factor_vae"])
    np.testing.assert_allclose(scores["score_identity"], identity["score"], atol=1e-6)
    np.testing.assert_allclose(identity["score_identity"], identity["score"], atol=1e-6)
    assert scores["mutual_information"].dims == ("factor", "unit")
    assert scores["votes"].sum() == 10_000


def test_the_identity_code_is_the_factors_scaled_to_one_on_either_side():
    images = dt.as_images(np.zeros((3, 4, 4), np.uint8), [[0, 0], [1, 2], [2, 0]], ["x", "y"], factor_sizes=[5, 3])
    code = dt.metrics.identity_code(images)
    np.testing.assert_array_equal(code["code"], [[-1, -1], [-0.5, 1], [0, -1]])
    assert code["latent"].values.tolist() == ["x", "y"]
    assert code["factor_size"].values.tolist() == [5, 3]
    with pytest.raises(DataError, match="this Dataset has none"):
        dt.metrics.identity_code(images.drop_vars("factors"))


def test_a_score_has_a_card(latents):
    scores = dt.evaluate(latents, {"mig": {"bins": 7}}, seed=3)
    card = dt.metrics.card(scores, "mig")
    assert (card["settings"], card["seed"], card["samples"]) == ({"bins": 7}, 3, {"points": 300})
    assert card["active_units"] == card["units"] == 4
    assert {"numpy", "distoolkit"} <= set(card["versions"])
    with pytest.raises(DataError, match="no card for 'dci'; these scores have cards for mig"):
        dt.metrics.card(scores, "dci")


def test_provenance_is_carried_over_and_survives_the_disk(latents, tmp_path):
    latents = schema.stamp(latents, "latents", method="beta_vae", config={"beta": 4.0})
    scores = dt.evaluate(latents, "mig")
    again = schema.open(schema.save(scores, tmp_path / "scores.nc"))
    assert (again.attrs["method"], schema.attribute(again, "config")) == ("beta_vae", {"beta": 4.0})
    assert dt.metrics.card(again, "mig") == dt.metrics.card(scores, "mig")
    xr.testing.assert_allclose(again, scores)


def test_the_same_seed_gives_the_same_scores(latents):
    one, again, other = (dt.evaluate(latents, ["factor_vae"], seed=seed) for seed in (0, 0, 1))
    assert one.identical(again)
    assert not one["votes"].identical(other["votes"])


def test_latents_are_left_as_they_were(latents):
    before = latents.copy(deep=True)
    dt.evaluate(latents, ["mig", "factor_vae", "dci"])
    assert latents.identical(before)


def test_the_default_panel_leaves_out_what_cannot_be_had_and_says_so():
    latents = dt.as_latents(np.random.default_rng(0).normal(size=(50, 3)), reconstruction_mse=np.ones(50))
    scores = dt.evaluate(latents)
    assert "reconstruction_mse" in scores["metric"]
    assert "mig" not in scores["metric"]
    left_out = schema.attribute(scores, "left_out")
    assert "true factors: encode labelled images" in left_out["mig"]


def test_factors_that_never_change_are_no_factors():
    latents = dt.as_latents(np.random.default_rng(0).normal(size=(9, 2)), np.ones((9, 1), dtype=int))
    with pytest.raises(DataError, match="mig needs factors that vary"):
        dt.evaluate(latents, "mig")


def test_a_factor_that_never_changes_is_named_and_left_out(latents):
    factors = np.concatenate([latents["factors"].values, np.ones((300, 1), dtype=int)], axis=1)
    wider = dt.as_latents(latents["code"].values, factors, ["a", "b", "c", "d", "still"])
    scores = dt.evaluate(wider, "mig")
    assert "still" not in scores["factor"]
    assert dt.metrics.card(scores, "mig")["factors_left_out"] == ["still"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"metrics": "mgi"}, UnknownNameError, "no metric 'mgi'; did you mean 'mig'"),
        ({"metrics": []}, DataError, "no metric was named"),
        ({"metrics": {"mig": {"bin": 5}}}, UnknownNameError, "no setting of mig 'bin'; did you mean 'bins'"),
        ({"metrics": {"mig": {"bins": 1}}}, ConfigError, "bins = 1 is not allowed: give a whole number from 2"),
        ({"metrics": {"dci": {"test": 0}}}, ConfigError, "test = 0 is not allowed"),
        ({"metrics": {"irs": {"samples": 2.5}}}, ConfigError, "samples = 2.5 is not allowed"),
        ({"metrics": {"factor_vae": {"batch": 1}}}, ConfigError, "batch = 1 is not allowed"),
        ({"protocol": "dislib"}, UnknownNameError, "no protocol 'dislib'"),
        ({"metrics": ["mig", "reconstruction"]}, DataError, "^reconstruction needs reconstruction errors"),
        ({"metrics": ["mig", "mig"]}, DataError, "mig is named twice"),
    ],
)
def test_what_cannot_be_is_refused(latents, arguments, error, words):
    with pytest.raises(error, match=words):
        dt.evaluate(latents, **arguments)


def test_an_array_is_sent_to_the_right_door():
    with pytest.raises(SchemaError, match="use as_images or as_latents"):
        dt.evaluate(np.zeros((3, 3)))


def test_vector_units_are_reduced_and_the_card_says_so():
    scores = dt.evaluate(known_code("vector"), "mig")
    assert scores["unit"].values.tolist() == ["pair0", "pair1", "pair2", "pair3"]
    assert dt.metrics.card(scores, "mig")["units_reduced"] == "pca1"


def record(name: str, compute) -> Metric:
    mig = dt.metrics()["mig"]
    return Metric(
        name=name, summary="x", paper=mig.paper, compute=compute, scores=(name,), fidelity=mig.fidelity, needs=mig.needs
    )


def test_a_record_of_ones_own_is_taken_as_it_is_and_shares_the_table(latents):
    seen = []

    def count(latents, *, seed=0):
        table = table_of(latents)
        seen.append(table)
        return result({"mine": float(len(table))}, card_of(table, variant="x", seed=seed, samples={}, settings={}))

    scores = dt.evaluate(latents, [record("mine", count), "mig"], protocol="disentanglement_lib")
    assert scores["score"].values[0] == 300
    assert seen[0].latents is latents
    assert seen[0]._information  # the information that mig asked for lies in the same table


def test_nan_never_leaves_a_metric(latents):
    def broken(latents, *, seed=0):
        return result({"mine": np.nan}, card_of(table_of(latents), variant="x", seed=seed, samples={}, settings={}))

    with pytest.raises(DataError, match="is no score: the metric does not apply"):
        dt.evaluate(latents, record("mine", broken))


def test_matrices_of_one_name_are_told_apart(latents):
    def other(latents, *, seed=0):
        table = table_of(latents)
        card = card_of(table, variant="x", seed=seed, samples={}, settings={})
        return result({"mine": 1.0}, card, matrices={"factor_entropy": xr.DataArray(np.zeros(4), dims="factor")})

    scores = dt.evaluate(latents, ["mig", record("mine", other)])
    assert scores["factor_entropy"].values.min() > 0
    assert scores["mine_factor_entropy"].values.max() == 0


def test_tables_are_shared_only_while_they_are_open(latents):
    with sharing(latents) as table:
        assert table_of(latents) is table
    assert table_of(latents) is not table


@pytest.mark.parametrize("name", ["single_latent", "single_factor", "constant", "vector"])
def test_the_default_panel_runs_on_odd_codes(name):
    scores = dt.evaluate(known_code(name, "tiny"))
    assert np.isfinite(scores["score"]).all()


def test_the_protocol_reaches_every_metric_that_knows_of_it():
    whole = known_code("noisy", "small")
    scores = dt.evaluate(whole, ["mig", "factor_vae"], protocol="disentanglement_lib")
    for name in ("mig", "factor_vae"):
        card = dt.metrics.card(scores, name)
        assert card["protocol"] == "disentanglement_lib"
        assert card["sampling"].startswith("as disentanglement_lib: uniform over the factor grid")
    parts = dt.evaluate(whole.isel(sample=slice(300)), "mig", protocol="disentanglement_lib")
    assert "needs the whole factor grid" in dt.metrics.card(parts, "mig")["sampling"]


def test_a_constant_code_is_left_out_of_the_panel_with_the_reason():
    latents = dt.as_latents(np.ones((20, 2)), np.arange(20)[:, None] % 2, reconstruction_mse=np.ones(20))
    scores = dt.evaluate(latents)
    assert "every unit of this code is constant" in schema.attribute(scores, "left_out")["mig"]
    with pytest.raises(DataError, match="every unit of this code is constant"):
        dt.evaluate(latents, "mig")


def test_the_record_of_every_metric_leads_to_its_function():
    for metric in METRICS:
        assert registry.resolve(metric.compute).__doc__
        assert metric.fidelity.source in ("code", "none")
