"""The rotation: known sources, local optima, and the two tests of what cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from distoolkit_isometry.doubts import dependence, gaussian, strongest_dependence
from distoolkit_isometry.ica import (
    best_angle,
    fast_ica,
    gaussian_threshold,
    independent,
    jacobi,
    negentropy,
)
from distoolkit_isometry.turn import Turn, independent_turn


def white(sources, seed=0):
    generator = np.random.default_rng(seed)
    centred = sources - sources.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(centred.T, bias=True))
    turn = np.linalg.qr(generator.standard_normal(2 * (sources.shape[1],)))[0]
    return centred @ (vectors / np.sqrt(values)) @ turn


def draw(kind, count, latents, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "uniform": lambda: generator.uniform(size=(count, latents)),
        "laplace": lambda: generator.laplace(size=(count, latents)),
        "skewed": lambda: generator.beta(2, 6, size=(count, latents)),
        "normal": lambda: generator.standard_normal((count, latents)),
    }[kind]()


@pytest.mark.parametrize("kind", ["uniform", "laplace", "skewed"])
@pytest.mark.parametrize("latents", [2, 4])
def test_sources_are_recovered(kind, latents, match):
    sources = draw(kind, 3000, latents)
    mixed = white(sources)
    found = independent(mixed)
    assert match(sources, mixed @ found.rotation).min() > 0.99
    np.testing.assert_allclose(found.rotation.T @ found.rotation, np.eye(latents), atol=1e-10)
    assert found.gaussian == 0


def test_the_log_cosh_contrast_recovers_symmetric_sources(match):
    sources = draw("laplace", 3000, 3)
    mixed = white(sources)
    assert match(sources, mixed @ independent(mixed, "logcosh").rotation).min() > 0.995


def test_skewed_sources_escape_a_contrast_that_is_blind_to_skewness(match):
    sources = draw("skewed", 3000, 2)
    mixed = white(sources)
    by_skew = match(sources, mixed @ independent(mixed, "cumulants").rotation).min()
    assert by_skew > match(sources, mixed @ independent(mixed, "logcosh").rotation).min() + 0.01


def test_a_pair_turns_to_the_maximum_of_the_whole_circle():
    mixed = white(draw("skewed", 2000, 2))
    angle, gain = best_angle(mixed[:, 0], mixed[:, 1])

    def score(a):
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        return negentropy(mixed @ turn.T).sum()

    grid = max(score(a) for a in np.linspace(-np.pi / 4, np.pi / 4, 2000))
    assert score(angle) >= grid - 1e-12
    assert gain == pytest.approx(score(angle) - score(0.0), abs=1e-9)


def test_negentropy_of_known_distributions():
    generator = np.random.default_rng(0)
    uniform = generator.uniform(-np.sqrt(3), np.sqrt(3), 400_000)
    exponential = generator.exponential(size=400_000) - 1
    found = negentropy(np.stack([uniform, exponential], axis=1))
    assert found[0] == pytest.approx(1.2**2 / 48, rel=0.02)  # excess kurtosis -6/5
    assert found[1] == pytest.approx(2**2 / 12 + 6**2 / 48, rel=0.1)  # skewness 2, excess kurtosis 6


def test_restarts_reach_the_best_optimum_from_any_rotation(match):
    sources = draw("uniform", 1500, 4)
    worst = [match(sources, m @ independent(m).rotation).min() for m in (white(sources, seed) for seed in range(20))]
    assert min(worst) > 0.98


def test_single_starts_of_fast_ica_and_jacobi_agree_where_it_is_easy(match):
    sources = draw("uniform", 3000, 2)
    mixed = white(sources)
    for rotate in (jacobi, fast_ica):
        assert match(sources, mixed @ rotate(mixed, np.eye(2))).min() > 0.999


@pytest.mark.parametrize("latents", [2, 3, 4])
def test_gaussian_codes_look_gaussian(latents):
    found = [independent(white(draw("normal", 2000, latents, seed)), restarts=3).gaussian for seed in range(8)]
    assert min(found) >= 2
    assert "look Gaussian" in gaussian(independent(white(draw("normal", 2000, latents))))


def test_one_gaussian_factor_is_allowed(match):
    sources = np.hstack([draw("uniform", 3000, 2), draw("normal", 3000, 1)])
    mixed = white(sources)
    found = independent(mixed)
    assert found.gaussian == 1
    assert not gaussian(found)
    assert match(sources, mixed @ found.rotation).min() > 0.99


def test_the_threshold_falls_with_the_sample_and_stays_above_a_floor():
    assert gaussian_threshold(100) == 0.06
    assert gaussian_threshold(10**6) == 0.003


def test_dependent_components_are_noticed():
    uniform = draw("uniform", 2000, 2) - 0.5
    assert strongest_dependence(uniform) < 0.1
    assert not dependence(uniform)
    bent = np.stack([uniform[:, 0], uniform[:, 0] ** 2 + 0.02 * uniform[:, 1]], axis=1)
    assert strongest_dependence(bent) > 0.9
    assert "not independent" in dependence(bent)
    assert strongest_dependence(uniform[:, :1]) == 0.0


def test_a_turn_keeps_lengths_and_goes_back(match):
    import torch

    sources = draw("uniform", 3000, 2) * [3.0, 1.0]
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0]
    codes = sources @ rotation + 5
    turn = Turn(2)
    turn.fit(codes, "cumulants", 4, 0)
    code = torch.from_numpy(codes).float()
    turned = turn(code)
    torch.testing.assert_close(turn.back(turned), code, atol=1e-4, rtol=1e-4)
    assert match(sources, turned.numpy()).min() > 0.999
    np.testing.assert_allclose(np.sort(turned.numpy().std(axis=0)), np.sort(sources.std(axis=0)), rtol=0.02)


def test_a_dead_direction_is_reported_and_left_alone():
    codes = np.column_stack([draw("uniform", 1000, 2), np.full(1000, 0.7)])
    _, matrix, found, doubts = independent_turn(codes, "cumulants", 4, 0)
    assert "1 of 3 directions" in doubts[0]
    assert found.rotation.shape == (2, 2)
    assert np.linalg.matrix_rank(matrix) == 3
