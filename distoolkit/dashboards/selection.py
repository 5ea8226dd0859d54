"""Codes as points; whatever is selected among them is shown as images."""

from __future__ import annotations

import html
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import panel as pn
import param

from distoolkit import schema, views
from distoolkit.dashboards.cards import card, text
from distoolkit.material import Material
from distoolkit.views.codes import entries, factor_names, spreading, thinned
from distoolkit.views.mosaic import Mosaic, rgb

_POINTS = 4000
_IMAGES, _COLUMNS, _WIDTH = 48, 8, 480
_NO_COLOUR = "nothing"


class Selection(pn.viewable.Viewer):
    """A scatter of two entries of the code, and the images of the points that are selected in it.

    Attributes
    ----------
    x, y, color
        Names of two entries, and of what colours the points.
    selected
        Positions of the selected samples. It stays as it is when the axes change, so that a group found along two
        entries can be looked up along two others.
    """

    x: Any = param.Selector()
    y: Any = param.Selector()
    color: Any = param.Selector()
    selected = param.List(item_type=int, default=[])

    def __init__(self, material: Material) -> None:
        latents = material.data["latents"]
        names, widest, factors = entries(latents), spreading(latents), factor_names(latents)
        self.param.x.objects = self.param.y.objects = names
        self.param.color.objects = [*factors, _NO_COLOUR, *[n for n in names if n not in factors]]
        super().__init__(x=widest[0], y=widest[min(1, len(widest) - 1)], color=(factors or [_NO_COLOUR])[0])
        self.material = material
        self.shown_samples = thinned(latents.sizes["sample"], _POINTS)
        self.plot = pn.pane.HoloViews(self._points(), linked_axes=False)
        self.pictures = pn.pane.PNG(None, alt_text="images of the selected samples")
        self.caption = text("", width=_WIDTH)
        self._show()

    @param.depends("x", "y", "color", watch=True)
    def _redraw(self) -> None:
        self.plot.object = self._points()

    def _points(self) -> hv.Points:
        color = self.color if self.color != _NO_COLOUR else None
        latents = self.material.data["latents"]
        if color is None:
            latents = latents.drop_vars("factors", errors="ignore")
        points = views.scatter(latents, self.x, self.y, color, limit=_POINTS)
        chosen = np.flatnonzero(np.isin(self.shown_samples, self.selected)).tolist()
        points.opts(selected=chosen, backend="bokeh")
        # kept: a stream that nothing holds stops hearing
        self.stream = hv.streams.Selection1D(source=points)
        self.stream.add_subscriber(self._selected)
        return points

    def _selected(self, index: list[int]) -> None:
        self.selected = [int(self.shown_samples[i]) for i in index]

    @param.depends("selected", watch=True)
    def _show(self) -> None:
        total = self.material.data["latents"].sizes["sample"]
        some = self.selected or thinned(total, _IMAGES // 2).tolist()
        pixels, remark_ = self._pixels(some[:_IMAGES])
        sheet = None if pixels is None else _sheet(pixels).image()
        self.pictures.param.update(object=sheet, width=min(_WIDTH, sheet.width) if sheet else None)
        if self.selected:
            head = f"<b>{len(self.selected):,} of {total:,} selected.</b> {html.escape(self.in_common())}"
            if len(self.selected) > _IMAGES:
                head += f" The first {_IMAGES} are shown."
        else:
            head = "<b>Nothing is selected:</b> drag over the points with the box or lasso tool. These are some of all."
        self.caption.object = head + (f"<br><i>{html.escape(remark_)}</i>" if remark_ else "")

    def _pixels(self, positions: list[int]) -> tuple[npt.NDArray[np.uint8] | None, str]:
        """Return the images of some samples; without images, what the model decodes from their codes."""
        if "images" in self.material.data:
            image = self.material.data["images"]["image"].isel(sample=positions)
            return np.asarray(image.values), ""
        decoded = self.material.reconstructions(positions)
        reason = self.material.missing.get("images", "there are none")
        if decoded is None:
            return None, f"No images: {reason}. The model cannot draw its codes either."
        return decoded, f"Decoded from their codes, since there are no images: {reason}."

    def in_common(self) -> str:
        """Say what the selected samples have in common: each factor's value, or the range of its values."""
        latents = self.material.data["latents"]
        parts = []
        for i, factor in enumerate(factor_names(latents)):
            found = np.unique(latents["factors"].values[self.selected, i])
            words = schema.attribute(latents, "factor_labels", {}).get(factor, [])
            named = [str(words[v]) if v < len(words) else str(v) for v in found]
            if len(found) == 1:
                parts.append(f"{factor}: {named[0]}")
            elif str(latents["factor_kind"].values[i]) == "ordered":
                parts.append(f"{factor}: {named[0]} to {named[-1]}")
            else:
                parts.append(f"{factor}: {len(found)} of {int(latents['factor_size'].values[i])} values")
        return "; ".join(parts) + ("." if parts else "")

    def __panel__(self) -> Any:
        pick = pn.Row(*(pn.widgets.Select.from_param(self.param[n], width=120) for n in ("x", "y", "color")))
        summary = "Two entries of the code. Select points to see their images."
        left = card("Codes", summary, pick, self.plot, picture=lambda: self.plot.object)
        right = card("Selected images", "", self.caption, self.pictures)
        return pn.FlexBox(left, right, align_items="flex-start")


def _sheet(pixels: npt.NDArray[np.uint8]) -> Mosaic:
    """Lay images out in rows, the last one filled up with white."""
    columns = min(_COLUMNS, len(pixels))
    rows = -(-len(pixels) // columns)
    sheet = np.full((rows * columns, *pixels.shape[1:3], 3), 255, dtype=np.uint8)
    sheet[: len(pixels)] = rgb(pixels)
    return Mosaic(sheet.reshape(rows, columns, *sheet.shape[1:]), ("",) * rows, ("",) * columns)
