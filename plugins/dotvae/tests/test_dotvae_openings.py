"""When dimensions open, how the pressure rises, and what decides whether one is kept."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from distoolkit_dotvae import METHOD, Config
from distoolkit_dotvae.acceptance import figures
from distoolkit_dotvae.openings import Figures, Plan, Trial, Window, passes, stopped_because

from distoolkit.config import configure
from distoolkit.contract import ConfigError
from distoolkit.testing import tiny_images
from distoolkit.training import start

GOOD = Figures(kl=2.0, recovery=0.9, correlation=0.95, change=0.05)
CONFIG = Config(
    latents=5, steps=1000, pretrain_share=0.2, window_share=0.05, consolidate_share=0.1, beta_start=1.0, beta_end=8.0
)


def play(plan: Plan, passed: Callable[[Window], bool]) -> list[Trial]:
    """Go through the windows of a run whose tests turn out as told."""
    trials: list[Trial] = []
    while (window := plan.next_window(trials)) is not None:
        verdict = plan.verdict(window, passed(window), len(trials))
        trials.append(Trial(window.dimension, window.attempt, 0, GOOD, verdict))
    return trials


def told(trials: Iterable[Trial]) -> list[tuple[int, int, str]]:
    return [(t.dimension, t.attempt, t.verdict) for t in trials]


def test_the_steps_are_split_by_the_shares() -> None:
    plan = Plan.of(CONFIG)
    assert (plan.pretrain, plan.window, plan.windows) == (200, 50, 14)
    assert plan.consolidation([]) == 800
    trials = play(plan, lambda window: True)
    assert plan.consolidation(trials) == 800 - 5 * 50
    tiny = Plan.of(dataclasses.replace(CONFIG, steps=10))
    assert (tiny.pretrain, tiny.window, tiny.windows) == (2, 1, 7)


def test_shares_that_leave_no_window_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    told = (
        r"pretrain_share = 0\.8, window_share = 0\.08 and consolidate_share = 0\.8 are not allowed together: of 3000 "
        r"steps they leave 0 to the openings, and one window takes 240; lower pretrain_share or consolidate_share"
    )
    with pytest.raises(ConfigError, match=told):
        configure(METHOD.config, pretrain_share=0.8, consolidate_share=0.8)
    with pytest.raises(ConfigError, match="they leave 239 to the openings, and one window takes 240"):
        configure(METHOD.config, pretrain_share=0.8, consolidate_share=361 / 3000)
    with pytest.raises(ConfigError, match="not allowed together"):
        start(METHOD, tiny_images(), folder=tmp_path / "run", device="cpu", pretrain_share=0.5, consolidate_share=0.5)
    assert not (tmp_path / "run").exists()
    assert Plan.of(configure(METHOD.config, pretrain_share=0.8, consolidate_share=0.12)).windows == 1


def test_dimensions_open_one_by_one_and_at_most_k() -> None:
    assert told(play(Plan.of(CONFIG), lambda window: True)) == [(i, 1, "accepted") for i in range(5)]


def test_a_dimension_gets_a_second_window_before_it_is_closed() -> None:
    trials = play(Plan.of(CONFIG), lambda window: window != Window(1, 1))
    assert told(trials)[:4] == [(0, 1, "accepted"), (1, 1, "retry"), (1, 2, "accepted"), (2, 1, "accepted")]
    assert [t.dimension for t in trials if t.verdict == "accepted"] == [0, 1, 2, 3, 4]


def test_two_closed_in_a_row_stop_the_openings() -> None:
    plan = Plan.of(CONFIG)
    trials = play(plan, lambda window: window.dimension == 0)
    assert told(trials) == [
        *[(0, 1, "accepted"), (1, 1, "retry"), (1, 2, "closed")],
        *[(2, 1, "retry"), (2, 2, "closed")],
    ]
    assert stopped_because(plan, trials) == "2 dimensions in a row were closed"


@pytest.mark.parametrize("failures", [1, 3])
def test_failures_says_how_many_closed_in_a_row_stop(failures: int) -> None:
    plan = Plan.of(dataclasses.replace(CONFIG, failures=failures))
    trials = play(plan, lambda window: window.dimension == 0)
    closed = [t.dimension for t in trials if t.verdict == "closed"]
    assert closed == list(range(1, 1 + failures))
    told = "a dimension was closed" if failures == 1 else "3 dimensions in a row were closed"
    assert stopped_because(plan, trials) == told


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_says_how_many_windows_follow_the_first(retries: int) -> None:
    plan = Plan.of(dataclasses.replace(CONFIG, retries=retries, failures=1))
    failed = [(0, attempt, "retry") for attempt in range(1, 1 + retries)]
    assert told(play(plan, lambda window: False)) == [*failed, (0, 1 + retries, "closed")]
    in_the_last = play(plan, lambda window: window.attempt == 1 + retries)
    assert told(in_the_last)[: 1 + retries] == [*failed, (0, 1 + retries, "accepted")]


def test_each_window_of_a_dimension_has_a_name_of_its_own() -> None:
    assert [Window(0, attempt).name for attempt in (1, 2, 3)] == ["z1_1", "z1_1 again", "z1_1 again again"]


def test_one_closed_between_two_accepted_does_not() -> None:
    trials = play(Plan.of(CONFIG), lambda window: window.dimension % 2 == 0)
    assert [t.dimension for t in trials if t.verdict == "accepted"] == [0, 2, 4]
    assert stopped_because(Plan.of(CONFIG), trials) == "all 5 dimensions had been opened"


def test_without_time_for_a_second_window_the_first_failure_closes() -> None:
    plan = Plan.of(dataclasses.replace(CONFIG, window_share=0.3))
    assert plan.windows == 2
    trials = play(plan, lambda window: window.dimension == 0)
    assert told(trials) == [(0, 1, "accepted"), (1, 1, "closed")]
    assert stopped_because(plan, trials) == "there was no time for another window"


def test_beta_is_one_then_a_rising_line_then_constant() -> None:
    plan = Plan.of(CONFIG)
    betas = [plan.beta(step) for step in range(1000)]
    assert betas[:200] == [1.0] * 200
    assert betas[200] == 1.0
    assert betas[200 + 350] == pytest.approx(1 + 7 / 2)
    assert betas[900:] == [8.0] * 100
    assert all(b >= a for a, b in itertools.pairwise(betas))
    constant = Plan.of(dataclasses.replace(CONFIG, beta_start=16.0, beta_end=16.0))
    assert {constant.beta(step) for step in range(200, 1000)} == {16.0}


def test_interventions_set_in_over_a_tenth_of_a_window() -> None:
    plan = Plan.of(CONFIG)  # windows of 50 steps
    assert [plan.ramp(step) for step in (0, 1, 5, 30)] == [0.0, 0.2, 1.0, 1.0]


@pytest.mark.parametrize(("share", "factors"), [(0.0, [1.0, 1.0, 1.0]), (0.5, [0.0, 0.2, 1.0])])
def test_ramp_share_says_over_how_much_of_a_window(share: float, factors: list[float]) -> None:
    plan = Plan.of(dataclasses.replace(CONFIG, ramp_share=share))
    assert [plan.ramp(step) for step in (0, 5, 25)] == factors


@pytest.mark.parametrize("name", ["kl", "recovery", "change"])
def test_a_dimension_has_to_pass_on_every_figure(name: str) -> None:
    assert passes(GOOD, CONFIG)
    least = getattr(CONFIG, f"accept_{name}")
    assert not passes(dataclasses.replace(GOOD, **{name: least}), CONFIG)
    assert passes(dataclasses.replace(GOOD, **{name: least + 1e-6}), CONFIG)


def test_the_figures_by_hand() -> None:
    value = torch.tensor([1.0, -1.0, 2.0, -2.0])  # variance 2.5
    found = figures(torch.tensor([1.0, 3.0]), value, 0.5 * value, torch.tensor([0.1, 0.3]))
    assert found.kl == 2.0
    assert found.recovery == pytest.approx(0.75)
    assert found.correlation == pytest.approx(1.0)
    assert found.change == pytest.approx(0.2)
    dead = figures(torch.zeros(2), value, torch.zeros(4), torch.zeros(2))
    assert (dead.recovery, dead.correlation) == (0.0, 0.0)
