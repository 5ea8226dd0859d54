"""The classifiers of scikit-learn that several metrics use, with what is common to them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from distoolkit.metrics.table import Floats, Ints


class Constant:
    """The classifier for labels of a single value: it always says that value."""

    def __init__(self, value: int) -> None:
        self.classes_ = np.array([value])

    def predict(self, code: Floats) -> Ints:
        """Return the value for every row."""
        return np.full(len(code), self.classes_[0])

    def predict_proba(self, code: Floats) -> Floats:
        """Return certainty for every row."""
        return np.ones((len(code), 1))


def logistic(code: Floats, labels: Ints, **settings: Any) -> Any:
    """Fit scikit-learn's multinomial logistic regression.

    Its optimiser stops after 100 iterations, as in the field's code, whether or not it has converged; the warning
    about it is of no use to the reader of a score and is left out.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if (labels == labels[0]).all():
        return Constant(int(labels[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(**settings).fit(code, labels)


def standardise(train: Floats, *others: Floats) -> list[Floats]:
    """Scale by the mean and standard deviation of the first; a column that is constant there becomes 0."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(np.ptp(train, axis=0) == 0, np.inf, deviation)
    return [(code - mean) / deviation for code in (train, *others)]
