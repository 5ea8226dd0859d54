"""Frechet distance of two sets of features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from distoolkit.contract import DataError


def frechet_distance(features: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to two sets of features (Dowson & Landau 1982).

    With the pooled features of Inception-v3 this is the FID; with any other features it is not, and must not be
    called so. No network is loaded here: bring the features of both image sets. Sees means and covariances only, and
    is biased upwards with few samples, the more so the wider the features: compare equal sample sizes only.

    Parameters
    ----------
    features, others
        (sample, feature), finite, two samples at least.

    Returns
    -------
    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), at least 0.

    Raises
    ------
    DataError
        Shapes that do not match, fewer than two samples, NaN or infinity.
    """
    one, two = (np.asarray(f, dtype=np.float64) for f in (features, others))
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1] or min(len(one), len(two)) < 2:
        raise DataError(
            f"features have shapes {one.shape} and {two.shape}; "
            "give (sample, feature) twice, equally wide, with two samples each"
        )
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise DataError("features hold NaN or infinity; leave those samples out")
    first, second = np.atleast_2d(np.cov(one, rowvar=False)), np.atleast_2d(np.cov(two, rowvar=False))
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ second @ root)  # symmetric, so that no root is complex
    shift = float(np.sum((one.mean(axis=0) - two.mean(axis=0)) ** 2))
    spread = np.trace(first) + np.trace(second) - 2 * np.sum(np.sqrt(np.maximum(product, 0.0)))
    return max(0.0, shift + float(spread))
