"""Every method trains in every precision that a CPU can do."""

from __future__ import annotations

from pathlib import Path

import pytest

import distoolkit as dt
from distoolkit import registry
from distoolkit.testing import tiny_images

PRECISIONS = ("bf16-mixed", "bf16-true", "64-true")  # 32-true is what all other tests train in
STEPS = {"dot_vae": 20}  # it takes 10 at least


@pytest.mark.filterwarnings("ignore")  # so few steps of so few images: methods rightly warn
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", sorted(registry.methods()))
def test_a_method_trains_in_a_precision(tmp_path: Path, name: str, precision: str) -> None:
    run = dt.fit(
        name,
        tiny_images(),
        folder=tmp_path / "run",
        device="cpu",
        progress=False,
        quick=True,
        steps=STEPS.get(name, 8),
        precision=precision,
    )
    assert run.status == "finished"
    code = dt.encode(run, tiny_images(), device="cpu", reconstruct=False)["code"]
    assert code.dtype == "float32"
    assert bool(code.notnull().all())
