"""What only DOT-VAE has to show: the story of its openings."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import xarray as xr

from distoolkit.runs import Run
from distoolkit.views.backend import INK, boxed, ready, signed, styled
from distoolkit_dotvae import Config
from distoolkit_dotvae.openings import Plan, Trial, stopped_because

COLOURS = {"accepted": "#009e73", "retry": "#e69f00", "closed": "#d55e00"}
"""Of the windows, by the verdict at their end (from the palette of Okabe and Ito)."""
_ASPECT = 2.2


def openings(run: Run, images: xr.Dataset) -> hv.Overlay:
    """Draw when each dimension opened, and what the test at the end of each window said.

    One row a dimension, one box a window, from its opening to its test. In the box stand, from top to bottom, the three
    figures that decide: KL (nats), share read back, mean change of a pixel. Its colour is the verdict: green for
    accepted, yellow for another window, red for closed.
    """
    ready()
    trials, config = trials_of(run), run.config
    window = Plan.of(config).window
    boxes = [(t.step - window, t.dimension + 0.6, t.step, t.dimension + 1.4, t.verdict) for t in trials]
    edges = [hv.Dimension(name) for name in ("opened", "low", "tested", "high")]
    found = styled(
        hv.Rectangles(boxes, kdims=edges, vdims=["verdict"]),
        color=hv.dim("verdict").categorize(COLOURS, default=INK),
        alpha=0.35,
        bokeh={"line_color": INK, "tools": ["hover"]},
        matplotlib={"edgecolor": INK},
    )
    words = [(t.step - window / 2, t.dimension + 1, _figures(t)) for t in trials]
    labels = styled(
        hv.Labels(words, ["step", "dimension"], ["figures"]),
        bokeh={"text_color": INK, "text_font_size": "7pt"},
        matplotlib={"color": INK, "size": 6},
    )
    kept = sum(t.verdict == "accepted" for t in trials)
    picture = styled(
        found * labels,
        title=f"{kept} of {config.latents} dimensions accepted; {_end(config, trials)}",
        xlabel="step   (in a box: KL in nats, share read back, change of a pixel)",
        ylabel="dimension of z1",
        xlim=(0, config.steps),
        ylim=(0.4, config.latents + 0.6),
        yticks=list(range(1, config.latents + 1)),
        bokeh={"frame_width": 680, "frame_height": 300},
        matplotlib={"aspect": _ASPECT, "fig_inches": 6.0, "hooks": [boxed(_ASPECT)]},
    )
    return signed(picture, run.history)


def story(run: Run) -> list[str]:
    """Tell the same in sentences: one for each window, and one for the end."""
    config, trials = run.config, trials_of(run)
    window = Plan.of(config).window
    told = [_sentence(t, t.step - window, config) for t in trials]
    kept = [f"z1_{t.dimension + 1}" for t in trials if t.verdict == "accepted"]
    count = f"{len(kept)} of {config.latents} dimensions accepted"
    return [*told, f"{count}{': ' if kept else ''}{', '.join(kept)}; {_end(config, trials)}"]


def trials_of(run: Run) -> list[Trial]:
    """Return the tests of a run, in their order, from its weights."""
    model: Any = run.model()
    trials: list[Trial] = model.trials()
    return trials


def _end(config: Config, trials: list[Trial]) -> str:
    plan = Plan.of(config)
    if plan.next_window(trials) is not None:
        return "the run is not over"
    return f"no more were opened: {stopped_because(plan, trials)}"


def _figures(trial: Trial) -> str:
    f = trial.figures
    return f"{f.kl:.2f}\n{_unsigned(f.recovery)}\n{f.change:.3f}"


def _unsigned(share: float) -> str:
    """Write a share with two digits, and nothing as 0.00, not -0.00."""
    return f"{round(share, 2) + 0.0:.2f}"


def _sentence(trial: Trial, opened: int, config: Config) -> str:
    f = trial.figures
    measured = (
        f"KL {f.kl:.2f} nats (needs {config.accept_kl:g}), read back {_unsigned(f.recovery)} of its variance "
        f"(needs {config.accept_recovery:g}), changes a pixel by {f.change:.3f} (needs {config.accept_change:g})"
    )
    which_window = "a second" if trial.attempt == 1 else "another"
    verdict = f"gets {which_window} window" if trial.verdict == "retry" else trial.verdict
    which = "is open again" if trial.attempt > 1 else "opens"
    return f"step {opened}: z1_{trial.dimension + 1} {which}; step {trial.step}: {measured}: {verdict}"
