"""`evaluate`: choose the metrics, run them on one shared table, and lay their scores side by side."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from distoolkit import registry, schema
from distoolkit.config import unknown
from distoolkit.contract import DataError, Metric, UnknownNameError
from distoolkit.metrics.table import Protocol, check_protocol, sharing

PANEL = ("mig", "dci", "factor_vae", "infomec", "modularity", "reconstruction", "dependence")
"""What `evaluate` computes when no metric is named, as far as the latents allow it."""

_NEEDS = {
    "factors": ("factors", "true factors: encode labelled images, or give as_latents(..., factors=...)"),
    "reconstruction": ("reconstruction_mse", "reconstruction errors: encode with a model that can decode"),
    "posterior": ("code_std", "posterior deviations: encode with a model that has a posterior"),
}
_CARRIED = ("score", "score_low", "score_high", "score_identity")

Asked = list[tuple[Metric, dict[str, Any]]]


def evaluate(
    latents: xr.Dataset,
    metrics: str | Metric | Iterable[str | Metric] | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    seed: int = 0,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score codes.

    Parameters
    ----------
    latents
        What `distoolkit.encode` or `distoolkit.as_latents` gives.
    metrics
        Names of installed metrics (``distoolkit.metrics()`` lists them), `Metric` records, or a mapping from names
        to settings, as in ``{"mig": {"bins": 40}}``. By default the usual panel, as far as the latents allow it;
        the attribute ``left_out_json`` says what was left out and why.
    seed
        Fixes every draw. The same seed and latents give the same scores.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does, number by number, if the latents hold the
        codes of the whole factor grid, and takes its settings.

    Returns
    -------
    A scores Dataset. Along ``metric``: ``score``, the 95 % interval ``score_low`` and ``score_high``, and
    ``score_identity``, what the true factors themselves get as a code with the same settings; NaN in the last three
    means that there is none. The coordinate ``higher_is_better``, the matrices behind the scores, and for each
    metric a card, read with `card`. The provenance of the latents is carried over.

    Raises
    ------
    UnknownNameError
        No such metric, setting or protocol; the nearest names are given.
    DataError
        A metric that was asked for needs what the latents do not have, or cannot be computed from them.
    """
    schema.check(latents, "latents")
    check_protocol(protocol)
    asked, left_out = _choose(latents, metrics)
    found: dict[str, xr.Dataset] = {}
    identity = identity_code(latents) if any(metric.needs == {"factors"} for metric, _ in asked) else latents
    with sharing(latents), sharing(identity) if identity is not latents else nullcontext():
        for metric, settings in tqdm(asked, desc="evaluate", delay=2, leave=False, disable=len(asked) < 2):
            arguments = {"seed": seed, **_protocol_for(metric, protocol), **settings}
            try:
                one = _run(metric, latents, arguments)
            except DataError as error:
                if metrics is not None:
                    raise
                left_out[metric.name] = str(error)
                continue
            if metric.needs == {"factors"}:
                one["score_identity"] = _run(metric, identity, arguments)["score"]
            found[metric.name] = one
    if not found:
        raise DataError(f"no metric applies to these latents: {left_out}")
    return _merge(found, latents, left_out, seed=seed, protocol=protocol or "none")


def card(scores: xr.Dataset, metric: str) -> dict[str, Any]:
    """Read how a metric's scores came about: variant, settings, versions, samples, seed, active units, notes.

    Parameters
    ----------
    scores
        What `evaluate` returned.
    metric
        Name of the metric, or of one of its scores.
    """
    cards: dict[str, dict[str, Any]] = schema.attribute(scores, "cards", {})
    for name, entry in cards.items():
        if metric in (name, *entry["scores"]):
            return entry
    raise DataError(f"there is no card for {metric!r}; these scores have cards for {', '.join(cards) or 'nothing'}")


def _choose(latents: xr.Dataset, metrics: Any) -> tuple[Asked, dict[str, str]]:
    """Return the metrics to run with their settings, and why others are left out."""
    if metrics is None:
        reasons = {m.name: _lacking(m, latents) for m in registry.metrics().values()}
        chosen: Asked = [(registry.find("metrics", n), {}) for n in PANEL if reasons.get(n) == ""]
        names = {m.name for m, _ in chosen}
        return chosen, {n: why or "not in the default panel" for n, why in reasons.items() if n not in names}
    if isinstance(metrics, str | Metric):
        metrics = [metrics]
    pairs = metrics.items() if isinstance(metrics, Mapping) else [(m, {}) for m in metrics]
    asked: Asked = [(m if isinstance(m, Metric) else registry.find("metrics", m), dict(s)) for m, s in pairs]
    if not asked:
        raise DataError("no metric was named; leave `metrics` out for the default panel")
    repeated = {m.name for i, (m, _) in enumerate(asked) if m.name in [other.name for other, _ in asked[:i]]}
    if repeated:
        raise DataError(f"{', '.join(sorted(repeated))} is named twice; evaluate each variant on its own")
    for metric, settings in asked:
        _check_settings(metric, settings)
    faults = [f"{m.name} {why}" for m, _ in asked if (why := _lacking(m, latents))]
    if faults:
        raise DataError("; ".join(faults))
    return asked, {}


def _lacking(metric: Metric, latents: xr.Dataset) -> str:
    """Say what a metric needs and the latents do not have; empty if nothing."""
    for need in sorted(metric.needs):
        variable, words = _NEEDS.get(need, (need, f"a variable {need!r} in the latents"))
        if variable not in latents.variables:
            return f"needs {words}"
    if "factors" in metric.needs and not (latents["factors"] != latents["factors"][0]).any():
        return "needs factors that vary: each has a single value in these samples"
    return ""


def _check_settings(metric: Metric, settings: Mapping[str, Any]) -> None:
    """Raise `UnknownNameError` for a setting that the metric does not take."""
    parameters = inspect.signature(registry.resolve(metric.compute)).parameters
    known = [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY and name not in ("seed", "protocol")]
    for name in settings:
        if name not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            raise UnknownNameError(unknown(f"setting of {metric.name}", name, known))


def _protocol_for(metric: Metric, protocol: Protocol) -> dict[str, Any]:
    """Hand the protocol to the metrics that know of protocols."""
    takes = "protocol" in inspect.signature(registry.resolve(metric.compute)).parameters
    return {"protocol": protocol} if protocol is not None and takes else {}


def _run(metric: Metric, latents: xr.Dataset, arguments: Mapping[str, Any]) -> xr.Dataset:
    found: xr.Dataset = registry.resolve(metric.compute)(latents, **arguments)
    return found


def identity_code(dataset: xr.Dataset) -> xr.Dataset:
    """Make the perfect code: the true factors themselves, one unit each, scaled to [-1, 1].

    `evaluate` gives its scores beside those of the latents, as ``score_identity``: for some metrics they are not 1.

    Parameters
    ----------
    dataset
        Images or latents with factors.

    Raises
    ------
    DataError
        The factors are unknown.
    """
    if "factors" not in dataset:
        raise DataError("the perfect code is made of the true factors, and this Dataset has none: load labelled images")
    values, sizes = dataset["factors"].values, dataset["factor_size"].values
    names = list(map(str, dataset["factor"].values))
    return schema.as_latents(
        2 * values / np.maximum(sizes - 1, 1) - 1,
        values,
        names,
        names,
        factor_sizes=sizes.tolist(),
        factor_kinds=list(map(str, dataset["factor_kind"].values)),
        name="identity",
    )


def _merge(found: dict[str, xr.Dataset], latents: xr.Dataset, left_out: dict[str, str], **how: Any) -> xr.Dataset:
    """Lay the results of several metrics side by side."""
    rows = [_rows(one) for one in found.values()]
    scores = xr.concat(rows, dim="metric")
    names = scores["metric"].values.tolist()
    if len(set(names)) < len(names):
        raise DataError(f"two metrics give a score of the same name: {names}. Evaluate them one by one")
    for name, one in found.items():
        for variable, values in one.drop_dims("metric").data_vars.items():
            taken = variable in scores and not scores[variable].identical(values)
            scores[f"{name}_{variable}" if taken else variable] = values
    cards = {
        name: {**schema.attribute(one, "card", {}), "scores": one["metric"].values.tolist()}
        for name, one in found.items()
    }
    scores.attrs = {k: v for k, v in latents.attrs.items() if k not in ("schema", "kind", "reduced")}
    version = importlib.metadata.version("distoolkit")
    evaluation = {**how, "samples": latents.sizes["sample"], "distoolkit": version}
    return schema.stamp(scores, "scores", cards=cards, left_out=left_out, evaluation=evaluation)


def _rows(one: xr.Dataset) -> xr.Dataset:
    """Return what stands along ``metric``, with NaN for the intervals and identity scores that there are none of."""
    missing = xr.full_like(one["score"], np.nan)
    return xr.Dataset(
        {name: one.get(name, missing) for name in _CARRIED},
        coords={"higher_is_better": one["higher_is_better"]},
    )
