"""A live page about a run or several: select codes and see their images, tap a cell and see the response."""

from distoolkit.dashboards.app import Dashboard, dashboard
from distoolkit.dashboards.serving import serve

__all__ = ["Dashboard", "dashboard", "serve"]
