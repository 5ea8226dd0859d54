"""What speaks against a code: one check for each assumption, one sentence for each that looks broken.

The thresholds are ours.
"""

from __future__ import annotations

import numpy as np

from distoolkit.contract import MethodWarning
from distoolkit_isometry.dimension import Locality
from distoolkit_isometry.ica import Independent
from distoolkit_isometry.neighbours import Array
from distoolkit_isometry.nullspace import NullSpace

GAP = 3.0
DUPLICATES = 0.1
OFF_TANGENT = 0.1
DEPENDENT = 0.15
TORN = 0.005


class IsometryWarning(MethodWarning):
    """An assumption of the theory looks broken on these data; the code may not show the factors."""


def duplicates(given: int, different: int) -> str:
    """Many equal points: factors on a grid, whose neighbourhoods say little about derivatives."""
    if given - different <= DUPLICATES * given:
        return ""
    return (
        f"{given - different} of {given} points were exact duplicates and were merged: the factors look quantised, and "
        "a code found on a coarse grid may be bent or mixed"
    )


def dropped(different: int, used: int) -> str:
    """Points outside the largest connected piece."""
    if used == different:
        return ""
    return f"{different - used} of {different} points lie apart from the others and were left out of the fit"


def joined(asked: int, taken: int) -> str:
    """Neighbourhoods were widened until the points hung together."""
    if asked == taken:
        return ""
    return (
        f"with {asked} neighbours the points fell into separate pieces, which {taken} neighbours join: a discrete "
        "factor, or too few images"
    )


def dimension(local: Locality, latents: int) -> str:
    """The neighbourhoods have another dimension than the code."""
    if local.suggested == latents:
        return ""
    return (
        f"{latents} latents were asked for, but the neighbourhoods look {local.suggested}-dimensional (two-nearest-"
        f"neighbours estimate {local.two_nn:.1f})"
    )


def curvature(local: Locality, latents: int) -> str:
    """The neighbourhoods are not flat at this spacing."""
    share = local.off_tangent(latents)
    if share <= OFF_TANGENT:
        return ""
    return (
        f"{share:.0%} of a neighbourhood's variance lies off its tangent plane: the images are too far apart for the "
        "curvature of their manifold, or noisy; more images (or smoother ones) are needed"
    )


def gap(null: NullSpace) -> str:
    """There is no clear null space."""
    if null.gap >= GAP:
        return ""
    return (
        f"the eigengap is only {null.gap:.2g} (trust begins near {GAP:g}): the linear functions do not stand out, "
        "because the metric is not constant, a factor is closed or very short, the number of latents is wrong, or "
        "there are too few images"
    )


def spiked(points: int) -> str:
    """A component that is a spike on few points."""
    if not points:
        return ""
    return f"a component is a spike on {points} points that hang on to the others too weakly; it shows no factor"


def dead(unused: int, latents: int) -> str:
    """Directions of an autoencoder's code that do not vary."""
    if not unused:
        return ""
    return f"{unused} of {latents} directions of the code do not vary: ask for {latents - unused} latents"


def torn(share: float) -> str:
    """Near images whose codes lie far apart."""
    if share <= TORN:
        return ""
    return (
        f"{share:.1%} of near images have codes that lie far apart: the code is torn, or twisted, where training got "
        "stuck; fit again with another seed, and keep the run that reconstructs best"
    )


def gaussian(ica: Independent) -> str:
    """More than one component looks Gaussian: any rotation of them is as good."""
    if ica.gaussian < 2:
        return ""
    return (
        f"{ica.gaussian} of {len(ica.negentropy)} components look Gaussian: their span is recovered, but which "
        "rotation of them shows the factors cannot be known"
    )


def dependence(code: Array) -> str:
    """Components that are functions of one another: a factor is missing, or the factors are not independent."""
    worst = strongest_dependence(code)
    if worst <= max(DEPENDENT, 5 / np.sqrt(len(code))):
        return ""
    return (
        f"the components are not independent (squares correlate up to {worst:.2f}): one may be a function of another, "
        "or the factors themselves are dependent"
    )


def strongest_dependence(code: Array) -> float:
    """Largest absolute correlation of one component's square with another component, or with its square."""
    latents = code.shape[1]
    if latents == 1:
        return 0.0
    centred = (code - code.mean(axis=0)) / code.std(axis=0)
    both = np.corrcoef(np.hstack([centred, centred**2]).T)
    linear, square = both[latents:, :latents], both[latents:, latents:]
    off = ~np.eye(latents, dtype=bool)
    return float(max(np.abs(linear[off]).max(), np.abs(square[off]).max()))
