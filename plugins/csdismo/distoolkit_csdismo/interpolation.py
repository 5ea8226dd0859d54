"""Two images, and what lies between them: content and style are moved one by one."""

from __future__ import annotations

import base64
from typing import Any

import ipywidgets as w
import numpy as np
import traitlets
import xarray as xr

from distoolkit.encoding import Codec
from distoolkit.runs import Run
from distoolkit.widgets.pictures import Pixels, encoded, factor_for, labelled_rows, png

_STEPS = 8  # pictures on the way
_LARGE = 160  # pixels along a side
_WIDE = {"description_width": "70px"}


class Interpolation(w.VBox):  # type: ignore[misc]
    """Two images, sliders that mix their contents and their styles, and the way from one to the other.

    Attributes
    ----------
    start, end
        Positions of the two images (observable).
    content, style
        How much of the content and of the style is taken from ``end``, from 0 to 1 (observable).
    mixed
        (y, x, channel) uint8: the picture for the sliders.
    walk
        (3, step, y, x, channel) uint8: from start to end with content moved, with style moved, with both.
    """

    start = traitlets.Int(0)
    end = traitlets.Int(1)
    content = traitlets.Float(1.0)
    style = traitlets.Float(0.0)

    def __init__(self, run: Run, images: xr.Dataset) -> None:
        self._codec, self._images = Codec(run), images
        layout = self._codec.layout
        assert layout is not None  # the method's model names its two units
        self._is_content = np.repeat([True, False], [unit.size for unit in layout])
        self.mixed: Pixels = np.zeros((1, 1, 1), dtype=np.uint8)
        self.walk: Pixels = np.zeros((3, 1, 1, 1, 1), dtype=np.uint8)
        self._large = {name: w.Image(format="png") for name in ("start", "mixed", "end")}
        self._rows = w.Image(format="png", layout={"align_self": "flex-start"})  # a column would stretch it
        last = images.sizes["sample"] - 1
        pickers = {
            name: w.IntSlider(max=last, description=name, continuous_update=False, style=_WIDE)
            for name in ("start", "end")
        }
        sliders = {
            name: w.FloatSlider(max=1, step=0.05, description=name, style=_WIDE) for name in ("content", "style")
        }
        for name, control in (pickers | sliders).items():
            w.link((self, name), (control, "value"))
        shown = [w.VBox([w.HTML(f"<b>{name}</b>"), picture]) for name, picture in self._large.items()]
        controls = w.VBox([*pickers.values(), *sliders.values()])
        super().__init__([w.HBox([controls, *shown]), self._rows])
        self.end = min(1, last)
        self.observe(lambda _: self._take(), ["start", "end"])
        self.observe(lambda _: self._mix(), ["content", "style"])
        self._take()

    def _take(self) -> None:
        """Encode the two images, and draw the ways between them."""
        pair = self._images["image"].isel(sample=[self.start, self.end]).values
        for name, image in zip(("start", "end"), pair, strict=True):
            self._show(name, image)
        self._codes = self._codec.encode(pair)
        ways = self._is_content, ~self._is_content, np.ones_like(self._is_content)
        steps = np.linspace(0, 1, _STEPS)[:, None]
        drawn = self._codec.decode(np.concatenate([self._between(steps * way) for way in ways]))
        self.walk = drawn.reshape(3, _STEPS, *drawn.shape[1:])
        self._rows.value = encoded(self.still())
        self._mix()

    def _mix(self) -> None:
        share = np.where(self._is_content, self.content, self.style)[None]
        self.mixed = self._codec.decode(self._between(share))[0]
        self._show("mixed", self.mixed)

    def _between(self, share: Any) -> Any:
        first, last = self._codes
        return first + share * (last - first)

    def _show(self, name: str, image: Pixels) -> None:
        self._large[name].value = png(image, factor_for(image.shape, _LARGE))

    def still(self) -> Any:
        """Draw the three ways, one row each: a picture that needs no kernel."""
        return labelled_rows(list(zip(("content", "style", "both"), self.walk, strict=True)))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Add the still picture, for a reader who has no kernel."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "image/png": base64.b64encode(self._rows.value).decode()}


def interpolation(run: Run, images: xr.Dataset) -> Interpolation:
    """Show two images with sliders for content and style, and the pictures between them."""
    return Interpolation(run, images)
