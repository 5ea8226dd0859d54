"""When dimensions open, and what their tests say: plain arithmetic, no networks.

A run is pre-training, then windows of equal length, then consolidation. In each window the newest dimension
trains, open, together with those before it; at its end the dimension is tested. The list of trials so far
decides what the next window is, so it is all that has to be remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from distoolkit.contract import ConfigError

if TYPE_CHECKING:
    from distoolkit_dotvae import Config

Verdict = Literal["accepted", "retry", "closed"]
VERDICTS: tuple[Verdict, ...] = ("accepted", "retry", "closed")


@dataclass(frozen=True)
class Figures:
    """What a test measures of one dimension.

    Attributes
    ----------
    kl
        Mean KL of its posterior from the prior, in nats: is it used by the data?
    recovery
        1 - mean squared error of reading back the value it was set to, over that value's variance: is it visible?
    correlation
        Of the value it was set to with the value read back: the same, whatever the scale.
    change
        Mean absolute change of a pixel, in [0, 1], as the dimension is set to a draw from its prior.
    """

    kl: float
    recovery: float
    correlation: float
    change: float


@dataclass(frozen=True)
class Trial:
    """One test of one dimension (counted from 0), at the end of one of its windows."""

    dimension: int
    attempt: int
    step: int
    figures: Figures
    verdict: Verdict


@dataclass(frozen=True)
class Window:
    """A stretch of training with one new dimension: which, and the number of this attempt, from 1."""

    dimension: int
    attempt: int

    @property
    def name(self) -> str:
        """Name of its stage in the history."""
        return f"z1_{self.dimension + 1}" + " again" * (self.attempt - 1)


@dataclass(frozen=True)
class Plan:
    """How the steps of a run are split, and what its pressure on the entangled code is.

    Attributes
    ----------
    dimensions
        The most that can be opened (K).
    pretrain, window
        Steps of the pre-training and of one window.
    windows
        How many windows there is time for.
    total
        Steps of the run; what pre-training and windows leave over is consolidation.
    beta_start, beta_end
        Weight of the entangled code's KL at the first opening, and after the last window that there is time for.
    failures
        Dimensions closed in a row after which no more are opened.
    retries
        Windows that a dimension can get after its first.
    ramp_share
        Share of a window over which the weights of the intervention step rise.
    """

    dimensions: int
    pretrain: int
    window: int
    windows: int
    total: int
    beta_start: float
    beta_end: float
    failures: int
    retries: int
    ramp_share: float

    @classmethod
    def of(cls, config: Config) -> Plan:
        """Split the steps as the config's shares say; every phase but the last has a step at least.

        Raises
        ------
        ConfigError
            There is no time for a single window. Nothing would open, and every code would be 0.
        """
        total = config.steps
        pretrain = max(1, round(config.pretrain_share * total))
        window = max(1, round(config.window_share * total))
        kept = round(config.consolidate_share * total)
        windows = (total - pretrain - kept) // window
        if windows < 1:
            raise ConfigError(
                f"pretrain_share = {config.pretrain_share:g}, window_share = {config.window_share:g} and "
                f"consolidate_share = {config.consolidate_share:g} are not allowed together: of {total} steps they "
                f"leave {max(0, total - pretrain - kept)} to the openings, and one window takes {window}; lower "
                "pretrain_share or consolidate_share until a window fits, or lower window_share"
            )
        return cls(
            config.latents,
            pretrain,
            window,
            windows,
            total,
            beta_start=config.beta_start,
            beta_end=config.beta_end,
            failures=config.failures,
            retries=config.retries,
            ramp_share=config.ramp_share,
        )

    def next_window(self, trials: Sequence[Trial]) -> Window | None:
        """Return what comes after these trials; None when no more is opened."""
        if len(trials) >= self.windows:
            return None
        if not trials:
            return Window(0, 1)
        last = trials[-1]
        if last.verdict == "retry":
            return Window(last.dimension, last.attempt + 1)
        ends = [t.verdict for t in trials if t.verdict != "retry"]
        given_up = len(ends) >= self.failures and set(ends[-self.failures :]) == {"closed"}
        return None if given_up or last.dimension + 1 == self.dimensions else Window(last.dimension + 1, 1)

    def verdict(self, window: Window, passed: bool, done: int) -> Verdict:
        """Judge a dimension that passed its test or did not; ``done`` counts the windows before this one.

        A failure gives it another window, if it has one left and there is time.
        """
        if passed:
            return "accepted"
        return "retry" if window.attempt <= self.retries and done + 1 < self.windows else "closed"

    def consolidation(self, trials: Sequence[Trial]) -> int:
        """Return the steps that are left after these windows."""
        return self.total - self.pretrain - self.window * len(trials)

    def beta(self, step: int) -> float:
        """Return the weight of the entangled code's KL at a step of the run.

        1 in the pre-training, then a straight line from ``beta_start`` to ``beta_end``, then constant.
        """
        if step < self.pretrain:
            return 1.0
        share = min(1.0, (step - self.pretrain) / max(1, self.window * self.windows))
        return self.beta_start + (self.beta_end - self.beta_start) * share

    def ramp(self, window_step: int) -> float:
        """Return the factor, from 0 to 1, on the intervention step's weights at a step of a window."""
        if self.ramp_share == 0:
            return 1.0
        return min(1.0, window_step / max(1.0, self.ramp_share * self.window))


def passes(figures: Figures, config: Config) -> bool:
    """Tell whether a dimension is used, visible and recoverable: all three above their thresholds."""
    return (
        figures.kl > config.accept_kl
        and figures.recovery > config.accept_recovery
        and figures.change > config.accept_change
    )


def stopped_because(plan: Plan, trials: Sequence[Trial]) -> str:
    """Say in words why nothing more was opened."""
    if len(trials) >= plan.windows:
        return "there was no time for another window"
    if trials and trials[-1].verdict == "closed" and trials[-1].dimension + 1 < plan.dimensions:
        return "a dimension was closed" if plan.failures == 1 else f"{plan.failures} dimensions in a row were closed"
    return f"all {plan.dimensions} dimensions had been opened"
