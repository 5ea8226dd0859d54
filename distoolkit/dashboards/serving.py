"""The dashboard as a page of its own, on this machine only."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import panel as pn
import xarray as xr

from distoolkit.contract import DistoolkitError
from distoolkit.dashboards.app import Dashboard
from distoolkit.material import Source, gather

_HOST = "127.0.0.1"


def serve(
    runs: Source | Sequence[Source],
    images: xr.Dataset | None = None,
    *,
    latents: xr.Dataset | Sequence[xr.Dataset] | None = None,
    scores: xr.Dataset | Sequence[xr.Dataset] | None = None,
    port: int = 0,
    show: bool = True,
) -> None:
    """Serve the dashboard of runs on 127.0.0.1 until Ctrl-C; nothing outside this machine can reach it.

    Parameters
    ----------
    runs, images, latents, scores
        As for `distoolkit.dashboard`.
    port
        Port to listen on; 0 takes a free one.
    show
        Open the page in the browser.

    Raises
    ------
    DistoolkitError
        The port is taken.
    """
    found = gather(runs, images, latents, scores)
    # what was gathered is shared; each visitor gets a selection of their own
    server = _server(lambda: Dashboard(found), port)
    print(f"dashboard at http://{_HOST}:{server.port}/  (Ctrl-C stops it)", flush=True)
    if show:
        server.io_loop.add_callback(server.show, "/")
    server.run_until_shutdown()


def _server(page: Any, port: int) -> Any:
    port = _free(port)
    return pn.serve(
        page,
        port=port,
        address=_HOST,
        websocket_origin=[f"{_HOST}:{port}", f"localhost:{port}"],
        show=False,
        start=False,
        verbose=False,
        title="distoolkit",
    )


def _free(port: int) -> int:
    """Make sure that a port can be had, or find one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that was just stopped is no obstacle
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError) as error:
            raise DistoolkitError(
                f"port {port} cannot be used ({error}); choose another, or 0 for any free one"
            ) from error
        return int(probe.getsockname()[1])
