"""Sprites in colour on a graded background: a grid whose every picture can be drawn.

The outlines are those of the data set ``sprites``, here large: a sixth of the picture on average, since small
bright things on black can be left out at hardly any cost in the reconstruction.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from distoolkit.data.grid import Factor
from distoolkit.data.sprites import in_ellipse, in_heart, in_square
from distoolkit_csdismo.digits import COLOURS, paint

SIZE = 32
GRID = (
    Factor("shape", 3, "categorical", ("square", "ellipse", "heart")),
    Factor("scale", 3),
    Factor("orientation", 3),
    Factor("x", 3),
    Factor("y", 3),
    Factor("foreground", COLOURS, "circular"),
    Factor("background", COLOURS, "circular"),
)
# all within a quarter turn, so that a square's orientation can be seen, too
_SCALES, _ANGLES, _PLACES = np.array([1.2, 1.5, 1.8]), np.deg2rad([0.0, 30.0, 60.0]), np.array([-5.0, 0.0, 5.0])
_RAYS = 2  # points along each side of a pixel


def draw(factors: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Draw sprites (image, factor), with values as numbers in `GRID`: (image, y, x, channel) uint8."""
    shape, step, turn, column, row, foreground, background = factors.T
    place = np.arange(_RAYS * SIZE) + 0.5 - _RAYS * SIZE / 2
    right = (place[None] - _PLACES[column][:, None])[:, None, :]
    down = (place[None] - _PLACES[row][:, None])[:, :, None]
    angle, scale = _ANGLES[turn][:, None, None], _SCALES[step][:, None, None]
    u = (np.cos(angle) * right - np.sin(angle) * down) / scale
    v = (np.sin(angle) * right + np.cos(angle) * down) / scale
    inside = np.empty(u.shape)
    for kind, test in enumerate((in_square, in_ellipse, in_heart)):
        chosen = shape == kind
        inside[chosen] = test(u[chosen], v[chosen])
    ink = inside.reshape(-1, SIZE, _RAYS, SIZE, _RAYS).mean((2, 4))
    return paint(ink, foreground, background)
