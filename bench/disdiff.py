"""DisDiff: fields in one batch against one by one, the cost of a picture, and the whole way in quick settings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from distoolkit_disdiff import DISDIFF
from distoolkit_disdiff.model import DisDiff, build
from distoolkit_disdiff.settings import DisDiffConfig

from bench.measure import Row, cpu_seconds
from distoolkit.contract import ImageSpec

_SMALL = replace(DISDIFF.quick, latents=8)


def rows() -> Iterator[Row]:
    """Yield the rows."""
    torch.manual_seed(0)
    for batch in (1, 4):
        yield _fields(batch)
    yield _picture()
    yield _whole()


def _fields(batch: int) -> Row:
    """Compare the gradient fields of 8 units in one pass with 8 passes.

    What is saved is overhead: on a CPU nothing is left of it from about 16 images on.
    """
    model = _model(_SMALL, 16)
    noisy, t = torch.randn(batch, 3, 16, 16), torch.full((batch,), 500)
    code = torch.randn(batch, 8, _SMALL.unit_size)
    estimator = model.average["estimator"]
    with torch.no_grad():
        _, maps, time = model.diffusion.look(noisy, t)

        def together() -> None:
            estimator(maps, time, code)

        def one_by_one() -> None:
            for c in range(8):
                estimator(maps, time, code, torch.tensor([c]))

        ratio = _seconds(one_by_one) / _seconds(together)
    return Row(
        f"fields of 8 units of {batch} image(s), 16x16: one by one / in one batch", ratio, "x", 1.5, True, "CPU seconds"
    )


def _picture() -> Row:
    """Draw 16 pictures of 32x32 with the default settings: 50 steps, 6 units."""
    model = _model(DisDiffConfig(), 32)
    code = torch.zeros(16, 6 * 16)
    with torch.no_grad():
        seconds = cpu_seconds(lambda: model.decode(code), repeats=1)
    return Row("draw 16 pictures of 32x32 in 50 steps with 6 units", seconds, "CPU s", 240, False, "one thread")


def _whole() -> Row:
    """Fit, encode, swap and evaluate in quick settings."""
    from distoolkit.encoding import encode, swap
    from distoolkit.metrics import evaluate
    from distoolkit.testing import tiny_images
    from distoolkit.training import fit

    images = tiny_images()

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            run = fit("disdiff", images, folder=Path(folder) / "run", quick=True, progress=False, device="cpu")
            latents = encode(run, images)
            swap(run, images, sources=[0, 1], targets=[2, 3], units=["unit0"])
            evaluate(latents)

    return Row("fit, encode, swap and evaluate, quick, 16x16", cpu_seconds(work, repeats=1), "CPU s", 60, False)


def _model(config: DisDiffConfig, side: int) -> DisDiff:
    return build(config, ImageSpec(3, side, side)).eval()


def _seconds(work: Callable[[], None]) -> float:
    """CPU seconds of ten calls, the best of five; the first, which warms up, is not among them."""

    def ten_times() -> None:
        for _ in range(10):
            work()

    work()
    return cpu_seconds(ten_times, repeats=5)
