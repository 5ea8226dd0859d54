from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from distoolkit.runs import open_run
from distoolkit.training import fit
from tests.training import two_devices
from tests.training.kills import images


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    """Each has half of every batch, and the mean of their gradients is that of the whole batch."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port", port]
    environment = os.environ | {"DISTOOLKIT_PLUGINS": "core", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, "-m", "tests.training.two_devices", str(tmp_path / "two")],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert all(f"rank {rank} of 2: finished" in done.stdout for rank in (0, 1))

    two = open_run(tmp_path / "two", two_devices.METHOD)
    one = fit(two_devices.METHOD, images(), folder=tmp_path / "one", device="cpu", **two_devices.OPTIONS)
    assert two.history["images"].values.tolist() == [4, 4, 4]
    np.testing.assert_allclose(two.history["loss"], one.history["loss"], rtol=1e-5)
    for ours, theirs in zip(two.model().parameters(), one.model().parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
