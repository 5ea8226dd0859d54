"""What tells whether content and style were split, where the truth is known."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Truth = Callable[[Array, Array, Sequence[bool]], Array]


def probes(
    code: Array, factors: Array, names: Sequence[str], *, seed: int = 0, mlp: bool = True
) -> dict[str, tuple[float, float, float]]:
    """Predict each factor from a code: accuracy on a fifth of the images of a linear and of an MLP classifier.

    Parameters
    ----------
    code
        (image, entry); standardised here.
    factors
        (image, factor) whole numbers.
    mlp
        Whether to train the MLP, too, which is what takes long; without it its accuracy is NaN.

    Returns
    -------
    dict
        Factor -> accuracy of the linear probe, of the MLP, and chance: the share of the most common value. A factor of
        one value is always guessed: 1 in all three.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    order = np.random.default_rng(seed).permutation(len(code))
    cut = len(code) * 4 // 5
    fitted, tested = order[:cut], order[cut:]
    scaled = StandardScaler().fit(code[fitted]).transform(code)
    found = {}
    for name, values in zip(names, factors.T, strict=True):
        chance = float(np.bincount(values[tested]).max() / len(tested))
        if len(np.unique(values)) == 1:
            found[name] = (1.0, 1.0, 1.0)
            continue
        learners: list[Any] = [LogisticRegression(max_iter=1000)]
        if mlp:
            learners.append(MLPClassifier((256, 256), alpha=0.01, early_stopping=True, max_iter=100, random_state=seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a probe at its last step is still a lower bound
            scores = [
                float(learner.fit(scaled[fitted], values[fitted]).score(scaled[tested], values[tested]))
                for learner in learners
            ]
        found[name] = (scores[0], scores[1] if mlp else float("nan"), chance)
    return found


def distance_correlation(x: Array, y: Array) -> float:
    """Distance correlation of two samples (n, p) and (n, q), by double centring (Székely et al. 2007): 0 to 1."""
    a, b = _centred(x), _centred(y)
    spread = np.sqrt((a * a).mean() * (b * b).mean())
    return float(np.sqrt(max((a * b).mean(), 0) / spread)) if spread > 0 else 0.0


def independence(x: Array, y: Array, *, draws: int = 199, seed: int = 0) -> tuple[float, float]:
    """Return the distance correlation and the p value of a permutation test of independence."""
    a, b = _centred(x), _centred(y)
    covariance = (a * b).mean()
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(len(b)) for _ in range(draws))
    as_large = sum((a * b[np.ix_(o, o)]).mean() >= covariance for o in orders)
    return distance_correlation(x, y), (1 + int(as_large)) / (1 + draws)


def _centred(x: Array) -> Array:
    distance = np.sqrt(np.maximum(((x[:, None] - x[None]) ** 2).sum(-1), 0))
    return np.asarray(distance - distance.mean(0) - distance.mean(1)[:, None] + distance.mean())


def transfer_errors(drawn: Array, first: Array, second: Array, truth: Array) -> tuple[float, float]:
    """Return the squared error of transferred pictures, and its ratio to the better trivial answer.

    Parameters
    ----------
    drawn
        (pair, y, x, channel) in [0, 1], with the content of the first image and the style of the second.
    first, second
        The two images: the trivial answers.
    truth
        What the picture should be.
    """
    error, *copies = (float(((p - truth) ** 2).mean()) for p in (drawn, first, second))
    return error, error / max(min(copies), 1e-12)


def role_maps(count: int) -> list[tuple[bool, ...]]:
    """List all ways to call factors style (True) or content, but for all content and all style."""
    return [roles for roles in itertools.product((False, True), repeat=count) if 0 < sum(roles) < count]


def best_roles(
    drawn: Array, pairs: tuple[Array, Array], images: Array, truth: Truth, count: int
) -> tuple[tuple[bool, ...], float]:
    """Choose the role of each factor on one half of the pairs, and measure it on the other.

    The map of least ratio is taken, not of least error: that would favour maps whose truth is nearly an input.

    Parameters
    ----------
    drawn
        (pair, y, x, channel) in [0, 1].
    pairs
        Positions of the images that gave content and style.
    images
        (image, y, x, channel) in [0, 1].
    truth
        ``(first, second, roles) -> pictures`` in [0, 1], with the factors called style from the second.

    Returns
    -------
    tuple
        The map, and its ratio on the second half.
    """
    half = len(drawn) // 2
    parts = slice(0, half), slice(half, None)

    def ratio(roles: tuple[bool, ...], part: slice) -> float:
        first, second = (p[part] for p in pairs)
        return transfer_errors(drawn[part], images[first], images[second], truth(first, second, roles))[1]

    chosen = min(role_maps(count), key=lambda roles: ratio(roles, parts[0]))
    return chosen, ratio(chosen, parts[1])


def summary(found: Mapping[str, tuple[float, float, float]], names: Sequence[str], probe: int = 0) -> float:
    """Return the largest excess over chance among the factors named, of the linear (0) or the MLP probe (1)."""
    return max(found[name][probe] - found[name][2] for name in names)
