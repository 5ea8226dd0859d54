"""Colours that say what kind of thing they stand for, and that the colour-blind can tell apart.

Categories get the palette of Okabe and Ito (Color Universal Design, 2008), ordered values a dark-to-light ramp,
circular values a ring that comes back to where it started. The pale ends are cut off: they vanish on white.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6d00", "#444444")
_ORDERED = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d8d219")
_CIRCULAR = ("#b3b4c4", "#5c86c9", "#2b1b4d", "#b04a4c", "#b3b4c4")
_MANY = ("#30123b", "#4662d7", "#36a8f9", "#1ae4b6", "#72fe5e", "#c7ef34", "#faba39", "#f66b19", "#ca2a04", "#7a0403")
SEQUENTIAL = ("#f7fafd", "#d3e3f3", "#9cc6e4", "#5aa1cf", "#2171b5", "#0b3d78")
DIVERGING = ("#8c3b0a", "#d98b4a", "#f3d9bd", "#f8f8f8", "#c3dcec", "#4f97c4", "#0d4a80")


def palette(kind: str, count: int) -> list[str]:
    """Return ``count`` colours for the values of a factor of this kind (``categorical``, ``ordered``, ``circular``).

    Beyond eight categories no palette keeps all apart; neighbours then get similar colours and the labels decide.
    """
    if kind == "categorical":
        return list(OKABE_ITO[:count]) if count <= len(OKABE_ITO) else ramp(_MANY, count)
    if kind == "circular":
        return ramp(_CIRCULAR, count + 1)[:count]
    return ramp(_ORDERED, count)


def ramp(anchors: Sequence[str], count: int) -> list[str]:
    """Return ``count`` colours evenly spaced along a line through the anchors."""
    corners = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], dtype=float)
    places = np.linspace(0, len(anchors) - 1, count) if count > 1 else np.zeros(count)
    channels = [np.interp(places, np.arange(len(anchors)), corner) for corner in corners.T]
    return ["#" + "".join(f"{round(c):02x}" for c in colour) for colour in zip(*channels, strict=True)]
