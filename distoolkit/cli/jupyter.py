"""``distoolkit lab``: the tutorials in JupyterLab."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from distoolkit.contract import DataError, DistoolkitError


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("notebook", required=False)
@click.argument("jupyter_flags", nargs=-1, type=click.UNPROCESSED)
def lab(notebook: str | None, jupyter_flags: tuple[str, ...]) -> None:
    """Open the first tutorial, or NOTEBOOK, in JupyterLab.

    It listens on this machine only and asks for its token. Further flags, such as --no-browser or --port 9000, go
    to JupyterLab as they are.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise DistoolkitError("JupyterLab is not installed: pip install 'distoolkit[lab]'")
    if notebook is not None and notebook.startswith("-"):
        jupyter_flags, notebook = (notebook, *jupyter_flags), None
    target = find_notebook(notebook)
    if target is None:
        click.echo("The tutorials are not part of the installed package: find them in notebooks/ of its repository.")
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container's usual user; the server is reached from this machine only
    command += [*jupyter_flags, *([str(target)] if target else [])]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def find_notebook(name: str | None) -> Path | None:
    """Find a notebook by path or by the start of a tutorial's name; without a name, the first tutorial.

    Raises
    ------
    DataError
        There is no such notebook; the tutorials that there are get listed.
    """
    tutorials = find_tutorials()
    if name is None:
        return tutorials[0] if tutorials else None
    if Path(name).is_file():
        return Path(name)
    for tutorial in tutorials:
        if tutorial.name.startswith(name):
            return tutorial
    raise DataError(f"no notebook {name!r}; tutorials: {', '.join(t.stem for t in tutorials) or 'none here'}")


def find_tutorials() -> list[Path]:
    """List the numbered notebooks beside the working folder, or in the checkout that this package runs from."""
    checkout = Path(__file__).resolve().parents[2]
    for root in (Path.cwd(), checkout):
        found = (root / "notebooks").glob("[0-9]*_*.ipynb")
        if tutorials := sorted(found, key=lambda path: int(path.name.split("_")[0])):
            return tutorials
    return []
