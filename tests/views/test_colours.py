from __future__ import annotations

import numpy as np
import pytest

from distoolkit.views.colours import OKABE_ITO, palette, ramp


def rgb(colours):
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=float)


@pytest.mark.parametrize("kind", ["categorical", "ordered", "circular"])
@pytest.mark.parametrize("count", [1, 2, 8, 9, 40])
def test_a_palette_has_as_many_colours_as_asked_and_no_two_the_same(kind, count):
    colours = palette(kind, count)
    assert len(colours) == count
    assert len(set(colours)) == count


def test_categories_get_the_palette_of_okabe_and_ito():
    assert palette("categorical", 3) == list(OKABE_ITO[:3])


def test_ordered_values_grow_lighter():
    luminance = rgb(palette("ordered", 12)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_a_circle_ends_one_step_before_it_started():
    colours = rgb(palette("circular", 24))
    steps = np.abs(np.diff(np.vstack([colours, colours[:1]]), axis=0)).sum(axis=1)
    assert steps[-1] < 1.5 * steps.mean()


def test_no_colour_vanishes_on_white():
    for kind in ("categorical", "ordered", "circular"):
        assert (rgb(palette(kind, 30)) @ [0.2126, 0.7152, 0.0722]).max() < 225


def test_a_ramp_passes_through_its_anchors():
    assert ramp(["#000000", "#ff0000", "#ffffff"], 5) == ["#000000", "#800000", "#ff0000", "#ff8080", "#ffffff"]
