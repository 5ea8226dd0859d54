"""Scores of a latent Dataset.

The module can be called: ``distoolkit.metrics()`` lists the installed metrics, as ``distoolkit.methods()`` lists the
methods.
"""

from __future__ import annotations

import sys
from types import ModuleType

from distoolkit.contract import Metric
from distoolkit.metrics.evaluation import card, evaluate
from distoolkit.metrics.frechet import frechet_distance
from distoolkit.metrics.udr import udr
from distoolkit.registry import Catalogue
from distoolkit.registry import metrics as installed

__all__ = ["card", "evaluate", "frechet_distance", "installed", "udr"]


class _Metrics(ModuleType):
    def __call__(self) -> Catalogue[Metric]:
        """List the installed metrics."""
        return installed()


sys.modules[__name__].__class__ = _Metrics
