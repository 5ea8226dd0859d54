"""DOT-VAE: its steps in the loop against the same mathematics written out, with and without interventions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import distoolkit_dotvae.losses as losses
import numpy as np
import torch
import xarray as xr
from distoolkit_dotvae import Config
from distoolkit_dotvae.card import SCHEDULE_ONLY
from distoolkit_dotvae.model import Discriminator, build

from bench.measure import Row, take_turns
from distoolkit import schema
from distoolkit.runs import spec_of
from distoolkit.training import start
from distoolkit.training.devices import use_channels_last

BATCH, EPOCH = 64, 10
_WINDOW: dict[str, Any] = {"steps": 1000, "pretrain_share": 0.01, "window_share": 0.8, "batch_size": BATCH}
_PRETRAIN = 10  # steps of the setting above: then the first window begins


def rows() -> Iterator[Row]:
    """Take single steps of ours and the bare loop in turn, in the first window."""
    torch.set_num_threads(1)
    images = schema.as_images(np.random.default_rng(0).integers(0, 256, (EPOCH * BATCH, 32, 32, 1), dtype=np.uint8))
    for name, weights in (("wake and intervention steps", {}), ("wake steps alone", SCHEDULE_ONLY)):
        with tempfile.TemporaryDirectory() as folder:
            ours, bare = take_turns([_ours(images, folder, weights), _bare(images, weights)], 120)
        note = f"{1000 * ours:.1f} against {1000 * bare:.1f} CPU ms a step"
        what = f"the loop, over the bare steps; DOT-VAE, {name}, 32x32, batch {BATCH}, one thread"
        yield Row(what, 100 * (ours / bare - 1), "%", 5, False, note)


def _ours(images: xr.Dataset, folder: str, weights: Any) -> Callable[[], Any]:
    session = start("dot_vae", images, device="cpu", folder=f"{folder}/run", **_WINDOW, **weights)
    for _ in range(_PRETRAIN):
        next(session)
    return lambda: next(session)


def _bare(images: xr.Dataset, weights: Any) -> Callable[[], None]:
    """Write the same steps out: images preloaded as uint8, channels last, fused Adams, nothing else."""
    c, spec = Config(**_WINDOW, **weights), spec_of(images)
    model = build(c, spec)
    use_channels_last(model)
    model.open(0)
    adam = torch.optim.Adam(model.parameters(), lr=c.lr, fused=True)
    adam_i = torch.optim.Adam(model.parameters(), lr=c.lr_intervention, fused=True)
    judge = Discriminator(spec, c.width)
    use_channels_last(judge)
    adam_d = torch.optim.Adam(judge.parameters(), lr=c.lr_discriminator, betas=(0.5, 0.9), fused=True)
    store, opened, few = torch.from_numpy(images["image"].values), torch.tensor([0]), slice(c.interventions)

    def indices() -> Iterator[torch.Tensor]:
        while True:
            yield from torch.split(torch.randperm(len(store)), BATCH)

    batches = indices()

    def down(loss: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()

    def step() -> None:
        image = store.index_select(0, next(batches)).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        wake = losses.wake(model, image)
        down(wake.loss(c.beta_start), adam)
        if not weights:
            dream = losses.dream(model, wake.z1[few], wake.z2[few], opened, judge)
            loss = c.recover_weight * dream.recovery + c.nuisance_weight * dream.nuisance_recovery
            down(loss + c.adversarial_weight * dream.adversarial, adam_i)
            down(losses.discriminator_loss(judge, image[few], dream.image), adam_d)

    return step
