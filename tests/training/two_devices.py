"""Run by test_distributed.py under torchrun, on two processes: ``two_devices FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from distoolkit.training import fit
from tests.training import toys
from tests.training.kills import images


def trainer(model: toys.Toy, loop: Any, config: toys.Config) -> Iterator[Any]:
    """Train without noise or batch statistics, so that two halves of a batch make the whole."""
    sgd = loop.optimizer("sgd", torch.optim.SGD([*model.to_code.parameters(), *model.to_image.parameters()], lr=0.5))
    model.eval()
    for batch in loop.stage("only", config.steps):
        loss = (model.decode(model.encode(batch["image"])) - batch["image"]).square().mean()
        loop.minimise(loss, sgd, clip_norm=0.1)
        yield {"loss": loss, "images": len(batch["index"]), "noise": torch.rand(())}


METHOD = toys.method(trainer=trainer)
OPTIONS: dict[str, Any] = {"steps": 3, "seed": 1, "log_every": 1, "progress": False}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    run = fit(METHOD, images(), folder=folder, fabric=fabric, **OPTIONS)
    assert run.folder == folder
    assert run.model() is not None, "what the first process wrote is there for all when fit() returns"
    print(f"rank {fabric.global_rank} of {fabric.world_size}: {run.status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
