"""Metrics: CPU seconds against the field's code, on ten noisy units and dSprites' factor grid, one thread.

disentanglement_lib needs a Python of its own, so its CPU seconds are quoted: they were measured earlier, on another
machine of the same kind (two busy cores), on the same codes. scikit-learn is measured here where it is the peer's
engine and quick enough; its boosting of 113 classes took 291 CPU seconds on this kind of machine and is quoted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from sklearn.metrics import mutual_info_score

from bench.measure import Row, cpu_seconds
from distoolkit.metrics import boosting, evaluate
from distoolkit.metrics.dci import completeness, disentanglement
from distoolkit.metrics.factor_vae import factor_vae
from distoolkit.metrics.mig import mig
from distoolkit.testing.codes import known_code

QUOTED = "disentanglement_lib took {} CPU s earlier on another machine of the same kind"
BOOSTING_SECONDS = 291.0  # scikit-learn 1.9.1, GradientBoostingClassifier(random_state=0), 10,000 points, all factors
BOOSTING_D, BOOSTING_C = 0.6457, 0.6201  # what it gave


def rows() -> Iterator[Row]:
    """Measure MIG, FactorVAE score, DCI and the default panel."""
    table = known_code("partly_inactive", "dsprites", 10_000)
    held_out = known_code("partly_inactive", "dsprites", 15_000)
    yield from _mig(table)
    ours = cpu_seconds(lambda: factor_vae(held_out))
    note = QUOTED.format(2.3) + f"; ours {ours:.3f}"
    yield Row("FactorVAE score, 15,000 votes, against disentanglement_lib", 2.3 / ours, "x", 10, True, note)
    yield from _dci()
    seconds = cpu_seconds(lambda: evaluate(held_out), repeats=1)
    note = "with the identity code's scores and all intervals"
    yield Row("default panel, 10,000/5,000 points, 10 units, dSprites' factors", seconds, "CPU s", 15, False, note)


def _mig(table: xr.Dataset) -> Iterator[Row]:
    ours = cpu_seconds(lambda: mig(table), repeats=5)
    note = QUOTED.format(0.25) + f"; ours {ours:.4f}, with interval and card"
    yield Row("MIG, 10,000 points, against disentanglement_lib", 0.25 / ours, "x", 10, True, note)
    code, factors = table["code"].values.astype(float), table["factors"].values
    theirs = cpu_seconds(lambda: _mig_by_scikit_learn(code, factors))
    note = f"numpy.digitize and mutual_info_score, measured here: {theirs:.3f} CPU s"
    yield Row("MIG, against the same steps with scikit-learn", theirs / ours, "x", 8, True, note)


def _mig_by_scikit_learn(code: np.ndarray, factors: np.ndarray) -> float:
    """Take the steps of disentanglement_lib: histogram edges, digitize, one mutual_info_score a pair."""
    bins = [np.digitize(z, np.histogram(z, 20)[1][:-1]) for z in code.T]
    mutual = np.array([[mutual_info_score(y, b) for b in bins] for y in factors.T])
    entropy = np.array([mutual_info_score(y, y) for y in factors.T])
    ordered = np.sort(mutual, axis=1)
    return float(np.mean((ordered[:, -1] - ordered[:, -2]) / entropy))


def _dci() -> Iterator[Row]:
    """Fit the trees on the very rows that scikit-learn was given, and predict the 5,000 after them."""
    train = known_code("partly_inactive", "dsprites", 10_000)
    test = known_code("partly_inactive", "dsprites", 5_000, skip=10_000)
    arrays = [d[name].values for d in (train, test) for name in ("code", "factors")]
    fits: list[boosting.Fit] = []
    ours = cpu_seconds(lambda: fits.extend(boosting.fit(*arrays)), repeats=1)
    note = f"scikit-learn took {BOOSTING_SECONDS:.0f} CPU s on this kind of machine; ours {ours:.1f}"
    what = "DCI, 10,000 points, 10 continuous units, against scikit-learn's boosting"
    yield Row(what, BOOSTING_SECONDS / ours, "x", 20, True, note)
    importance = np.stack([fit.importance for fit in fits])
    for name, value, theirs in (
        ("disentanglement", disentanglement(importance), BOOSTING_D),
        ("completeness", completeness(importance), BOOSTING_C),
    ):
        note = f"ours {value:.4f}, scikit-learn {theirs:.4f} on the same rows"
        yield Row(f"DCI, {name}: distance from scikit-learn's boosting", abs(value - theirs), "", 0.02, False, note)
