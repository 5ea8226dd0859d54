"""See, measure and compare what unsupervised disentanglement finds in images.

The verbs, in the order in which they are used: `load`, `fit`, `encode`, `evaluate`, then `views`, `explore`,
`dashboard` and `report`. Everything is loaded on first use: importing the package costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    # load -> fit -> encode -> evaluate -> draw -> explore
    "load": "data",
    "fit": "training",
    "encode": "encoding",
    "decode": "encoding",
    "traverse": "encoding",
    "swap": "encoding",
    "evaluate": "metrics",
    "explore": "widgets",
    "dashboard": "dashboards",
    "report": "reports",
    "open_run": "runs",
    "Run": "runs",
    # the doors for data from anywhere
    "as_images": "schema",
    "as_latents": "schema",
    # what is installed
    "methods": "registry",
    "datasets": "registry",
    "panels": "registry",
    "plugins": "registry",
    # what a plugin is made of
    "Method": "contract",
    "Metric": "contract",
    "DataSource": "contract",
    "Panel": "contract",
    "Paper": "contract",
    "Fidelity": "contract",
    "ImageSpec": "contract",
    "Unit": "contract",
    "knob": "config",
    "hookimpl": "hookspecs",
}
# `metrics` is both a folder and a verb: calling the module lists the installed metrics
_MODULES = ("cards", "contract", "data", "metrics", "nn", "schema", "testing", "training", "views", "widgets")

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"distoolkit.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"distoolkit.{_HOME[name]}"), name)
    raise AttributeError(f"module 'distoolkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from distoolkit import cards, contract, data, metrics, nn, schema, testing, training, views, widgets
    from distoolkit.config import knob
    from distoolkit.contract import DataSource, Fidelity, ImageSpec, Method, Metric, Panel, Paper, Unit
    from distoolkit.dashboards import dashboard
    from distoolkit.data import load
    from distoolkit.encoding import decode, encode, swap, traverse
    from distoolkit.hookspecs import hookimpl
    from distoolkit.metrics import evaluate
    from distoolkit.registry import datasets, methods, panels, plugins
    from distoolkit.reports import report
    from distoolkit.runs import Run, open_run
    from distoolkit.schema import as_images, as_latents
    from distoolkit.training import fit
    from distoolkit.widgets import explore
