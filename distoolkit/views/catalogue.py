"""The built-in panels of the dashboard and the report."""

from __future__ import annotations

from distoolkit.contract import Panel

PANELS: tuple[Panel, ...] = ()
