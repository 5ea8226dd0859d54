from __future__ import annotations

import numpy as np
import pytest

from distoolkit import schema
from distoolkit.metrics.modularity import modularity, of_units
from distoolkit.testing.codes import known_code

SIX = ("perfect", "rotated", "permuted_noisy", "duplicated", "random", "partly_inactive")


def score(latents, **settings) -> float:
    return float(modularity(latents, **settings)["score"][0])


def test_of_units_by_hand():
    mutual = np.array([[0.4, 0.0, 0.2], [0.2, 0.0, 0.2], [0.0, 0.0, 0.2]])
    assert of_units(mutual) == pytest.approx([1 - 0.04 / (0.16 * 2), 0.0, 0.0])


@pytest.mark.parametrize("name", SIX)
def test_agrees_with_disentanglement_lib_over_every_unit(name, reference):
    expected = reference["disentanglement_lib"][name]["modularity_only"]["modularity_score"]
    # codes are stored as float32, which moves a few values across the edge of a bin
    assert score(known_code(name, "dsprites", 10_000), active=0.0) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("name", ["perfect", "random", "partly_inactive"])
def test_replays_disentanglement_lib(name, whole_grid, reference):
    expected = reference["disentanglement_lib"][name]["modularity_explicitness"]["modularity_score"]
    assert score(whole_grid(name), protocol="disentanglement_lib") == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("name", ["perfect", "permuted", "duplicated", "constant", "vector", "single_factor"])
def test_units_of_one_factor_score_1(name):
    assert score(known_code(name)) == pytest.approx(1.0, abs=1e-9)


def test_a_dead_unit_counts_0_only_under_the_protocol():
    dead = known_code("constant")
    assert score(dead) == pytest.approx(1.0)
    assert score(dead, protocol="disentanglement_lib") == pytest.approx(0.8, abs=0.02)


def test_idle_units_are_left_out_and_the_note_has_the_other_mean(reference):
    scores = modularity(known_code("partly_inactive", "dsprites", 10_000))
    card = schema.attribute(scores, "card")
    assert card["active_units"] == 5
    everything = reference["disentanglement_lib"]["partly_inactive"]["modularity_only"]["modularity_score"]
    assert float(card["notes"][0].split()[-1]) == pytest.approx(everything, abs=5e-4)
    assert float(scores["score"][0]) > everything + 0.05
