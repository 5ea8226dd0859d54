"""Scores of a latent Dataset.

The module can be called: ``distoolkit.metrics()`` lists the installed metrics, as ``distoolkit.methods()`` lists the
methods. Everything is loaded on first use, so that listing the metrics does not load what computes them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from distoolkit.contract import Metric
from distoolkit.registry import Catalogue
from distoolkit.registry import metrics as installed

# none of these functions is called like a module of this package, which would take its place
_HOME = {
    "card": "evaluation",
    "evaluate": "evaluation",
    "frechet_distance": "frechet",
    "identity_code": "evaluation",
    "udr": "ranking",
}

__all__ = ["card", "evaluate", "frechet_distance", "identity_code", "installed", "udr"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"distoolkit.metrics.{_HOME[name]}"), name)
    raise AttributeError(f"module 'distoolkit.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Metrics(ModuleType):
    def __call__(self) -> Catalogue[Metric]:
        """List the installed metrics."""
        return installed()


sys.modules[__name__].__class__ = _Metrics

if TYPE_CHECKING:
    from distoolkit.metrics.evaluation import card, evaluate, identity_code
    from distoolkit.metrics.frechet import frechet_distance
    from distoolkit.metrics.ranking import udr
