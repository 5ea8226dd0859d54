from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.contract import DataError
from distoolkit.metrics.reconstruction import psnr


def test_mean_and_ratio_by_hand():
    latents = dt.as_latents(np.zeros((2, 3)), reconstruction_mse=[0.01, 0.03])
    scores = dt.evaluate(latents, "reconstruction")
    assert scores["score"].values == pytest.approx([0.02, -10 * np.log10(0.02)])
    assert scores["higher_is_better"].values.tolist() == [False, True]


def test_a_perfect_picture_has_a_finite_ratio():
    assert psnr(0.0) == 100.0


def test_a_model_that_cannot_decode_has_no_such_score():
    with pytest.raises(DataError, match="reconstruction needs reconstruction errors: encode with a model that can"):
        dt.evaluate(dt.as_latents(np.zeros((2, 3))), "reconstruction")
