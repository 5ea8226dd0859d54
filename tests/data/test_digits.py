"""scikit-learn's digits."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

import distoolkit as dt


def test_the_digits_are_scikit_learns():
    images = dt.load("digits", size=8)
    assert images["image"].shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(images["factors"].values[:, 0], load_digits().target)
    sixteenths = load_digits().images
    np.testing.assert_array_equal(images["image"].values[..., 0], np.rint(sixteenths * 255 / 16))
    assert images["image"].values.max() == 255


def test_enlarged_digits_keep_their_brightness():
    small = dt.load("digits", size=8, sample=20)["image"].values.mean(axis=(1, 2, 3))
    large = dt.load("digits", size=32, sample=20)["image"]
    assert large.shape == (20, 32, 32, 1)
    np.testing.assert_allclose(large.values.mean(axis=(1, 2, 3)), small, rtol=0.1)


def test_digits_are_selected_by_class():
    assert dt.load("digits").sel(digit=[3, 8]).sizes["sample"] == np.isin(load_digits().target, [3, 8]).sum()
