"""`check_metric`: everything that the toolkit expects of a metric, tried out on a few small codes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import API, DataError, Fidelity, Metric, Paper
from distoolkit.testing.codes import known_code
from distoolkit.testing.faults import one_line, raise_all

TOLERANCE = 1e-3
"""How much a score may move when a constant unit is added: optimisers stop where they stop."""
TIES = 0.05
"""How much it may move when the units change places: on few points many cuts of a tree are equally good."""

_KNOWN_NEEDS = {"factors": "factors", "reconstruction": "reconstruction_mse", "posterior": "code_std"}


def check_metric(metric: str | Metric, latents: xr.Dataset | None = None, **settings: Any) -> None:
    """Check one metric against the contract: the test that every plugin with a metric should have.

    Scores a few hundred points a dozen times.

    Parameters
    ----------
    metric
        Its name, or its record.
    latents
        What to score, for a metric that needs more than factors, reconstruction errors or a posterior; without it a
        noisy code of a small factor grid.
    **settings
        Passed to the metric, to make a slow one quick.

    Raises
    ------
    ContractError
        Lists every fault found, in plain words.
    """
    record = registry.find("metrics", metric) if isinstance(metric, str) else metric
    raise_all(f"metric {record.name!r}", metric_faults(record, latents, settings))


def metric_faults(metric: Metric, latents: xr.Dataset | None, settings: dict[str, Any]) -> Iterator[str]:
    """Yield the faults one after another; a check whose ground is missing is left out."""
    faults = list(record_faults(metric))
    yield from faults
    if faults:
        return
    given = latents is not None
    if latents is None:
        latents = example(known_code("noisy", "tiny", 120))
    before = latents.copy(deep=True)
    try:
        scores = _score(metric, latents, settings)
    except Exception as error:  # whatever a stranger's code may raise
        yield f"it cannot score an ordinary code: {one_line(error)}"
        return
    if not latents.identical(before):
        yield "it changed the latents that it was given; work on a copy"
    faults = list(result_faults(metric, scores))
    yield from faults
    if faults:
        return
    yield from repeat_faults(metric, latents, scores, settings)
    if not given:
        yield from unit_faults(metric, latents, scores, settings)
        yield from odd_faults(metric, settings)


def example(latents: xr.Dataset) -> xr.Dataset:
    """Add a posterior and reconstruction errors to a known code."""
    latents = latents.copy()
    latents["code_std"] = xr.full_like(latents["code"], 0.1)
    latents["reconstruction_mse"] = "sample", np.linspace(0.01, 0.02, latents.sizes["sample"], dtype=np.float32)
    return latents


def record_faults(metric: Metric) -> Iterator[str]:
    """Check what the record says of itself and that its reference leads somewhere."""
    if not metric.name.isidentifier() or metric.name != metric.name.lower():
        yield f"name {metric.name!r}: give lower-case letters, digits and underscores, like 'mig_sup'"
    if not metric.summary.strip() or "\n" in metric.summary:
        yield f"summary {metric.summary!r}: give one line"
    if not isinstance(metric.paper, Paper) or not metric.paper.title:
        yield "paper has no title (a metric of your own: give the name of your project)"
    if not isinstance(metric.fidelity, Fidelity):
        yield f"fidelity is {metric.fidelity!r}: give Fidelity(source=..., deviations=(...))"
    if not metric.scores or len(set(metric.scores)) < len(metric.scores):
        yield f"scores are {metric.scores}: name each score once, the headline first"
    if metric.api > API:
        yield f"api = {metric.api}: this distoolkit has {API}"
    try:
        registry.resolve(metric.compute)
    except Exception as error:  # whatever a module may raise as it is imported
        yield f"compute: {one_line(error)}"


def result_faults(metric: Metric, scores: Any) -> Iterator[str]:
    """Check the Dataset that the metric returned."""
    try:
        schema.check(scores, "scores")
    except Exception as error:
        yield f"it returned no scores Dataset: {one_line(error)}. distoolkit.metrics.result.result makes one"
        return
    names = tuple(map(str, scores["metric"].values))
    if names != metric.scores:
        yield f"it returned the scores {names}, its record promises {metric.scores}"
    if not np.isfinite(scores["score"].values).all():
        yield f"scores are not finite: {scores['score'].values.tolist()}"
    if bool(scores["higher_is_better"].values[0]) != metric.higher_is_better:
        yield f"higher_is_better is {bool(scores['higher_is_better'].values[0])} in the result, not so in the record"
    if not isinstance(schema.attribute(scores, "card"), dict):
        yield "there is no card: stamp the result with card={...} that says variant, settings, samples and seed"
    for name, variable in scores.data_vars.items():
        if "metric" not in variable.dims and variable.dtype.kind == "f" and not np.isfinite(variable).all():
            yield f"{name} holds NaN or infinity"
    with tempfile.TemporaryDirectory() as folder:
        try:
            schema.open(schema.save(scores, Path(folder) / "scores.nc"))
        except Exception as error:
            yield f"the result cannot be saved and opened again: {one_line(error)}"


def repeat_faults(metric: Metric, latents: xr.Dataset, scores: xr.Dataset, settings: dict[str, Any]) -> Iterator[str]:
    """Check that the seed decides everything, and that numpy's global state is left alone."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    again = _score(metric, latents, settings)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    if str(before) != str(after):
        yield "it draws from numpy's global state; draw from numpy.random.default_rng(seed)"
    if not np.array_equal(scores["score"], again["score"]):
        yield f"the same seed gave {scores['score'].values.tolist()} and then {again['score'].values.tolist()}"
    for need in metric.needs & set(_KNOWN_NEEDS):
        try:
            _score(metric, latents.drop_vars(_KNOWN_NEEDS[need]), settings)
        except Exception:  # any refusal will do: evaluate() words it
            continue
        yield f"it says that it needs {need} but scores latents without"


def unit_faults(metric: Metric, latents: xr.Dataset, scores: xr.Dataset, settings: dict[str, Any]) -> Iterator[str]:
    """Check that neither the order of the units nor a constant one matters."""
    width = latents.sizes["latent"]
    turned = _score(metric, latents.isel(latent=np.roll(np.arange(width), 1)), settings)
    if not np.allclose(turned["score"], scores["score"], atol=TIES):
        yield f"another order of the units changes {_pair(scores, turned)}"
    code = np.concatenate([latents["code"].values, np.full((latents.sizes["sample"], 1), 0.3)], axis=1)
    wider = latents.drop_dims("latent").assign_coords(latent=[f"z{j}" for j in range(width + 1)])
    wider = wider.assign_coords(unit=("latent", wider["latent"].values))
    wider["code"] = ("sample", "latent"), code.astype(np.float32)
    wider["code_std"] = xr.full_like(wider["code"], 0.1)
    padded = _score(metric, wider, settings)
    if not np.allclose(padded["score"], scores["score"], atol=TOLERANCE):
        yield f"a unit that never changes changes {_pair(scores, padded)}"


def odd_faults(metric: Metric, settings: dict[str, Any]) -> Iterator[str]:
    """Check that awkward latents give finite scores or a `DataError` that says why not."""
    ordinary = known_code("noisy", "tiny", 120)
    constant = schema.as_latents(np.ones((40, 3)), ordinary["factors"].values[:40])
    awkward = {
        "one unit": known_code("single_latent", "tiny", 60),
        "one factor": known_code("single_factor", "tiny", 60),
        "vector units": known_code("vector", "tiny", 60),
        "twelve samples": ordinary.isel(sample=slice(12)),
        "two samples": ordinary.isel(sample=slice(2)),
        "units that never change": constant,
        "copies": known_code("duplicated", "tiny", 60),
        "factor values that are missing": ordinary.isel(sample=ordinary["factors"].values[:, -1] != 1),
    }
    for what, latents in awkward.items():
        try:
            scores = _score(metric, example(latents), settings)
        except DataError:
            continue
        except Exception as error:  # anything else is a fault
            yield f"{what}: {one_line(error)}. Score it, or raise a DataError that says why not"
            continue
        if not np.isfinite(scores["score"]).all():
            yield f"{what}: the scores are {scores['score'].values.tolist()}"


def _score(metric: Metric, latents: xr.Dataset, settings: dict[str, Any]) -> Any:
    return registry.resolve(metric.compute)(latents, seed=0, **settings)


def _pair(one: xr.Dataset, other: xr.Dataset) -> str:
    return f"the scores from {one['score'].values.round(4).tolist()} to {other['score'].values.round(4).tolist()}"
