"""Pictures: each view takes a Dataset and returns a HoloViews element.

=====================  =====================================================================================
`draw`                 the usual picture of a Dataset of any kind
`images`               a contact sheet
`reconstructions`      images above what one or several models make of them
`traversal`, `swap`    rows and columns of decoded images
`scatter`              two entries of the code, coloured by a factor
`response`, `responses`  how a unit answers as one factor varies
`heatmap`              any factor-by-unit matrix of a scores Dataset
`history`              training curves
`scores`, `score_table`  several runs and seeds side by side
`static`, `export`     any of these as a picture that needs no kernel, or as a file
`provenance`           what `export` wrote into a file about its data
=====================  =====================================================================================

In a notebook, the first view loads what the browser needs (about 3 MB into that cell's output, so that it works
offline); call `notebook` in a cell of its own to say where. Nothing here is loaded before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "draw": "drawing",
    "images": "pictures",
    "reconstructions": "pictures",
    "traversal": "pictures",
    "swap": "pictures",
    "scatter": "codes",
    "response": "codes",
    "responses": "codes",
    "heatmap": "matrices",
    "history": "curves",
    "scores": "comparison",
    "score_table": "comparison",
    "static": "rendering",
    "Picture": "rendering",
    "export": "exporting",
    "provenance": "exporting",
    "notebook": "backend",
}

# written out, so that type checkers can read it; a test keeps it equal to the names above
__all__ = [
    "Picture",
    "draw",
    "export",
    "heatmap",
    "history",
    "images",
    "notebook",
    "provenance",
    "reconstructions",
    "response",
    "responses",
    "scatter",
    "score_table",
    "scores",
    "static",
    "swap",
    "traversal",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"distoolkit.views.{_HOME[name]}"), name)
    raise AttributeError(f"module 'distoolkit.views' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from distoolkit.views.backend import notebook
    from distoolkit.views.codes import response, responses, scatter
    from distoolkit.views.comparison import score_table, scores
    from distoolkit.views.curves import history
    from distoolkit.views.drawing import draw
    from distoolkit.views.exporting import export, provenance
    from distoolkit.views.matrices import heatmap
    from distoolkit.views.pictures import images, reconstructions, swap, traversal
    from distoolkit.views.rendering import Picture, static
