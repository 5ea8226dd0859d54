"""What only a diffusion model has to show: a swap board, the walk from noise to picture, samples while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import numpy as np
import numpy.typing as npt
import torch
import traitlets
import xarray as xr

from distoolkit.data.batches import Pixels, as_bytes, pick_device
from distoolkit.nn.diffusion import sampling
from distoolkit.runs import Run
from distoolkit.widgets.live import LivePictures, Rows
from distoolkit.widgets.pictures import encoded, labelled_rows
from distoolkit_disdiff.diffusion import Diffusion
from distoolkit_disdiff.model import DisDiff

Array = npt.NDArray[np.uint8]
_WIDE = {"description_width": "110px"}


def swap_board(run: Run, images: xr.Dataset) -> SwapBoard:
    """Show two images, what becomes of the first with some units of the second, and where each unit's field acts."""
    device = pick_device("auto")
    return SwapBoard(run.model(str(device)), images, device)


def denoising(run: Run, images: xr.Dataset) -> Denoising:
    """Show the walk from noise to picture under a slider: of new samples (``ddpm``), or of codes (``disdiff``)."""
    device = pick_device("auto")
    return Denoising(run.model(str(device)), images, device)


class SwapBoard(w.VBox):  # type: ignore[misc]
    """A board of two images and their units. `swap_board` makes it.

    Attributes
    ----------
    target, source
        Positions of the two images (observable).
    units
        Indices of the units that are taken from the source (observable).
    strength
        What the fields are multiplied by when pictures are drawn (observable).
    time
        The time t at which the fields are shown (observable).
    drawn
        (4, y, x, channel) uint8: target, source, the target drawn from its own code, and with the units swapped.
    fields
        (unit, y, x) the mean size of each unit's field, over channels, for the target at time t; all on one scale.
    """

    target = traitlets.Int(0)
    source = traitlets.Int(1)
    units = traitlets.Tuple((0,))
    strength = traitlets.Float(1.0, min=0.0)
    time = traitlets.Int(0)

    def __init__(self, model: Any, images: xr.Dataset, device: torch.device) -> None:
        self._model: DisDiff = model
        self._images, self._device = images, device
        self._starts: dict[tuple[int, float], torch.Tensor] = {}
        self.drawn = np.zeros((4, 1, 1, 1), dtype=np.uint8)
        self.fields = np.zeros((1, 1, 1), dtype=np.float32)
        count, last = images.sizes["sample"], len(model.diffusion.schedule) - 1
        names = [(unit.name, c) for c, unit in enumerate(model.layout)]
        self._board = w.Image(format="png")
        self._maps = w.Image(format="png", layout={"align_self": "flex-start"})  # a column would stretch it
        controls = {
            "target": w.IntSlider(max=count - 1, continuous_update=False, style=_WIDE),
            "source": w.IntSlider(max=count - 1, continuous_update=False, style=_WIDE),
            "units": w.SelectMultiple(options=names, rows=min(6, len(names)), style=_WIDE),
            "strength": w.FloatSlider(max=4.0, step=0.5, continuous_update=False, style=_WIDE),
            "time": w.IntSlider(max=last, continuous_update=False, description="fields at t", style=_WIDE),
        }
        for name, control in controls.items():
            control.description = control.description or name
            w.link((self, name), (control, "value"))
        super().__init__([w.HBox([w.VBox(list(controls.values())), self._board]), self._maps])
        self.source, self.time = min(1, count - 1), last // 2
        self.observe(lambda _: self._draw(), ["target", "source", "units", "strength"])
        self.observe(lambda _: self._draw_fields(), ["target", "time"])
        self._draw()
        self._draw_fields()

    @torch.no_grad()
    def _draw(self) -> None:
        model = self._model
        image = self._pixels([self.target, self.source])
        code = model.by_unit(model.encode(image))
        key = (self.target, self.strength)
        if key not in self._starts:  # finding it takes as long as drawing
            self._starts = {key: model.invert(image[:1], code[:1].flatten(1), strength=self.strength)}
        mixed = code[:1].clone()
        chosen = list(self.units)
        mixed[:, chosen] = code[1:, chosen]
        both = torch.cat([code[:1], mixed]).flatten(1)
        drawn = model.decode(both, noise=self._starts[key], strength=self.strength)
        self.drawn = np.concatenate([as_bytes(image), as_bytes(drawn)])
        rows = [("target, source", self.drawn[:2]), ("drawn, swapped", self.drawn[2:])]
        self._board.value = encoded(labelled_rows(rows, size=96))

    @torch.no_grad()
    def _draw_fields(self) -> None:
        model = self._model
        image = self._pixels([self.target])
        clean = model.diffusion.to_clean(image)
        t = torch.full((1,), self.time, device=self._device)
        noisy = model.diffusion.schedule.add_noise(clean, model.noise, t)
        _, fields = model.fields(noisy, t, model.by_unit(model.encode(image)))
        self.fields = fields[0].abs().mean(1).cpu().numpy()
        shades = np.rint(255 * self.fields / max(float(self.fields.max()), 1e-12)).astype(np.uint8)
        found = zip(model.layout, self.fields, shades, strict=True)
        rows = [(f"{unit.name}  {size.mean():.2g}", shade[None, :, :, None]) for unit, size, shade in found]
        self._maps.value = encoded(labelled_rows(rows, size=64))

    def _pixels(self, positions: Sequence[int]) -> torch.Tensor:
        return _floats(self._images, positions, self._device)


class Denoising(w.VBox):  # type: ignore[misc]
    """The steps of a DDIM walk under a slider. `denoising` makes it.

    Attributes
    ----------
    step
        Which step is shown; 0 is the first (observable).
    walk
        (step, 2, picture, y, x, channel) uint8: x_t, and the estimate of x_0 at that step.
    """

    step = traitlets.Int(0)

    def __init__(self, model: Any, images: xr.Dataset, device: torch.device, count: int = 4) -> None:
        count = min(count, images.sizes["sample"])
        self.walk = _walk(model, images, device, count)
        self._times = sampling.sampling_times(_diffusion(model).schedule, len(self.walk))[::-1]
        self._picture = w.Image(format="png", layout={"align_self": "flex-start"})  # a column would stretch it
        slider = w.IntSlider(max=len(self.walk) - 1, description="step", style=_WIDE)
        w.link((self, "step"), (slider, "value"))
        self._label = w.Label()
        super().__init__([w.HBox([slider, self._label]), self._picture])
        self.observe(lambda _: self._show(), "step")
        self.step = len(self.walk) - 1
        self._show()

    def _show(self) -> None:
        noisy, clean = self.walk[self.step]
        self._label.value = f"after the step at t = {self._times[self.step]}"
        self._picture.value = encoded(labelled_rows([("x_t", noisy), ("estimate of x_0", clean)], size=96))


@torch.no_grad()
def _walk(model: Any, images: xr.Dataset, device: torch.device, count: int) -> Array:
    diffusion = _diffusion(model)
    start = diffusion.start(count)
    predict: sampling.Predictor = diffusion.predict
    if isinstance(model, DisDiff):
        predict = model.predictor(model.encode(_floats(images, range(count), device)))
    count, clip = diffusion.sampling_steps, diffusion.bounded
    steps = sampling.ddim_walk(predict, diffusion.schedule, start, count, clip=clip, progress=True)
    return np.stack([np.stack([as_bytes(diffusion.to_image(x)) for x in pair]) for pair in steps])


class LiveSamples(LivePictures):
    """Samples that are drawn anew while a session trains.

    ``live = LiveSamples(images)``, show it, then ``for progress in live.watch(session): ...`` in a later cell. While
    the diffusion model trains these are new samples, always from the same noise; later the first images and what their
    codes give.
    """

    def __init__(self, images: xr.Dataset, *, count: int = 6, every: int = 100) -> None:
        shown = range(min(count, images.sizes["sample"]))

        def draw(model: Any, stage: str) -> tuple[str, Rows]:
            if stage == "diffusion":
                rows = [("samples", _diffusion(model).sample(len(shown)))]
            else:
                image = _floats(images, shown, next(model.parameters()).device)
                rows = [("images", image), ("from their codes", model.decode(model.encode(image)))]
            return "", [(name, as_bytes(pictures)) for name, pictures in rows]

        super().__init__(draw, every=every)


def _diffusion(model: Any) -> Diffusion:
    found: Diffusion = getattr(model, "diffusion", model)
    return found


def _floats(images: xr.Dataset, positions: Sequence[int], device: torch.device) -> torch.Tensor:
    chosen = Pixels(images.isel(sample=list(positions)), device, resident=False)
    return chosen.batch(torch.arange(len(chosen)))["image"]
