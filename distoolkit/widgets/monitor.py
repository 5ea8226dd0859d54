"""What is seen of a training run: a bar for each stage, the curves, and a line that says how it stands."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets as w
import xarray as xr

from distoolkit.runs import Run
from distoolkit.widgets.curves import curves


class Monitor(w.VBox):
    """Bars, curves and a message; it only shows what it is told."""

    def __init__(self) -> None:
        self.bars: dict[str, w.IntProgress] = {}
        self.message = w.HTML()
        self.plots = w.HTML()
        self._bars = w.VBox()
        super().__init__([self.message, self._bars, self.plots])

    def clear(self) -> None:
        """Forget the last run."""
        self.bars, self._bars.children, self.plots.value = {}, (), ""

    def progress(self, stage: str, step: int, steps: int) -> None:
        """Move the bar of one stage; a stage that is seen for the first time gets its own."""
        if stage not in self.bars:
            bar = w.IntProgress(description=stage, layout=w.Layout(width="340px"), style={"description_width": "140px"})
            self.bars[stage] = bar
            self._bars.children = (
                *self._bars.children,
                w.HBox([bar, w.Label()], layout=w.Layout(align_items="center")),
            )
        bar, label = self._bars.children[list(self.bars).index(stage)].children
        bar.max, bar.value = max(steps, step, 1), step
        bar.bar_style = "success" if step >= steps else ""
        label.value = f"{step} of {steps} steps"

    def draw(self, history: xr.Dataset) -> None:
        """Draw the curves so far."""
        self.plots.value = curves(history)

    def say(self, text: str, alarm: bool = False) -> None:
        """Show one line; an alarm is red, and a screen reader reads it at once."""
        role = "alert" if alarm else "status"
        colour = "var(--jp-error-color0,#b71c1c)" if alarm else "inherit"
        self.message.value = f'<div role="{role}" style="color:{colour};max-width:760px">{html.escape(text)}</div>'


def button(name: str, icon: str, tooltip: str, press: Callable[[], None], style: str = "") -> w.Button:
    """Make a button that calls ``press()``."""
    made = w.Button(description=name, icon=icon, tooltip=tooltip, button_style=style)
    made.on_click(lambda _: press())
    return made


def verdict(run: Run) -> str:
    """Say in one line how a run ended."""
    steps, seconds = run.record.get("steps", 0), run.record.get("seconds", 0.0)
    after = f"after {steps} step{'s' * (steps != 1)}, {seconds:.0f} s of training. The run is in {run.folder}."
    if run.status == "failed":
        return f"Failed {after} {run.record.get('error', '')}"
    return f"{run.status.capitalize()} {after}"
