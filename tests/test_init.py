"""`import distoolkit` is light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import distoolkit as dt

HEAVY = ("torch", "lightning_fabric", "holoviews", "panel", "bokeh", "matplotlib", "xarray", "numpy", "ipywidgets")


def test_import_loads_nothing_heavy():
    code = f"import sys, distoolkit; print([m for m in {HEAVY!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_listing_what_is_installed_imports_no_torch():
    code = """if True:
        import sys, distoolkit as dt
        dt.methods(), dt.datasets(), dt.metrics(), dt.panels()
        print('torch' in sys.modules)"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "False"


@pytest.mark.parametrize("name", dt.__all__)
def test_every_public_name_can_be_reached(name: str):
    assert getattr(dt, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'fitt'"):
        dt.fitt  # noqa: B018
