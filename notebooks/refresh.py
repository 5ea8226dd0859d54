"""Run notebooks and store their outputs: ``python notebooks/refresh.py [NOTEBOOK ...]``.

Outputs are what a reader sees on a code host and what nbval compares, so they are made the way the tests make them:
one thread, a fixed hash seed. What only a live page can use (scripts, widget states) is left out: a plot's library
alone would add 6 MB to each notebook.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ |= {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
KEPT = ("text/plain", "text/html", "text/markdown", "image/png", "image/svg+xml")


def refresh(path: Path) -> None:
    """Run one notebook in a fresh kernel and write it back with outputs that can be read without one."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(readable, cell.outputs) if output is not None]
    nbformat.write(notebook, path)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def readable(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Drop progress bars, scripts and widget models; None if nothing is left."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type in ("display_data", "execute_result"):
        output.data = {kind: value for kind, value in output.data.items() if kind in KEPT}
        if "<script" in str(output.data.get("text/html", "")):
            del output.data["text/html"]
        return output if set(output.data) - {"text/plain"} or output.output_type == "execute_result" else None
    return output


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(HERE.glob("**/[!.]*.ipynb")):
        refresh(Path(name))
