"""EncDiff: what attention costs beside its twin, all tokens at once, and the whole way in quick settings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from distoolkit_encdiff.model import build
from distoolkit_encdiff.settings import EncDiffConfig
from distoolkit_encdiff.tokens import ScalarTokens
from distoolkit_encdiff.training import compute_loss

from bench.measure import Row, cpu_seconds, take_turns
from distoolkit.contract import ImageSpec


def rows() -> Iterator[Row]:
    """Yield the rows."""
    torch.manual_seed(0)
    yield _attention()
    yield _tokens()
    yield _whole()


def _attention() -> Row:
    """Compare the loss and its gradients of 16 images of 32x32, with attention at 16, 8 and 4, and with AdaGN."""
    image, noise = torch.rand(16, 3, 32, 32), torch.randn(16, 3, 32, 32)
    t = torch.randint(1000, (16,))

    def step(config: EncDiffConfig) -> None:
        model = models[config.inject]
        model.zero_grad()
        torch.autograd.backward(compute_loss(model, image, t, noise).mean())

    configs = [EncDiffConfig(), replace(EncDiffConfig(), inject="adagn")]
    models = {config.inject: build(config, ImageSpec(3, 32, 32)).train() for config in configs}
    attention, adagn = take_turns([lambda c=c: step(c) for c in configs], 3)  # type: ignore[misc]
    return Row("a step with cross-attention / with AdaGN, 32x32", attention / adagn, "x", 1.5, False, "CPU seconds")


def _tokens() -> Row:
    """Compare the tokens of 20 units of 32 images, all at once and unit by unit."""
    torch.manual_seed(0)
    together = ScalarTokens(20, 16, 64)
    apart = [ScalarTokens(1, 16, 64) for _ in range(20)]
    code = torch.randn(32, 20, 1)

    def one_by_one() -> None:
        torch.cat([one(code[:, n : n + 1]) for n, one in enumerate(apart)], dim=1)

    with torch.no_grad():
        slow, fast = take_turns([one_by_one, lambda: together(code)], 9)
    return Row("tokens of 20 units of 32 images: unit by unit / at once", slow / fast, "x", 2, True, "CPU seconds")


def _whole() -> Row:
    """Fit, encode, decode and evaluate in quick settings."""
    from distoolkit.encoding import decode, encode
    from distoolkit.metrics import evaluate
    from distoolkit.testing import tiny_images
    from distoolkit.training import fit

    images = tiny_images()

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            run = fit("encdiff", images, folder=Path(folder) / "run", quick=True, progress=False, device="cpu")
            latents = encode(run, images)
            decode(run, latents.isel(sample=slice(16)))
            evaluate(latents)

    return Row("fit, encode, decode and evaluate, quick, 16x16", cpu_seconds(work, repeats=1), "CPU s", 40, False)
