"""The dashboard: one run, or two beside each other, and all of them compared."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import panel as pn
import param
import xarray as xr

from distoolkit import registry, views
from distoolkit.contract import Panel
from distoolkit.dashboards.cards import FONT, card, guarded, remark, text
from distoolkit.dashboards.factors import factors
from distoolkit.dashboards.selection import Selection
from distoolkit.material import Material, Source, gather
from distoolkit.views.backend import QUIET, ready
from distoolkit.views.comparison import labels

# of the built-in panels, those that the linked parts of the dashboard show already
_LINKED = ("scatter", "heat_map", "responses", "images")
_NOBODY = "no other run"


def dashboard(
    runs: Source | Sequence[Source],
    images: xr.Dataset | None = None,
    *,
    latents: xr.Dataset | Sequence[xr.Dataset] | None = None,
    scores: xr.Dataset | Sequence[xr.Dataset] | None = None,
) -> Dashboard:
    """Show runs on a live page: as the last value of a notebook cell, or served by `distoolkit.dashboards.serve`.

    Two entries of the code are plotted and coloured by any factor; what is selected there is shown as images. A tap
    on a cell of the heat map of factors and units shows the response. Below are traversals, scores, training curves
    and the pictures of installed panels. Of several runs one is picked, or two to stand beside each other, and the
    scores of all are compared.

    Parameters
    ----------
    runs
        A run, its folder, or a mapping from kinds to Datasets that come from no run; or several of these.
    images
        The images that were encoded; those that the runs were fitted on, loaded again by name, without them. Where
        there are none, selected samples are decoded from their codes.
    latents, scores
        One for each run, in place of those saved in its folder.

    Raises
    ------
    DataError
        As for `distoolkit.material.gather`.
    RunError, SchemaError
        A folder that is no run; a Dataset of the wrong kind.
    """
    return Dashboard(gather(runs, images, latents, scores))


class Dashboard(pn.viewable.Viewer):
    """A live page about runs; see `dashboard`.

    Attributes
    ----------
    run, beside
        Names of the run that is shown, and of the one beside it, if any.
    """

    run: Any = param.Selector()
    beside: Any = param.Selector()

    def __init__(self, found: list[Material]) -> None:
        ready()
        names = [m.name for m in found]
        self.param.run.objects = names
        self.param.beside.objects = [_NOBODY, *names]
        super().__init__(run=names[0], beside=_NOBODY)
        self.materials = dict(zip(names, found, strict=True))
        self._views: dict[tuple[str, str], RunView] = {}
        self._body = pn.FlexBox(align_items="flex-start")
        self._fill()

    @property
    def shown(self) -> list[RunView]:
        """What is on the page of each run that is shown."""
        names = [self.run] if self.beside in (_NOBODY, self.run) else [self.run, self.beside]
        for place, name in zip(("run", "beside"), names, strict=False):
            if (place, name) not in self._views:
                self._views[place, name] = RunView(self.materials[name])
        return [self._views[place, name] for place, name in zip(("run", "beside"), names, strict=False)]

    @param.depends("run", "beside", watch=True)
    def _fill(self) -> None:
        self._body[:] = self.shown

    def _compared(self) -> list[Any]:
        scored = [m.data["scores"] for m in self.materials.values() if "scores" in m.data]
        if len(self.materials) < 2 or not scored:
            return []
        if len(set(labels(scored))) == len(scored):
            summary = "Scores of all runs."
        else:
            summary = "Scores of all runs; those that differ only by their seed share a line."
        plot, fine = guarded(lambda: views.scores(scored))
        return [card("All runs", summary, plot, picture=(lambda: views.scores(scored)) if fine else None)]

    def __panel__(self) -> Any:
        title = html.escape(" · ".join(dict.fromkeys(str(m.record.get("data", "")) for m in self.materials.values())))
        style = f"font-size:22px;font-weight:650;font-family:{html.escape(FONT, quote=True)}"
        head: list[Any] = [text(f"<span style='{style}'>{title or 'distoolkit'}</span>")]
        if len(self.materials) > 1:
            picks = [
                pn.widgets.Select.from_param(self.param.run, name="run", width=260),
                pn.widgets.Select.from_param(self.param.beside, name="beside it", width=260),
            ]
            head.append(pn.Row(*picks))
        return pn.Column(*head, *self._compared(), self._body, styles={"font-family": FONT}, margin=(8, 16))


class RunView(pn.viewable.Viewer):
    """Everything about one run.

    Attributes
    ----------
    selection
        The scatter and the images of what is selected in it; None without codes.
    factors
        The heat map and the response; a remark where the factors are not known.
    cards
        The card of each registered panel, by name.
    """

    def __init__(self, material: Material) -> None:
        super().__init__()
        self.material = material
        self.selection = Selection(material) if "latents" in material.data else None
        self.factors = factors(material)
        panels = {n: p for n, p in registry.panels().items() if n not in _LINKED}
        first = [n for n in ("traversal", "scores", "history") if n in panels]
        order = [*first, *(n for n in panels if n not in first)]
        self.cards = {name: _panel_card(panels[name], material) for name in order}

    def __panel__(self) -> Any:
        status = "" if self.material.run is None else f"{self.material.run.status} · {self.material.run.folder}"
        head = text(
            f"<b style='font-size:17px'>{html.escape(self.material.name)}</b> "
            f"<span style='color:{QUIET}'>{html.escape(status)}</span>"
        )
        linked = [part for part in (self.selection, self.factors) if part is not None]
        cards = pn.FlexBox(*self.cards.values(), align_items="flex-start")
        # two runs stand beside each other where the page is wide enough for both
        return pn.Column(head, *linked, cards, styles={"flex": "1 1 620px", "min-width": "0"})


def _panel_card(panel: Panel, material: Material) -> pn.Column:
    title = panel.name.replace("_", " ").capitalize()
    lacking = sorted(panel.needs - material.data.keys())
    if lacking:
        reasons = "; ".join(f"no {kind}: {material.missing.get(kind, 'not there')}" for kind in lacking)
        return card(title, panel.summary, remark(reasons))

    def build() -> Any:
        return registry.resolve(panel.build)(material.data)

    shown, fine = guarded(build)
    has_picture = fine and isinstance(shown, pn.pane.HoloViews)
    return card(title, panel.summary, shown, picture=build if has_picture else None)
