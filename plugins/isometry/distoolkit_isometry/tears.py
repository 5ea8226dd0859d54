"""Whether a trained code is whole: an autoencoder can cut its sheet and still draw nearly every image well."""

from __future__ import annotations

import numpy as np

from distoolkit_isometry.neighbours import Array, distinct, nearest, principal_subspace

NEAR = 5  # neighbours of each image
FAR = 5.0  # times the usual length of a code's step, for the same step of the image
COMPONENTS = 64


def torn_share(images: Array, codes: Array) -> float:
    """Return the share of pairs of near images whose codes lie far apart.

    Each pair's distance between codes is divided by that between images; far is more than `FAR` times the median.
    A code that only bends or stretches smoothly has no such pairs, one that jumps across a cut has.

    Parameters
    ----------
    images
        (N, D).
    codes
        (N, d), of the same images.
    """
    first, _ = distinct(images)
    if len(first) <= NEAR:
        return 0.0
    points = principal_subspace(images[first], COMPONENTS).project(images[first]).astype(np.float64)
    code = codes[first]
    around = nearest(points, NEAR + 1)[:, 1:]
    between_images = np.linalg.norm(points[:, None] - points[around], axis=2)
    between_codes = np.linalg.norm(code[:, None] - code[around], axis=2)
    stretch = between_codes / np.maximum(between_images, np.finfo(float).tiny)
    return float((stretch > FAR * np.median(stretch)).mean())
