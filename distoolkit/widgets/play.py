"""Sliders that make a code worse, and all its scores beside those of the perfect code."""

from __future__ import annotations

import asyncio
import base64
import html
import math
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import traitlets
import xarray as xr

from distoolkit import registry
from distoolkit.config import configure, settings
from distoolkit.contract import DataError, Metric
from distoolkit.widgets.dots import Dot, Share, drawn
from distoolkit.widgets.pictures import encoded
from distoolkit.widgets.spoiling import Damage, spoil

if TYPE_CHECKING:
    from PIL.Image import Image

METRICS: Mapping[str, Mapping[str, Any]] = {
    "mig": {},
    "modularity": {},
    "infomec": {},
    "dci": {},
    "factor_vae": {"train": 2_000, "test": 1_000},
    "beta_vae": {"train": 1_000, "test": 500},
    "explicitness": {},
}
"""What is shown if nothing is asked for; fewer votes than usual, which costs a hundredth of accuracy."""
POINTS = 1_500
"""Size of the code that is made if none is given."""
BUDGET = 0.2
"""Seconds of scoring at each move. Metrics that do not fit wait until the slider rests ..."""
REST = 0.4
"""... for so many seconds."""
LIKE_PERFECT = 0.03
"""A score that is at most so far from the perfect code's is said to be like it."""
EXTRA = 8
"""Units of noise that can be added with the slider."""
_LABELS = {
    "rotation": "rotate (degrees)",
    "noise": "add noise",
    "off": "units off",
    "copies": "copied units",
    "extra": "noise units",
    "scale": "shrink to",
}


class Playground(w.VBox):
    """Sliders, the picture of the scores, and a sentence that sums it up. `playground` makes it.

    Attributes
    ----------
    damage
        What is done to the code: the value of each slider (observable).
    sliders
        The slider of each fault.
    latents
        The code as it is now.
    scores
        Score -> value now; NaN if the code has none.
    perfect
        Score -> value of the perfect code; NaN if there is no such thing.
    waiting
        Metrics whose values are still those of an earlier code. `settle` computes them at once.
    """

    damage = traitlets.Dict()

    def __init__(
        self, start: xr.Dataset, metrics: Mapping[str, Mapping[str, Any]], damage: Damage, seed: int = 0
    ) -> None:
        self.start, self.metrics, self.seed = start, metrics, seed
        self.records: dict[str, Metric] = {name: registry.find("metrics", name) for name in metrics}
        self.scores: dict[str, float] = {}
        self.perfect: dict[str, float] = {}
        self.waiting: list[str] = []
        self._belongs: dict[str, str] = {}  # score -> metric
        self._seconds: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._listening = True
        units = len(set(start["unit"].values.tolist()))
        self.sliders = {s.name: _slider(s, getattr(damage, s.name), units) for s in settings(Damage)}
        self.reset = w.Button(description="Reset", icon="undo", tooltip="The code as it was", layout={"width": "90px"})
        self.picture = w.Image(format="png", layout=w.Layout(align_self="flex-start"))
        self.summary = w.HTML()
        faults = w.HBox([*self.sliders.values(), self.reset], layout=w.Layout(flex_flow="row wrap", max_width="960px"))
        super().__init__([faults, self.picture, self.summary])
        self._first_scores()
        for slider in self.sliders.values():
            slider.observe(self._move, "value")
        self.reset.on_click(lambda _: self.set())

    def set(self, **damage: Any) -> None:
        """Set all sliders at once, those that are not named to no fault, and compute every score."""
        chosen = configure(Damage(), **damage)
        self._listening = False
        for name, slider in self.sliders.items():
            slider.value = getattr(chosen, name)
        self._listening = True
        self._move(None)
        self.settle()

    def settle(self) -> None:
        """Compute now what would be computed when the slider rests."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.waiting:
            self._score(self.waiting)
            self.waiting = []
            self._show()

    def _first_scores(self) -> None:
        from distoolkit.metrics import evaluate

        self.damage = self._entered()
        self.latents = spoil(self.start, seed=self.seed, **self.damage)
        for name, chosen in self.metrics.items():
            began = time.perf_counter()
            found = evaluate(self.latents, {name: chosen}, seed=self.seed)
            self._seconds[name] = (time.perf_counter() - began) / 2  # this code and the perfect one
            self._take(name, found)
            self.perfect |= dict(
                zip(found["metric"].values.tolist(), found["score_identity"].values.tolist(), strict=True)
            )
        self._show()

    def _move(self, _: Any) -> None:
        if not self._listening:
            return
        self.damage = self._entered()
        self.latents = spoil(self.start, seed=self.seed, **self.damage)
        quick = self._quick()
        self.waiting = [name for name in self.metrics if name not in quick]
        self._score(quick)
        self._show()
        self._settle_later()

    def _quick(self) -> list[str]:
        """Choose the cheapest metrics, as they took when they were last computed, that fit into the budget."""
        order = sorted(self.metrics, key=lambda name: self._seconds[name])
        spent = np.cumsum([self._seconds[name] for name in order])
        return [name for name, seconds in zip(order, spent, strict=True) if seconds <= BUDGET]

    def _settle_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel whose slider could rest
            self.settle()
            return
        self._timer = loop.call_later(REST, self.settle)

    def _score(self, names: Iterable[str]) -> None:
        from distoolkit.metrics.table import sharing

        with sharing(self.latents):
            for name in names:
                began = time.perf_counter()
                compute = registry.resolve(self.records[name].compute)
                try:
                    self._take(name, compute(self.latents, seed=self.seed, **self.metrics[name]))
                except DataError:  # such as a code whose units are all switched off
                    self.scores |= {score: math.nan for score, of in self._belongs.items() if of == name}
                self._seconds[name] = time.perf_counter() - began

    def _take(self, name: str, found: xr.Dataset) -> None:
        for score, value in zip(found["metric"].values.tolist(), found["score"].values.tolist(), strict=True):
            self.scores[score], self._belongs[score] = value, name

    def _entered(self) -> dict[str, Any]:
        return {name: slider.value for name, slider in self.sliders.items()}

    def _show(self) -> None:
        self.picture.value = encoded(self.still())
        self.summary.value = f'<div role="status" style="max-width:800px">{html.escape(self.told())}</div>'

    def still(self) -> Image:
        """Draw the code and its scores as they are now."""
        dots = [
            Dot(score, value, self.perfect[score], self._belongs[score] not in self.waiting)
            for score, value in self.scores.items()
        ]
        return drawn(dots, _share(self.latents, self.seed))

    def told(self) -> str:
        """Say in words which scores are like the perfect code's and which are not."""
        compared = {
            score: value - self.perfect[score]
            for score, value in self.scores.items()
            if self._belongs[score] not in self.waiting and math.isfinite(value - self.perfect[score])
        }
        alike = [score for score, change in compared.items() if abs(change) <= LIKE_PERFECT]
        changed = [
            f"{score} {self.scores[score]:.2f} ({self.perfect[score]:.2f})"
            for score in sorted(compared, key=compared.__getitem__)
            if score not in alike
        ]
        none = [score for score, value in self.scores.items() if math.isnan(value)]
        parts = [f"Like the perfect code: {', '.join(alike) or 'no score'}."]
        parts += [f"Cannot be computed: {', '.join(none)}."] if none else []
        parts += [f"Not like it (in brackets: the perfect code): {', '.join(changed)}."] if changed else []
        parts += [f"Waiting for the slider to rest: {', '.join(self.waiting)}."] if self.waiting else []
        return " ".join(parts)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Add the picture as it is now, for a reader who has no kernel."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "image/png": base64.b64encode(self.picture.value).decode()}

    def __repr__(self) -> str:
        """Say what is played with."""
        changed = {s.name: self.damage[s.name] for s in settings(Damage) if self.damage[s.name] != s.default}
        told = ", ".join(f"{name} {value:g}" for name, value in changed.items())
        return f"<Playground of {len(self.scores)} scores: {told or 'nothing changed'}>"


def playground(
    latents: xr.Dataset | None = None,
    metrics: str | Iterable[str] | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    seed: int = 0,
    **damage: Any,
) -> Playground:
    """Make a code worse with sliders and watch its scores.

    Cheap metrics follow the slider; the others are drawn hollow until it rests, then computed.

    Parameters
    ----------
    latents
        Latents with factors; by default the perfect code of 1,500 images of ``shapes3d``.
    metrics
        Names of installed metrics, or a mapping from names to settings as in `distoolkit.evaluate`. Those that need
        anything but the code and the factors cannot take part: it would not change with the code.
    seed
        Fixes the noise and every draw of the metrics.
    **damage
        Where the sliders start: fields of `Damage`, as in `spoil`.

    Returns
    -------
    Playground
        A widget. Each score stands beside that of the perfect code: the true factors themselves.

    Raises
    ------
    UnknownNameError, ConfigError
        No such metric, setting or fault; a fault out of range.
    DataError
        The latents have no factors, or a metric needs something else.
    """
    from distoolkit.data import load
    from distoolkit.metrics import identity_code

    if latents is None:
        latents = identity_code(load("shapes3d", sample=POINTS))
    if "factors" not in latents:
        raise DataError("the playground compares a code with its true factors, and these latents have none")
    chosen = METRICS if metrics is None else metrics
    if not isinstance(chosen, Mapping):
        chosen = {name: {} for name in ([chosen] if isinstance(chosen, str) else chosen)}
    if not chosen:
        raise DataError("no metric was named; leave `metrics` out for the usual ones")
    if others := [n for n in chosen if registry.find("metrics", n).needs - {"factors"}]:
        raise DataError(f"{', '.join(others)} needs more than a code and its factors, and would not follow the sliders")
    return Playground(latents, chosen, configure(Damage(), **damage), seed)


def _slider(setting: Any, value: Any, units: int) -> w.IntSlider | w.FloatSlider:
    kind = w.IntSlider if setting.kind is int else w.FloatSlider
    high = {"off": units, "copies": units, "extra": EXTRA}.get(setting.name, setting.high)
    return kind(
        value=value,
        min=setting.low,
        max=max(high, value),
        step=setting.step,
        description=_LABELS[setting.name],
        tooltip=setting.help,
        style={"description_width": "110px"},
        layout=w.Layout(width="300px"),
    )


def _share(latents: xr.Dataset, seed: int) -> Share:
    """Measure what each unit knows of each factor, as a share of the factor's entropy, in 20 bins as for mig."""
    from distoolkit.metrics.table import Table

    table = Table(latents)
    values = np.zeros((len(table.factor_names), len(table.units)))
    if table.moving.any():
        found = table.information(bins=20, samples=10_000, seed=seed)
        values = found.mutual / found.factor_entropy[:, None]
    return Share(values, table.factor_names, table.units)
