"""How far the units depend on one another: scores that need no factors."""

from __future__ import annotations

import numpy as np
import xarray as xr

from distoolkit.metrics import information
from distoolkit.metrics.result import card_of, result
from distoolkit.metrics.table import Floats, Protocol, Table, table_of

SMALLEST = 1e-12
"""Smallest eigenvalue of a correlation matrix that is told from 0."""


def dependence(
    latents: xr.Dataset, *, seed: int = 0, samples: int = 10_000, bins: int = 20, protocol: Protocol = None
) -> xr.Dataset:
    """Report how far the units are from independent. Needs no factors.

    Total correlation and Wasserstein correlation treat the code as Gaussian, and so see linear dependence only; the
    mutual information of binned units sees other kinds, two units at a time. None of them says what the units mean:
    noise is independent too. All are 0 for independent units, and less is better. Copies make the total
    correlation infinite; eigenvalues of the correlation matrix below 1e-12 are taken as that, which gives a large
    finite number.

    Parameters
    ----------
    latents
        Codes.
    seed
        Fixes which points are drawn.
    samples
        Number of points, at most.
    bins
        Bins of equal width for each unit.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``total_correlation`` (nats), ``wasserstein_correlation``, the same divided by the total variance
    (``wasserstein_correlation_normalised``) and ``mutual_information_score`` (nats). Constant units are left out.
    ``unit_information`` (unit, other): mutual information of each pair, entropies on the diagonal.
    """
    table = table_of(latents)
    code = table.points(samples, seed=seed, protocol=protocol).code
    moving = np.ptp(code, axis=0) > 0
    covariance = np.atleast_2d(np.cov(code[:, moving], rowvar=False)) if moving.any() else np.zeros((0, 0))
    distance = wasserstein_correlation(covariance)
    pairs = np.zeros((len(table.units),) * 2)
    pairs[np.ix_(moving, moving)] = pairwise_information(code[:, moving], bins)
    scores = {
        "total_correlation": total_correlation(covariance),
        "wasserstein_correlation": distance,
        "wasserstein_correlation_normalised": distance / np.trace(covariance) if moving.any() else 0.0,
        "mutual_information_score": mean_off_diagonal(pairs[np.ix_(moving, moving)]),
    }
    card = card_of(
        table,
        variant="Gaussian total correlation and Wasserstein correlation; plug-in mutual information of pairs of units",
        seed=seed,
        protocol=protocol,
        samples={"points": len(code)},
        settings={"bins": bins},
        active=moving,
        estimator="sample covariance; counts in bins of equal width",
        interval="none",
        notes=_notes(covariance),
    )
    return result(scores, card, matrices={"unit_information": _square(table, pairs)}, lower_is_better=tuple(scores))


def total_correlation(covariance: Floats) -> float:
    """Half of (sum of log variances - log determinant), in nats: minus half the log determinant of the correlations."""
    return float(-0.5 * np.sum(np.log(np.maximum(_correlation_eigenvalues(covariance), SMALLEST))))


def wasserstein_correlation(covariance: Floats) -> float:
    """Squared 2-Wasserstein distance of a Gaussian to the one with the same variances and no correlation.

    2 tr(S) - 2 tr((L S)^(1/2)) with L the diagonal of S. The trace of the root is taken from the eigenvalues of the
    symmetric L^(1/2) S L^(1/2), which are never negative: the root of L S itself can come out complex.
    """
    root = np.sqrt(np.diag(covariance))
    eigenvalues = np.linalg.eigvalsh(root[:, None] * covariance * root)
    return float(max(0.0, 2 * np.trace(covariance) - 2 * np.sum(np.sqrt(np.maximum(eigenvalues, 0.0)))))


def pairwise_information(code: Floats, bins: int) -> Floats:
    """(unit, unit) mutual information of binned units in nats, with their entropies on the diagonal."""
    if code.shape[1] == 0:
        return np.zeros((0, 0))
    binned = information.discretise(code, bins)
    return information.measure(code, binned, np.full(code.shape[1], bins), bins).mutual


def mean_off_diagonal(square: Floats) -> float:
    """Mean of all entries off the diagonal; 0 for a single unit."""
    width = len(square)
    return float((square.sum() - np.trace(square)) / (width * (width - 1))) if width > 1 else 0.0


def _correlation_eigenvalues(covariance: Floats) -> Floats:
    deviation = np.sqrt(np.diag(covariance))
    return np.asarray(np.linalg.eigvalsh(covariance / np.outer(deviation, deviation)))


def _notes(covariance: Floats) -> tuple[str, ...]:
    if len(covariance) and _correlation_eigenvalues(covariance).min() < SMALLEST:
        return ("some units are copies or sums of others: the true total correlation is infinite",)
    return ()


def _square(table: Table, values: Floats) -> xr.DataArray:
    return xr.DataArray(values, dims=("unit", "other"), coords={"unit": table.units, "other": table.units})
