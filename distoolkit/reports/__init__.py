"""One HTML file about a run or several, to read, send and keep: it opens offline and asks for nothing."""

from distoolkit.reports.writing import report

__all__ = ["report"]
