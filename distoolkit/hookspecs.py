"""The four hooks of a plugin, and the two markers.

Each hook returns a list of records. A plugin is any module or object that an entry point in the group
``distoolkit`` names::

    from distoolkit.hookspecs import hookimpl

    @hookimpl
    def distoolkit_methods():
        return [METHOD]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from distoolkit.contract import DataSource, Method, Metric, Panel

GROUP = "distoolkit"
"""Name of the project, of the hook prefix and of the entry-point group."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def distoolkit_methods() -> list[Method[Any]]:  # type: ignore[empty-body]
    """Methods that can be fitted."""


@hookspec
def distoolkit_metrics() -> list[Metric]:  # type: ignore[empty-body]
    """Scores of a latent Dataset."""


@hookspec
def distoolkit_datasets() -> list[DataSource]:  # type: ignore[empty-body]
    """Data sets that can be loaded by name."""


@hookspec
def distoolkit_panels() -> list[Panel]:  # type: ignore[empty-body]
    """Pictures of a dashboard or report."""
