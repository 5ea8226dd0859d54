"""The picture of the scores, by its pixels: where the dots stand, what is hollow, which cells are dark."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from distoolkit.views.colours import OKABE_ITO, SEQUENTIAL
from distoolkit.widgets.dots import AXIS_WIDTH, CELL, MAP_WIDTH, ROW, Dot, Share, drawn

HEAD = 30
SHARE = Share(np.array([[1.0, 0.0], [0.0, 0.5]]), ["a", "b"], ["u", "v"])


def where(image: Any, colour: str, tolerance: int = 12) -> np.ndarray:
    """Give the (y, x) of the pixels of a colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return np.argwhere((np.abs(np.asarray(image).astype(int) - wanted) <= tolerance).all(axis=-1))


def centres(image: Any, rows: int) -> list[float]:
    """Give the middle of the blue in each row."""
    found = where(image, OKABE_ITO[0])
    inside = [found[(found[:, 0] >= HEAD + ROW * i) & (found[:, 0] < HEAD + ROW * (i + 1))] for i in range(rows)]
    return [float(np.median(one[:, 1])) if len(one) else math.nan for one in inside]


def test_a_dot_stands_at_its_score_and_beyond_the_scale_at_the_edge() -> None:
    values = [0.0, 0.25, 1.0, 7.3, -2.0]
    image = drawn([Dot("m", value) for value in values], SHARE)
    found = np.array(centres(image, len(values)))
    np.testing.assert_allclose(found - found[0], [0, AXIS_WIDTH / 4, AXIS_WIDTH, AXIS_WIDTH, 0], atol=1.5)


def test_a_line_leads_from_the_perfect_code_to_the_dot() -> None:
    image = drawn([Dot("m", 0.25, 0.75), Dot("m", 0.5, 0.5), Dot("m", 0.5)], SHARE)
    line = where(image, OKABE_ITO[3])
    assert (line[:, 0] < HEAD + ROW).all()  # the second has not moved, the third has nothing to be compared with
    first = centres(image, 3)[0]
    assert line[:, 1].max() - first == pytest.approx(AXIS_WIDTH / 2, abs=3)
    ink = where(image, "#24292f")
    bars = {i: np.sum((ink[:, 0] == HEAD + ROW * i + 4) & (ink[:, 1] > first)) for i in range(3)}
    assert bars[0] > 0 and bars[1] > 0 and bars[2] == 0  # noqa: PT018 - one fact


def test_an_old_score_is_hollow_and_grey_and_a_missing_one_has_no_dot() -> None:
    fresh = drawn([Dot("m", 0.5, 0.9)], SHARE)
    old = drawn([Dot("m", 0.5, 0.9, fresh=False)], SHARE)
    missing = drawn([Dot("m", math.nan, 0.9)], SHARE)
    x = round(centres(fresh, 1)[0])
    y = HEAD + ROW // 2
    assert np.asarray(old)[y - 2, x].tolist() == [255, 255, 255]
    for image in (old, missing):
        assert len(where(image, OKABE_ITO[0])) == len(where(image, OKABE_ITO[3])) == 0


def test_the_map_is_dark_where_a_unit_knows_a_factor() -> None:
    image = drawn([Dot("m", 0.5)], SHARE)
    dark = where(image, SEQUENTIAL[-1], tolerance=2)
    assert len(dark) == (CELL - 1) ** 2  # one cell: the first factor and unit
    top, left = dark.min(axis=0)
    assert top == HEAD
    pixels = np.asarray(image).astype(int)

    def darkness(row: int, column: int) -> int:
        return 765 - int(pixels[top + CELL * row + CELL // 2, left + CELL * column + CELL // 2].sum())

    assert darkness(0, 0) > darkness(1, 1) > darkness(0, 1) == darkness(1, 0)


def test_many_units_still_fit() -> None:
    share = Share(np.ones((2, 60)), ["a", "b"], [f"unit{j}" for j in range(60)])
    image = drawn([Dot("m", 0.5)], share)
    dark = where(image, SEQUENTIAL[-1], tolerance=2)
    assert np.ptp(dark[:, 1]) < MAP_WIDTH
    assert image.size[0] == drawn([Dot("m", 0.5)], SHARE).size[0]
