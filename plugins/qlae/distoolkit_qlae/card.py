"""What QLAE was measured to do at a small scale, beside itself with continuous codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from distoolkit.cards import Arms, Row, compare
from distoolkit.metrics import evaluate
from distoolkit.runs import Run

# Ten times the authors' decay, for a hundredth of their steps.
_DECAY = {"weight_decay": 1.0}
ARMS: Arms = {
    "qlae": ("qlae", _DECAY),
    "qlae continuous": ("qlae", {"quantise": False, **_DECAY}),
    "qlae no decay": ("qlae", {"weight_decay": 0.0}),
}


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure QLAE beside its twins: one without quantising, one without the weight decay."""
    yield from compare(ARMS, seeds, folder, extra=information)


def information(run: Run, images: xr.Dataset, latents: xr.Dataset) -> Mapping[str, Any]:
    """Score modularity and explicitness, which the paper reports: InfoM and InfoE."""
    found = evaluate(latents, ["infomec"])["score"]
    return {name: float(found.sel(metric=name)) for name in ("infom", "infoe")}
