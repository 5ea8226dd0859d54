"""Small pieces of HTML: figures, boards of images, tables. No text goes in without being escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from distoolkit.views.comparison import Entry
from distoolkit.views.mosaic import Mosaic, data_uri, png

_BOARD_WIDTH = 620


def section(anchor: str, title: str, lead: str, body: str) -> str:
    """A part of the page: its heading, one sentence on how to read it, and what it shows."""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2><p class="lead">{escape(lead)}</p>{body}</section>\n'


def figure(title: str, body: str, caption: str = "") -> str:
    """A picture with what it is above and how to read it below."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    head = f"<h3>{escape(title)}</h3>" if title else ""
    return f"<figure>{head}{body}{below}</figure>\n"


def side_by_side(figures: Iterable[str], *, wide: bool = False) -> str:
    """Lay figures out beside each other as far as the page is wide enough."""
    return f'<div class="side-by-side{" wide" if wide else ""}">{"".join(figures)}</div>'


def note(text: str) -> str:
    """A remark that is no part of the text: something that is missing, and why."""
    return f'<p class="note">{escape(text)}</p>'


def folded(summary: str, body: str) -> str:
    """Something that only some readers want: closed until it is clicked."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def board(mosaic: Mosaic) -> str:
    """Rows of images with their labels as text; each row is one picture."""
    columns, width = mosaic.pixels.shape[1], mosaic.pixels.shape[3]
    natural = min(_BOARD_WIDTH, columns * (width * mosaic.zoom + 2))
    rows = []
    for label, pixels in zip(mosaic.rows, mosaic.pixels, strict=True):
        name, _, span = label.partition("  ")
        strip = Mosaic(pixels[None], ("",), mosaic.columns).composed(gap=max(1, width // 32))
        more = f"<small>{escape(span)}</small>" if span else ""
        text = escape(f"{mosaic.title}: {name} {span}".strip(), quote=True)
        rows.append(
            f'<span class="label">{escape(name)}{more}</span>'
            f'<img src="{data_uri(png(strip))}" alt="{text}" width="{strip.shape[1]}" height="{strip.shape[0]}">'
        )
    below = [mosaic.columns[0], mosaic.column_title, mosaic.columns[-1]] if any(mosaic.columns) else []
    ends = below or ([f"← {mosaic.column_title} →"] if mosaic.column_title else [])
    spans = "".join(f"<span>{escape(end)}</span>" for end in ends)
    return (
        f'<div class="board" style="--natural:{natural}px">{"".join(rows)}'
        + (f'<div class="below" style="max-width:{natural}px">{spans}</div>' if spans else "")
        + "</div>"
    )


def pairs(record: Mapping[str, Any]) -> str:
    """A table of names and values; what is nested is written as JSON."""
    rows = "".join(f"<tr><th>{escape(str(n))}</th><td>{_value(v)}</td></tr>" for n, v in record.items())
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are already HTML; the first of each row names it."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr><th>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def strip(entry: Entry, low: float, high: float, interval: Sequence[float] = (), ceiling: float = np.nan) -> str:
    """Draw the scores of one method as dots on a line from ``low`` to ``high``, with an interval and a mark."""

    def place(value: float) -> float:
        return round(4 + 122 * (float(np.clip(value, low, high)) - low) / ((high - low) or 1.0), 1)

    parts = ['<line class="axis" x1="4" x2="126" y1="7" y2="7"/>']
    if len(interval) == 2 and np.isfinite(interval).all():
        parts.append(f'<line class="interval" x1="{place(interval[0])}" x2="{place(interval[1])}" y1="7" y2="7"/>')
    if np.isfinite(ceiling):
        parts.append(f'<line class="ceiling" x1="{place(ceiling)}" x2="{place(ceiling)}" y1="1" y2="13"/>')
    parts += [f'<circle class="dot" cx="{place(v)}" cy="7" r="3.6"/>' for v in entry.values]
    label = escape(f"{entry.metric} of {entry.method}: {entry}", quote=True)
    return f'<svg class="strip" viewBox="0 0 130 14" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _value(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        return f"<code>{escape(json.dumps(value, default=str))}</code>"
    return escape(f"{value:g}" if isinstance(value, float) else str(value))
