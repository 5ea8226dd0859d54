"""The built-in panels of the dashboard and the report."""

from __future__ import annotations

from distoolkit.contract import Panel


def _panel(name: str, summary: str, needs: str) -> Panel:
    return Panel(
        name=name, summary=summary, build=f"distoolkit.views.panels:draw_{name}", needs=frozenset(needs.split())
    )


PANELS: tuple[Panel, ...] = (
    _panel("traversal", "decoded images as one unit changes and the others stay", "traversal"),
    _panel("scatter", "two entries of the code, coloured by a factor", "latents"),
    _panel("heat_map", "which unit carries which factor", "scores"),
    _panel("responses", "how the unit closest to each factor follows it", "latents"),
    _panel("images", "the first images of the data", "images"),
    _panel("history", "training curves", "history"),
    _panel("scores", "all scores", "scores"),
)
