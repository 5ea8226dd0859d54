from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest


@pytest.fixture
def linear() -> types.ModuleType:
    """Return the module of the little method, fresh for every test."""
    spec = importlib.util.spec_from_file_location("linear_method", Path(__file__).with_name("linear_method.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
