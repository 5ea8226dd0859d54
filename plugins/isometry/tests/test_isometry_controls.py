"""Negative controls: for each assumption, data that break it and the doubt that has to be raised."""

from __future__ import annotations

import pytest
from distoolkit_isometry.doubts import IsometryWarning
from distoolkit_isometry.spectral import hessian_ica

from bench.isometry_controls import CONTROLS
from distoolkit.contract import MethodWarning


@pytest.mark.parametrize("name", CONTROLS)
def test_a_broken_assumption_is_reported(name):
    points, factors = CONTROLS[name].draw(0)
    with pytest.warns(IsometryWarning) as caught:
        found = hessian_ica(points, factors.shape[1])
    assert tuple(str(warning.message) for warning in caught) == found.doubts
    for words in CONTROLS[name].doubts:
        assert any(words in doubt for doubt in found.doubts), found.doubts


def test_equal_images_are_merged():
    points, _ = CONTROLS["factors on a grid"].draw(0)
    with pytest.warns(IsometryWarning):
        found = hessian_ica(points, 2)
    assert len(found.index) == 121  # 11 by 11 places


def test_the_doubts_can_be_told_from_other_warnings():
    assert issubclass(IsometryWarning, MethodWarning)
