"""Which unit carries which factor; a tap on a cell shows how."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import panel as pn
import param

from distoolkit import schema, views
from distoolkit.dashboards.cards import card, remark
from distoolkit.material import Material
from distoolkit.views.codes import factor_names, follower
from distoolkit.views.matrices import matrices


class Factors(pn.viewable.Viewer):
    """A heat map of factors and units, and the response of the pair that was tapped.

    Attributes
    ----------
    matrix
        Which of the matrices behind the scores is shown.
    unit, factor
        The pair whose response is shown.
    """

    matrix: Any = param.Selector()
    unit: Any = param.Selector()
    factor: Any = param.Selector()

    def __init__(self, material: Material) -> None:
        latents, scores = material.data["latents"], material.data.get("scores")
        self.known = matrices(scores) if scores is not None else []
        self.param.matrix.objects = self.known or [None]
        self.param.unit.objects = schema.units(latents)
        self.param.factor.objects = factor_names(latents)
        super().__init__(
            matrix=self.param.matrix.objects[0],
            unit=follower(latents, factor_names(latents)[0]),
            factor=factor_names(latents)[0],
        )
        self.material = material
        self.response = pn.pane.HoloViews(self._response(), linked_axes=False)
        self.map = pn.pane.HoloViews(self._map() if self.known else None, linked_axes=False)

    @param.depends("matrix", watch=True)
    def _redraw(self) -> None:
        self.map.object = self._map()

    @param.depends("unit", "factor", watch=True)
    def _answer(self) -> None:
        self.response.object = self._response()

    def _map(self) -> hv.Overlay:
        overlay = views.heatmap(self.material.data["scores"], self.matrix)
        self.cells = overlay.Rectangles.I
        # kept: a stream that nothing holds stops hearing
        self.stream = hv.streams.Selection1D(source=self.cells)
        self.stream.add_subscriber(self._tapped)
        return overlay

    def _tapped(self, index: list[int]) -> None:
        if not index:
            return
        unit = str(self.cells.dimension_values("unit")[index[0]])
        factor = str(self.cells.dimension_values("factor_name")[index[0]])
        if unit in self.param.unit.objects and factor in self.param.factor.objects:
            self.param.update(unit=unit, factor=factor)

    def _response(self) -> hv.Overlay:
        return views.response(self.material.data["latents"], self.unit, self.factor)

    def __panel__(self) -> Any:
        if self.known:
            head = [pn.widgets.Select.from_param(self.param.matrix, width=220)] if len(self.known) > 1 else []
            left = card(
                "Factors and units",
                "How much each unit tells about each factor. Tap a cell to see the response.",
                *head,
                self.map,
                picture=lambda: self.map.object,
            )
        else:
            reason = self.material.missing.get("scores", "these scores hold no factor-by-unit matrix")
            left = card("Factors and units", "", remark(f"No heat map: {reason}."))
        pick = pn.Row(*(pn.widgets.Select.from_param(self.param[n], width=150) for n in ("unit", "factor")))
        summary = "The mean code at each value of a factor; the band is one standard deviation."
        right = card("Response", summary, pick, self.response, picture=lambda: self.response.object)
        return pn.FlexBox(left, right, align_items="flex-start")


def factors(material: Material) -> Any:
    """Return the part of the dashboard about factors, or a card that says why there is none."""
    if "latents" not in material.data:
        return card("Factors and units", "", remark(f"No codes: {material.missing.get('latents', 'not there')}."))
    if not factor_names(material.data["latents"]):
        return card(
            "Factors and units",
            "",
            remark("No heat map and no responses: the true factors of these images are not known."),
        )
    return Factors(material)
