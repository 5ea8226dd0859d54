"""A fitted model on plain arrays."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from distoolkit.contract import Decodes, HasPosterior, ImageSpec, RunError, Unit
from distoolkit.data.batches import as_bytes, as_floats, pick_device
from distoolkit.runs import Run, open_run

Source: TypeAlias = Run | str | os.PathLike[str]
Array: TypeAlias = npt.NDArray[Any]


class Codec:
    """A model that encodes and decodes plain arrays, in evaluation mode and without gradients.

    Parameters
    ----------
    source
        A run, its folder, or a model. A model stays on its device and keeps its training mode for others.
    device
        Where to load a run's model.
    spec
        Shape of the images of a bare model, where it matters.

    Attributes
    ----------
    run
        The run, if the model came from one.
    spec
        Shape of the images that it takes; None for a bare model.
    """

    def __init__(
        self, source: Source | torch.nn.Module, device: str = "auto", *, spec: ImageSpec | None = None
    ) -> None:
        self.run: Run | None = None
        self.spec = spec
        if isinstance(source, torch.nn.Module):
            self._model = source
            self.device = next((p.device for p in source.parameters()), torch.device("cpu"))
        else:
            self.run = source if isinstance(source, Run) else open_run(source)
            self.spec = self.run.spec
            self.device = pick_device(device)
            self._model = self.run.model(str(self.device))

    @property
    def decodes(self) -> bool:
        """Whether the model can draw a code."""
        return isinstance(self._model, Decodes)

    @property
    def draws_slowly(self) -> bool:
        """Whether a picture takes the model many passes, so that none is drawn without need."""
        return bool(getattr(self._model, "draws_slowly", False))

    @property
    def shows_progress(self) -> bool:
        """Whether it draws slowly and its ``decode`` takes ``progress``, to show a bar over those passes."""
        decode = getattr(self._model, "decode", None)
        return self.draws_slowly and decode is not None and "progress" in inspect.signature(decode).parameters

    @property
    def layout(self) -> tuple[Unit, ...] | None:
        """The units of the flat code, if the model names them; else each entry is a unit."""
        layout = getattr(self._model, "layout", None)
        return None if layout is None else tuple(layout)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of its images."""
        if self.spec is None:
            raise RunError("the shape of this model's images is not known: give Codec(model, spec=ImageSpec(...))")
        return self.spec.height, self.spec.width, self.spec.channels

    @cached_property
    def width(self) -> int:
        """Entries of the flat code; a black image is encoded to see."""
        return int(self.encode(np.zeros((1, *self.shape), dtype=np.uint8)).shape[1])

    def encode(self, images: Array) -> Array:
        """Encode uint8 images (sample, y, x, channel) to codes (sample, latent) float32."""
        with self.evaluating():
            return as_array(self.code(as_floats(torch.from_numpy(images).to(self.device))))

    def decode(self, codes: npt.ArrayLike, *, progress: bool = False) -> Array:
        """Draw codes (sample, latent) as uint8 images (sample, y, x, channel).

        Parameters
        ----------
        codes
            All of them are drawn at once.
        progress
            Show the model's own bar, if it has one.

        Raises
        ------
        RunError
            The model has no ``decode``.
        """
        with self.evaluating():
            code = torch.as_tensor(np.asarray(codes, dtype=np.float32)).to(self.device)
            return as_bytes(self.image(code, progress=progress))

    def code(self, image: torch.Tensor) -> torch.Tensor:
        """Call the model's ``encode``, on float images (batch, channel, y, x) on its device."""
        return self._model.encode(image)  # type: ignore[operator, no-any-return]

    def image(self, code: torch.Tensor, *, progress: bool = False) -> torch.Tensor:
        """Call the model's ``decode``, on codes (batch, latent) on its device; with its own bar, if it has one."""
        if not isinstance(self._model, Decodes):
            who = self.run.method.name if self.run else type(self._model).__name__
            raise RunError(f"{who!r} cannot draw a code: its model has no decode(), so there are no pictures of codes")
        told = {"progress": True} if progress and self.shows_progress else {}
        return self._model.decode(code, **told)

    def deviation(self, image: torch.Tensor) -> torch.Tensor | None:
        """Return the posterior's standard deviation (batch, latent), if the model has one."""
        if not isinstance(self._model, HasPosterior):
            return None
        try:
            return self._model.posterior(image).stddev
        except NotImplementedError:  # some distributions have none
            return None

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Compute without gradients and in evaluation mode; afterwards each part trains as it did before."""
        modes = [(part, part.training) for part in self._model.modules()]
        self._model.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            for part, training in modes:
                part.training = training


def as_array(tensor: torch.Tensor) -> Array:
    """Bring a tensor to the host, as float32."""
    return np.asarray(tensor.float().cpu().numpy())
