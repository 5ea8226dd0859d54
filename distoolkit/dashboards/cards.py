"""The look of the dashboard: cards, remarks, and the button that saves a picture."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Any

import holoviews as hv
import panel as pn

from distoolkit.contract import DistoolkitError
from distoolkit.views.backend import INK, QUIET, RULE
from distoolkit.views.exporting import as_png

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'
_CARD = {
    "border": f"1px solid {RULE}",
    "border-radius": "8px",
    "padding": "12px 16px",
    "background": "white",
    "max-width": "100%",
    "overflow-x": "auto",
}


def card(title: str, summary: str, *content: Any, picture: Callable[[], Any] | None = None) -> pn.Column:
    """A part of the page: its title, one line on what it shows, and, where there is a picture, a button to save it.

    Parameters
    ----------
    picture
        Called when the button is pressed; returns what `distoolkit.views.static` takes.
    """
    words = f"<b>{html.escape(title)}</b><br><span style='color:{QUIET}'>{html.escape(summary)}</span>"
    head = pn.Row(text(words, width=330 if summary else 200))
    if picture is not None:
        head.append(_save_button(title, picture))
    return pn.Column(head, *content, styles=_CARD, margin=8)


def text(markup: str, **options: Any) -> pn.pane.HTML:
    """Running text, already HTML."""
    return pn.pane.HTML(markup, styles={"font-family": FONT, "color": INK, "font-size": "14px"}, **options)


def remark(words: str) -> pn.pane.HTML:
    """Something that is missing, and why."""
    style = f"background:#f6f8fa;border-left:3px solid {RULE};padding:8px 12px;max-width:620px"
    return text(f"<div style='{style}'>{html.escape(words)}</div>")


def guarded(build: Callable[[], Any]) -> tuple[Any, bool]:
    """Build something that may fail and draw it once; return it and True, or a remark with its error and False."""
    try:
        shown: Any = _pane(build())
        shown.get_root()  # much goes wrong only when it is drawn, and would then take the page with it
    except DistoolkitError as error:
        return remark(str(error)), False
    except Exception as error:  # anything a stranger's panel may raise
        return remark(f"this panel failed: {type(error).__name__}: {error}"), False
    return shown, True


def _pane(shown: Any) -> Any:
    # Bokeh's own table needs its style sheet in the page and fails inside Panel's shadow roots
    return _table(shown) if isinstance(shown, hv.Table) else pn.panel(shown)


def _table(table: hv.Table) -> pn.pane.HTML:
    head = "".join(f"<th>{html.escape(d.pprint_label)}</th>" for d in table.dimensions())
    rows = zip(*(table.dimension_values(i) for i in range(len(table.dimensions()))), strict=True)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    rules = (
        f"table{{border-collapse:collapse}} th{{color:{QUIET};font-weight:500}}"
        f"th,td{{text-align:left;padding:5px 18px 5px 0;border-bottom:1px solid {RULE}}}"
    )
    return text(f"<style>{rules}</style><table><tr>{head}</tr>{body}</table>")


def _save_button(title: str, picture: Callable[[], Any]) -> pn.widgets.FileDownload:
    name = re.sub(r"\W+", "-", title.lower()).strip("-")
    return pn.widgets.FileDownload(
        callback=lambda: io.BytesIO(as_png(picture())),
        filename=f"{name}.png",
        label="save PNG",
        width=110,
        align="start",
    )
