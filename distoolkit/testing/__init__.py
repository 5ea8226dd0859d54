"""Checks for plugin authors: does my method, metric or data set keep the contract?

Each check returns quietly or raises one `ContractError` that lists every fault in plain words::

    def test_my_method() -> None:
        distoolkit.testing.check_method("my_method")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "ContractError": "faults",
    "check_datasource": "records",
    "check_devices": "devices",
    "check_method": "methods",
    "check_metric": "metrics",
    "check_panel": "records",
    "known_code": "codes",
    "one_device": "devices",
    "tiny_images": "data",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"distoolkit.testing.{_HOME[name]}"), name)
    raise AttributeError(f"module 'distoolkit.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from distoolkit.testing.codes import known_code as known_code
    from distoolkit.testing.data import tiny_images as tiny_images
    from distoolkit.testing.devices import check_devices as check_devices
    from distoolkit.testing.devices import one_device as one_device
    from distoolkit.testing.faults import ContractError as ContractError
    from distoolkit.testing.methods import check_method as check_method
    from distoolkit.testing.metrics import check_metric as check_metric
    from distoolkit.testing.records import check_datasource as check_datasource
    from distoolkit.testing.records import check_panel as check_panel
