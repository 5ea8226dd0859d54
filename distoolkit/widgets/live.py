"""Pictures that are drawn anew while a model trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import ipywidgets as w
import torch

from distoolkit.encoding import Codec
from distoolkit.widgets.pictures import Pixels, encoded, labelled_rows

Rows = Sequence[tuple[str, Pixels]]


class LivePictures(w.VBox):
    """Rows of pictures that follow a session.

    ``live = LivePictures(draw)``, show it, then ``for progress in live.watch(session): ...`` in a later cell.

    Parameters
    ----------
    draw
        ``(model, stage) -> (line, rows)``: one line of text, and named rows of pictures (n, y, x, channel) uint8. It is
        called without gradients and in evaluation mode.
    every
        Steps between two drawings; the end of each stage is drawn as well.

    Attributes
    ----------
    rows
        What is shown.
    step
        The step that it belongs to; 0 before the first.
    """

    def __init__(self, draw: Callable[[Any, str], tuple[str, Rows]], *, every: int = 100) -> None:
        self._draw, self.every = draw, every
        self.rows: Rows = []
        self.step = 0
        self.label = w.Label("no step yet")
        self._picture = w.Image(format="png", layout={"align_self": "flex-start"})  # a column would stretch it
        super().__init__([self.label, self._picture])

    def watch(self, session: Iterable[Any]) -> Iterator[Any]:
        """Pass on the session's progress, and draw on the way."""
        for progress in session:
            if progress.step % self.every == 0 or progress.stage_step == progress.stage_steps:
                self.update(session.model, progress.stage, progress.step)  # type: ignore[attr-defined]
            yield progress

    def update(self, model: Any, stage: str, step: int) -> None:
        """Draw with the model as it is; random numbers and training modes stay as they are."""
        with torch.random.fork_rng(), Codec(model).evaluating():
            said, self.rows = self._draw(model, stage)
        self.step = step
        self.label.value = f"stage {stage}, after step {step}" + (f": {said}" if said else "")
        if self.rows:
            self._picture.value = encoded(labelled_rows(self.rows))
