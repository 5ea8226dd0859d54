"""Pictures as files, each with the provenance of its data inside."""

from __future__ import annotations

import html
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from distoolkit.contract import DataError
from distoolkit.storage import replacing
from distoolkit.views.backend import ready
from distoolkit.views.drawing import draw
from distoolkit.views.mosaic import Mosaic
from distoolkit.views.rendering import Picture, static

_KEY = "distoolkit"
_FRAME_MILLISECONDS = 110
_GIF_COLUMNS = 10


def export(shown: Any, path: str | os.PathLike[str]) -> Path:
    """Write a view, or a Dataset in its usual view, to a file.

    The provenance of the data goes with it: a text chunk in a PNG, ``<metadata>`` in an SVG, a JSON script in an
    HTML page, the comment of a GIF. `provenance` reads it back.

    Parameters
    ----------
    shown
        What a view returned, any other HoloViews object, or a Dataset.
    path
        Its ending chooses the form: ``.png``, ``.svg``, ``.html`` (one file that opens offline; a plot keeps its
        hover and zoom and is about 1.5 MB), or ``.gif`` (rows of images, such as a traversal, as a film).

    Returns
    -------
    Path
        Where it was written, whole or not at all.

    Raises
    ------
    DataError
        Another ending, or something that has no such form.
    """
    ready()
    path = Path(path)
    writers: dict[str, Callable[[Any], bytes]] = {".png": as_png, ".svg": _svg, ".html": _html, ".gif": _gif}
    if path.suffix.lower() not in writers:
        raise DataError(f"cannot write {path.name!r}: end the name in {', '.join(writers)}")
    content = writers[path.suffix.lower()](draw(shown) if isinstance(shown, xr.Dataset) else shown)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def provenance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read back the provenance that `export` wrote into a file.

    Raises
    ------
    DataError
        The file was not written by `export`.
    """
    path = Path(path)
    if path.suffix.lower() in (".png", ".gif"):
        with Image.open(path) as image:
            text = image.info.get(_KEY) or image.info.get("comment", b"")
    else:
        found = re.search(f'id="{_KEY}-provenance"[^>]*>(.*?)</', path.read_text(encoding="utf-8"), flags=re.S)
        text = html.unescape(found[1]) if found else ""
    try:
        record: dict[str, Any] = json.loads(text)["provenance"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no provenance; views.export writes files that do") from error
    return record


def page(title: str, body: str, record: str, *, head: str = "") -> str:
    """Put together one HTML file that asks for nothing from outside."""
    # "<" is escaped so that no text in the record can end the script
    safe = record.replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="distoolkit {_version()}"><title>{html.escape(title)}</title>{head}'
        f'<script type="application/json" id="{_KEY}-provenance">{safe}</script></head>\n'
        f"<body>{body}</body></html>\n"
    )


def as_text(picture: Picture) -> str:
    """Write what a file says about itself as JSON."""
    return json.dumps(
        {"distoolkit": _version(), "shows": picture.text, "provenance": picture.provenance}, sort_keys=True, default=str
    )


def as_png(shown: Any) -> bytes:
    """Return what `export` writes into a ``.png``."""
    picture, buffer, info = static(shown), io.BytesIO(), PngInfo()
    info.add_itxt(_KEY, as_text(picture))
    info.add_itxt("Title", picture.text)
    info.add_text("Software", f"distoolkit {_version()}")
    picture.image.save(buffer, "PNG", optimize=True, pnginfo=info)
    return buffer.getvalue()


def _svg(shown: Any) -> bytes:
    picture = static(shown)
    record = html.escape(as_text(picture), quote=False)
    opening, rest = picture.svg.split(">", 1)
    title = "" if "<title>" in rest[:200] else f"<title>{html.escape(picture.text)}</title>"
    return f'{opening}>{title}<metadata id="{_KEY}-provenance">{record}</metadata>{rest}'.encode()


def _html(shown: Any) -> bytes:
    picture = static(shown)
    style = "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem;background:#fff}svg{max-width:100%}</style>"
    if isinstance(picture.source, Mosaic):
        body = picture.svg
    else:
        body, scripts = _bokeh(picture.source)
        style += scripts
    return page(picture.text, body, as_text(picture), head=style).encode()


def _bokeh(shown: Any) -> tuple[str, str]:
    """Return the markup and the scripts of an interactive plot, all of them inside the file."""
    from bokeh.embed import components
    from bokeh.resources import Resources

    model = hv.render(shown, backend="bokeh")
    script, div = components(model, wrap_script=True)
    widgets = any(type(part).__module__.startswith("bokeh.models.widgets") for part in model.references())
    needed: Any = ["bokeh", "bokeh-widgets", "bokeh-tables"] if widgets else ["bokeh"]
    # not render_js(): Panel, once imported, makes it ask for a script of Panel's own server
    libraries = "".join(f"<script>{text}</script>" for text in Resources(mode="inline", components=needed).js_raw)
    return div + script, libraries


def _gif(shown: Any) -> bytes:
    picture = static(shown)
    mosaic = picture.source
    if not isinstance(mosaic, Mosaic) or mosaic.pixels.shape[1] < 2:
        raise DataError("only rows of images, such as a traversal, make a film; export this as .png, .svg or .html")
    count = mosaic.pixels.shape[1]
    there_and_back = [*range(count), *range(count - 2, 0, -1)]
    frames = [_frame(mosaic, j).image() for j in there_and_back]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=_FRAME_MILLISECONDS,
        loop=0,
        comment=as_text(picture).encode("utf-8"),
    )
    return buffer.getvalue()


def _frame(mosaic: Mosaic, column: int) -> Mosaic:
    """Lay out one column of a board as a picture of its own, a few rows of images."""
    pixels, names = mosaic.pixels[:, column], mosaic.rows
    width = min(_GIF_COLUMNS, len(names))
    rows = -(-len(names) // width)
    sheet = np.full((rows * width, *pixels.shape[1:]), 255, dtype=np.uint8)
    sheet[: len(names)] = pixels
    groups = [names[i : i + width] for i in range(0, len(names), width)]
    labels = ("",) if rows == 1 else tuple(f"{g[0]} – {g[-1]}" for g in groups)
    columns = names if rows == 1 else ("",) * width
    value = mosaic.columns[column]
    # a title of one width, so that the frames have one size
    title = f"{mosaic.column_title} {value:>6}" if value else f"step {column + 1:>2} of {mosaic.pixels.shape[1]}"
    return Mosaic(sheet.reshape(rows, width, *pixels.shape[1:]), labels, tuple(columns), title=title)


def _version() -> str:
    from distoolkit import __version__

    return __version__
