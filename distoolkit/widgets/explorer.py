"""A slider for each latent, and the picture that the code then stands for."""

from __future__ import annotations

import base64
import contextlib
import html
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import traitlets
import xarray as xr

from distoolkit.runs import Run
from distoolkit.widgets import pictures
from distoolkit.widgets.axes import Axis, Floats, axes
from distoolkit.widgets.pictures import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

BIG = 192
"""Pixels along the larger side of the two big pictures, at most; small images are enlarged to it."""
STRIP = 9
"""Pictures in a traversal."""
REFERENCE = 512
"""Images that are encoded to find the range and the activity of each latent."""


@dataclass(frozen=True)
class Space:
    """A code to move in: how images become codes, how codes become pictures, and along which axes.

    Attributes
    ----------
    encode
        (n, y, x, channel) uint8 -> (n, latent).
    draw
        (n, latent) -> (n, y, x, channel) uint8.
    axes
        One for each unit, the most active first.
    drawn
        What ``draw`` gives: ``"decoded"``, or ``"nearest image"`` for a model that cannot draw.
    slow
        Whether a picture takes so long that only the one that is asked for is drawn, and no traversal.
    """

    encode: Callable[[Pixels], Floats]
    draw: Callable[[Floats], Pixels]
    axes: tuple[Axis, ...]
    drawn: str = "decoded"
    slow: bool = False

    def traversal(self, code: Floats, axis: Axis, steps: int = STRIP) -> Pixels:
        """Draw a code (latent,) at even steps along an axis."""
        return self.draw(np.stack([axis.moved(code, v) for v in np.linspace(axis.low, axis.high, steps)]))


class Explorer(w.VBox):
    """The sliders and pictures of one model. `explore` makes it.

    Attributes
    ----------
    sample
        Position of the image that the code starts from (observable).
    moved
        The unit whose traversal is shown: the one that was moved last (observable).
    code
        The code (latent,) as the sliders have it.
    picture
        The picture (y, x, channel) for the code.
    sliders
        The slider of each unit, the most active first.
    """

    sample = traitlets.Int(0)
    moved = traitlets.Unicode()

    def __init__(self, title: str, images: xr.Dataset, space: Space, note: str = "") -> None:
        self.title, self.images, self.space = title, images, space
        self._axis = {axis.unit: axis for axis in space.axes}
        self._listening = True
        # one Layout and one style for all sliders: a model may have hundreds
        layout, style = w.Layout(width="340px", flex="0 0 auto"), {"description_width": "72px"}
        self.sliders = {axis.unit: _slider(axis, layout, style, not space.slow) for axis in space.axes}
        self._enlarge = pictures.factor_for(images["image"].shape[1:3], BIG)
        height, width = (f"{self._enlarge * n}px" for n in images["image"].shape[1:3])
        size = w.Layout(width=width, height=height, flex="0 0 auto")
        self.source, self.result = w.Image(format="png", layout=size), w.Image(format="png", layout=size)
        self.strip = w.Image(format="png", layout=w.Layout(align_self="flex-start"))
        self.about, self.caption = w.HTML(), w.HTML()
        self.picker = w.IntSlider(0, 0, images.sizes["sample"] - 1, description="image", style=style, layout=layout)
        self.reset = w.Button(
            description="Reset", icon="undo", tooltip="Take the code of the image again", layout=w.Layout(width="80px")
        )
        super().__init__(self._children(note))
        self._connect()
        self.moved = space.axes[0].unit
        self._take_sample()

    def _children(self, note: str) -> list[w.Widget]:
        column = {"flex_flow": "column", "display": "flex"}
        sliders = w.VBox(list(self.sliders.values()), layout=w.Layout(max_height="260px", overflow="auto", **column))
        pair = w.HBox(
            [
                w.VBox([w.HTML("<b>image</b>"), self.source]),
                w.VBox([w.HTML(f"<b>{html.escape(self.space.drawn)}</b>"), self.result]),
            ]
        )
        pair_width = 2 * self._enlarge * self.images["image"].shape[2] + 8  # the factors' line must not widen it
        left = w.VBox([pair, self.about], layout=w.Layout(width=f"{max(pair_width, 200)}px", margin="0 16px 0 0"))
        many = f"{len(self.sliders)} units, the most active first: scroll for more"
        hint = [w.HTML(_muted(many))] if len(self.sliders) > 8 else []
        right = w.VBox([w.HBox([self.picker, self.reset]), *hint, sliders])
        head = [w.HTML(f'<div style="max-width:760px">{html.escape(note)}</div>')] if note else []
        return [*head, w.HBox([left, right], layout=w.Layout(flex_flow="row wrap")), self.caption, self.strip]

    def _connect(self) -> None:
        for unit, slider in self.sliders.items():
            slider.observe(lambda change, unit=unit: self._move(unit, change["new"]), "value")
        traitlets.link((self, "sample"), (self.picker, "value"))
        self.observe(lambda _: self._take_sample(), "sample")
        self.reset.on_click(lambda _: self._take_sample())

    def _take_sample(self) -> None:
        """Start from the chosen image: its code sets every slider."""
        pixels = self.images["image"][self.sample].values
        self.code = self.space.encode(pixels[None])[0]
        with self._deaf():
            for axis in self.space.axes:
                _point(self.sliders[axis.unit], axis, axis.position(self.code))
        self.source.value = pictures.png(pixels, self._enlarge)
        self.about.value = _muted(_factors(self.images, self.sample))
        self._show_picture()
        self._show_strip()

    def _move(self, unit: str, position: float) -> None:
        axis, step = self._axis[unit], self.sliders[unit].step
        # the browser rounds a value to the slider's step and sends it back: that is no move of the reader's
        if not self._listening or abs(position - axis.position(self.code)) < 0.501 * step:
            return
        self.code = axis.moved(self.code, position)
        self._show_picture()
        if unit != self.moved:  # along its own axis, a unit's traversal stays as it is
            self.moved = unit
            self._show_strip()

    def _show_picture(self) -> None:
        self.picture = self.space.draw(self.code[None])[0]
        self.result.value = pictures.png(self.picture, self._enlarge)

    def _show_strip(self) -> None:
        if self.space.slow:
            self.caption.value = _muted(
                "This model draws slowly, so no traversal is shown; distoolkit.traverse draws it."
            )
            return
        axis = self._axis[self.moved]
        images = self.space.traversal(self.code, axis)
        self.strip.value = pictures.png(pictures.row(images), max(1, 80 // max(images.shape[1:3])))
        span = _muted(f"from {axis.low:.2f} to {axis.high:.2f}")
        self.caption.value = f"<b>traversal of {html.escape(self.moved)}</b> {span}"

    @contextlib.contextmanager
    def _deaf(self) -> Iterator[None]:
        """Set sliders without taking it for a move of the reader's."""
        self._listening = False
        try:
            yield
        finally:
            self._listening = True

    def still(self, units: int = 8) -> Image:
        """Draw the traversals of the most active units, one row each: a picture that needs no kernel."""
        lines = [(axis.unit, self.space.traversal(self.code, axis)) for axis in self.space.axes[:units]]
        return pictures.labelled_rows(lines)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Add the still picture, for a reader who has no kernel."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if self.space.slow:
            return bundle
        out = io.BytesIO()
        self.still().save(out, "png")
        return {**bundle, "image/png": base64.b64encode(out.getvalue()).decode()}

    def __repr__(self) -> str:
        """Say what is explored."""
        return f"<Explorer of {self.title}: {len(self.sliders)} units>"


def explore(run: Run | str | os.PathLike[str], images: xr.Dataset, *, device: str = "auto") -> Explorer:
    """Move a code by hand and see the picture it stands for.

    Parameters
    ----------
    run
        A fitted run, or its folder.
    images
        Images Dataset; the reader picks the image to start from.
    device
        Where the model runs.

    Returns
    -------
    Explorer
        A widget: a slider for each unit, the most active first, over the range that the images' codes take. A
        unit of several entries moves along its first principal direction. For a model that cannot draw, the
        image with the nearest code is shown instead.
    """
    from distoolkit.encoding.codec import Codec
    from distoolkit.encoding.codes import encode_with

    codec = Codec(run, device)
    count = images.sizes["sample"]
    some = images.isel(sample=np.unique(np.linspace(0, count - 1, min(count, REFERENCE)).astype(int)))
    latents = encode_with(codec, some, reconstruct=False)
    found = axes(latents)
    name = str(latents.attrs["method"])
    if codec.decodes:
        return Explorer(name, images, Space(codec.encode, codec.decode, found, slow=codec.draws_slowly))
    note = (
        f"{name} cannot draw a code: its model has no decode(). So the sliders show one of {some.sizes['sample']} "
        "images of the data: the one whose code is nearest to theirs."
    )
    draw = nearest(latents["code"].values, some["image"].values)
    return Explorer(name, images, Space(codec.encode, draw, found, drawn="nearest image"), note)


def nearest(code: Floats, images: Pixels) -> Callable[[Floats], Pixels]:
    """Make a stand-in for a decoder: it gives the image whose code is nearest.

    Parameters
    ----------
    code
        (sample, latent): the codes to search. Each entry is divided by its standard deviation, so that all count.
    images
        (sample, y, x, channel), in the same order.
    """
    spread = code.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)

    def draw(wanted: Floats) -> Pixels:
        distance = (((wanted[:, None] - code[None]) / scale) ** 2).sum(axis=-1)
        found: Pixels = images[distance.argmin(axis=1)]
        return found

    return draw


def _slider(axis: Axis, layout: w.Layout, style: Any, live: bool) -> w.FloatSlider:
    return w.FloatSlider(
        axis.low,
        min=axis.low,
        max=axis.high,
        step=(axis.high - axis.low) / 100,
        description=axis.unit,
        tooltip=f"{axis.unit}: its variance over the images is {axis.activity:.3g}",
        readout_format=".2f",
        continuous_update=live,
        layout=layout,
        style=style,
    )


def _point(slider: w.FloatSlider, axis: Axis, position: float) -> None:
    """Set a slider; an image outside the usual range widens it, else the code would be changed."""
    with slider.hold_trait_notifications():
        slider.min, slider.max = min(axis.low, position), max(axis.high, position)
        slider.value = position


def _muted(text: str) -> str:
    return f'<span style="color:var(--jp-ui-font-color2,#616161)">{html.escape(text)}</span>'


def _factors(images: xr.Dataset, sample: int) -> str:
    if "factors" not in images:
        return f"{sample} of {images.sizes['sample']}"
    values = images["factors"][sample]
    return ", ".join(f"{name} {int(v)}" for name, v in zip(values["factor"].values, values.values, strict=True))
