"""Our score of local isometry: are the codes of near images as far apart as the images?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.spatial.distance import pdist

from distoolkit import schema
from distoolkit.contract import ConfigError, DataError
from distoolkit.metrics.result import card_of, result
from distoolkit.metrics.table import table_of
from distoolkit_isometry.neighbours import principal_subspace

COMPONENTS = 64


def with_image_points(latents: xr.Dataset, images: xr.Dataset) -> xr.Dataset:
    """Add to codes where their images lie: ``image_point(sample, component)``, the leading principal components.

    Parameters
    ----------
    latents, images
        Of the same samples, in the same order.
    """
    schema.check(latents, "latents")
    schema.check(images, "images")
    if latents.sizes["sample"] != images.sizes["sample"]:
        raise DataError(f"{latents.sizes['sample']} codes and {images.sizes['sample']} images: give the same samples")
    flat = images["image"].values.reshape(images.sizes["sample"], -1).astype(np.float32) / 255
    points = principal_subspace(flat, COMPONENTS).project(flat).astype(np.float32)
    return latents.assign(image_point=(("sample", "component"), points))


def local_isometry(latents: xr.Dataset, *, seed: int = 0, samples: int = 2000, share: float = 0.05) -> xr.Dataset:
    """Correlate distances between codes with distances between their images, over the nearest pairs of images.

    Sees whether the code keeps local lengths up to one common scale; a code that stretches one factor, or bends,
    loses. It does not see rotations: a locally isometric code need not be disentangled.

    Parameters
    ----------
    latents
        Codes with ``image_point(sample, component)``; `with_image_points` adds it.
    seed
        Fixes which samples are drawn.
    samples
        Number of samples, at most; all their pairs are looked at.
    share
        Share of the pairs, the nearest ones, that count.

    Returns
    -------
    Score ``local_isometry``: Pearson correlation, at most 1.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share = {share} is not allowed: give a number above 0, at most 1")
    table = table_of(latents)
    code, points = latents["code"].values.astype(np.float64), latents["image_point"].values.astype(np.float64)
    chosen = np.random.default_rng(seed).permutation(len(code))[:samples]
    between_images, between_codes = pdist(points[chosen]), pdist(code[chosen])
    count = max(2, round(share * len(between_images)))
    if len(between_images) < count:
        raise DataError(f"{len(code)} samples have too few pairs: give at least 3")
    near = np.argpartition(between_images, count - 1)[:count]
    if np.ptp(between_codes[near]) == 0 or np.ptp(between_images[near]) == 0:
        value = 0.0
    else:
        value = float(np.corrcoef(between_images[near], between_codes[near])[0, 1])
    card = card_of(
        table,
        variant="Pearson correlation of Euclidean distances over the nearest pairs of images; ours",
        seed=seed,
        samples={"points": len(chosen), "pairs": count},
        settings={"share": share},
        estimator="sample correlation",
    )
    return result({"local_isometry": value}, card)
