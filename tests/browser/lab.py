"""A JupyterLab server of its own, and one notebook on it as a page: open, run all, look.

Used by the tests of this folder and by ``bench/widgets.py``.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

TIMEOUT = 180.0
"""Seconds for the server, and for all cells of a notebook."""
SETTINGS = {
    # without this, cells out of view are not in the page
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}
ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent.trim())"


@dataclass
class Notebook:
    """One notebook, open in a page.

    Attributes
    ----------
    cells
        How many code cells it has that are not empty.
    """

    page: Page
    cells: int

    def run_all(self) -> None:
        """Run every cell and wait for the last."""
        for _ in range(5):  # a click that comes before the kernel's socket is open is lost without a word
            self.page.wait_for_timeout(1500)
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.locator(".lm-Menu li[data-command='runmenu:run-all']").click()
            if self._within(8, f"{PROMPTS}.some(t => /^\\[(\\d+|\\*)\\]/.test(t))"):
                break
        all_done = f"{PROMPTS}.filter(t => /^\\[\\d+\\]/.test(t)).length >= {self.cells}"
        stuck = f"document.querySelector('{ERROR}') && !{PROMPTS}.some(t => t.includes('*'))"  # a cell that raised
        assert self._within(TIMEOUT, f"({all_done}) || ({stuck})"), f"no end: {self.page.evaluate(PROMPTS)}"

    def errors(self) -> list[str]:
        """List what the cells raised."""
        return self.page.locator(ERROR).all_inner_texts()

    def output(self, selector: str, **options: Any) -> Locator:
        """Find something in the cells' outputs."""
        return self.page.locator(f".jp-OutputArea {selector}", **options)

    def press_until(
        self, handle: Locator, read: Callable[[], Any], keys: Sequence[str] = ("ArrowRight", "ArrowLeft")
    ) -> None:
        """Press keys on a slider until what ``read`` gives has changed: a key before the comm is open is lost."""
        before = read()
        for attempt in range(6):
            handle.focus()
            self.page.keyboard.press(keys[attempt % len(keys)])
            end = time.monotonic() + 8
            while time.monotonic() < end:
                if read() != before:
                    return
                self.page.wait_for_timeout(30)
        raise AssertionError("the slider moved nothing")

    def _within(self, seconds: float, condition: str) -> bool:
        from playwright.sync_api import TimeoutError as Late

        try:
            self.page.wait_for_function(condition, timeout=seconds * 1000)
        except Late:
            return False
        return True


@dataclass
class Lab:
    """A running server.

    Attributes
    ----------
    root
        The folder that it serves.
    """

    url: str
    token: str
    root: Path

    def open(self, page: Page, name: str) -> Notebook:
        """Open a notebook of the root folder and wait for its kernel."""
        page.set_default_timeout(TIMEOUT * 1000)
        page.goto(f"{self.url}/lab/tree/{name}?token={self.token}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", state="attached")
        content = json.loads((self.root / name).read_text(encoding="utf-8"))
        cells = sum(c["cell_type"] == "code" and bool("".join(c["source"]).strip()) for c in content["cells"])
        return Notebook(page, cells)


@contextmanager
def serving(root: Path, work: Path) -> Iterator[Lab]:
    """Serve a folder, with settings, configuration and runtime files in ``work`` and none of the user's."""
    for name, value in SETTINGS.items():
        path = work / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    folders = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    token, port = secrets.token_hex(16), _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
        *(f"--ServerApp.root_dir={root}", "--LabApp.news_url=", "--LabApp.extension_manager=readonly"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (work / "server.log").open("w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {name: str(work / folder) for name, folder in folders.items()},
        )
        lab = Lab(f"http://127.0.0.1:{port}", token, root)
        try:
            _wait_for(lab, server, work / "server.log")
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def notebook(*cells: str) -> dict[str, Any]:
    """Make a notebook of code cells."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{k}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": c,
            }
            for k, c in enumerate(cells)
        ],
    }


def not_yet_run(path: Path) -> dict[str, Any]:
    """Read a stored notebook without its outputs and numbers, by which `Notebook.run_all` sees what has run."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return content


def _wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with {server.returncode}:\n{log.read_text()[-3000:]}")
        try:
            urllib.request.urlopen(f"{lab.url}/api?token={lab.token}", timeout=5).read()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"JupyterLab did not answer:\n{log.read_text()[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
