"""Data cards: all that is known about a data set before it is loaded."""

from __future__ import annotations

import base64
import html
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from distoolkit import registry
from distoolkit.contract import DataError, DataFile, DataSource
from distoolkit.data.loading import load
from distoolkit.data.options import REQUIRED, SELECTION, options_of


@dataclass(frozen=True)
class Card:
    """The facts about one data set. Prints as text; a notebook shows it as a table.

    Attributes
    ----------
    source
        The record that it was made from.
    pictures
        Some of its images (image, y, x, channel) uint8, if they were asked for.
    """

    source: DataSource
    pictures: npt.NDArray[np.uint8] | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What the card says, by heading; headings without a fact are left out."""
        source, paper = self.source, self.source.paper
        said = {
            "what": source.summary,
            "factors": ", ".join(f"{name} {size}" for name, size in source.factors.items()),
            "images": f"{math.prod(source.factors.values()):,}, one for each combination" if _is_grid(source) else "",
            "files": "none needed" if source.embedded else "",
            "licence": source.licence,
            "paper": f"{paper.authors}: {paper.title}. {paper.venue} {paper.year or ''}".strip() if paper else "",
            "described at": source.url or (paper.url if paper else ""),
            "memory": source.memory,
            "options": "; ".join(_option(o) for o in options_of(source).values() if o not in SELECTION),
        }
        return {heading: fact for heading, fact in said.items() if fact}

    def __str__(self) -> str:
        """Return the card as plain text."""
        lines = [self.source.name, *(f"  {heading}: {fact}" for heading, fact in self.facts.items())]
        lines += [f"  file: {as_text(f)}" for f in self.source.files]
        lines += [f"  note: {note}" for note in self.source.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [*self.facts.items(), *(("file", as_text(f)) for f in self.source.files)]
        rows += [("note", note) for note in self.source.notes]
        table = "".join(
            f"<tr><th style='text-align:left'>{html.escape(a)}</th>"
            f"<td style='text-align:left'>{html.escape(b)}</td></tr>"
            for a, b in rows
        )
        shown = (
            ""
            if self.pictures is None
            else f"<img alt='images of {html.escape(self.source.name)}' src='{_png(self.pictures)}'>"
        )
        return f"<b><code>{html.escape(self.source.name)}</code></b><table>{table}</table>{shown}"


def card(name: str, *, pictures: int = 0, **options: Any) -> Card:
    """Return the data card of a data set.

    Parameters
    ----------
    name
        One of `distoolkit.datasets()`.
    pictures
        Show this many of its images, drawn at random. That loads it: sets in files are then read.
    options
        For loading, if pictures are shown.

    Raises
    ------
    UnknownNameError
        No data set of that name.
    """
    source = registry.find("datasets", name)
    if not pictures:
        return Card(source)
    if pictures < 0:
        raise DataError(f"pictures = {pictures}: give 0 or more")
    return Card(source, load(name, **{"sample": pictures, **options})["image"].values)


def _is_grid(source: DataSource) -> bool:
    return len(source.factors) > 1 and source.name not in _NO_GRID


_NO_GRID = ("celeba",)


def _option(option: Any) -> str:
    default = "required" if option.default is REQUIRED else repr(option.default)
    return f"{option.name}={default} ({option.allowed})"


def as_text(file: DataFile) -> str:
    """Say in one line what a published file is: its name, size, checksum and where it is offered."""
    size = f"{file.size:,} bytes" if file.size else "size not known"
    places = ", ".join(file.urls) or "to be fetched by hand"
    return f"{file.name}: {size}, {file.checksum or 'no checksum known'}; {places}"


def _png(pictures: npt.NDArray[np.uint8]) -> str:
    """Return a grid of pictures, eight in a row, as a data address."""
    count, height, width, channels = pictures.shape
    columns = min(8, count)
    rows = -(-count // columns)
    sheet = np.full((rows * columns, height, width, channels), 255, dtype=np.uint8)
    sheet[:count] = pictures
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    flat = sheet.reshape(rows * height, columns * width, channels)
    file = io.BytesIO()
    Image.fromarray(flat[..., 0] if channels == 1 else flat).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
