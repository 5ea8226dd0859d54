"""ProtoVAE: its steps in the loop against the same mathematics written out, with and without episodes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from distoolkit_protovae import Config
from distoolkit_protovae.model import build

from bench.measure import Row, take_turns
from distoolkit import schema
from distoolkit.nn import kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit.runs import spec_of
from distoolkit.training import start

BATCH, EPOCH = 64, 10
_SETTINGS: dict[str, Any] = {"batch_size": BATCH, "warmup": 0.0, "ramp": 0.0, "class_pool": "all"}


def rows() -> Iterator[Row]:
    """Take single steps of ours and the bare loop in turn."""
    torch.set_num_threads(1)
    images = schema.as_images(np.random.default_rng(0).integers(0, 256, (EPOCH * BATCH, 32, 32, 1), dtype=np.uint8))
    for name, weight in (("with an episode", 10.0), ("without episodes", 0.0)):
        with tempfile.TemporaryDirectory() as folder:
            ours, bare = take_turns([_ours(images, folder, weight), _bare(images, weight)], 100)
        note = f"{1000 * ours:.1f} against {1000 * bare:.1f} CPU ms a step: {1 / ours:.1f} and {1 / bare:.1f} steps a s"
        what = f"the loop, over the bare steps; ProtoVAE {name}, 32x32, batch {BATCH}, one thread"
        yield Row(what, 100 * (ours / bare - 1), "%", 5, False, note)


def _ours(images: xr.Dataset, folder: str, weight: float) -> Callable[[], Any]:
    session = start(
        "proto_vae", images, device="cpu", folder=f"{folder}/run", **_SETTINGS, prototype_weight=weight, steps=1000
    )
    return lambda: next(session)


def _bare(images: xr.Dataset, weight: float) -> Callable[[], None]:
    """Write the same steps out: images preloaded as uint8, channels last, fused Adam, no schedule and no watch."""
    c, spec = Config(), spec_of(images)
    model = build(c, spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(model.parameters(), lr=c.lr, fused=True)
    store, ways, pairs = torch.from_numpy(images["image"].values), c.latents, c.support + c.queries

    def indices() -> Iterator[torch.Tensor]:
        while True:
            yield from torch.split(torch.randperm(len(store)), BATCH)

    def seen(picture: torch.Tensor, blurred: torch.Tensor) -> torch.Tensor:
        smooth = F.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)
        return torch.where(blurred, smooth, picture) + c.noise * torch.randn_like(picture)

    def episode(code: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        rows = torch.rand(ways, BATCH).argsort(1)[:, :pairs].flatten()
        which = torch.arange(ways).repeat_interleave(pairs)
        step = (c.gap + c.reach * torch.rand(len(rows))) * (torch.randint(0, 2, (len(rows),)) * 2 - 1)
        changed = model.decode(code[rows] + F.one_hot(which, ways) * step[:, None])
        blurred = (torch.rand(len(rows)) < c.blur)[:, None, None, None]
        embedded = model.embed(seen(before[rows], blurred), seen(changed, blurred)).view(ways, pairs, -1)
        prototypes = embedded[:, : c.support].mean(1)
        distance = torch.cdist(embedded[:, c.support :].flatten(0, 1), prototypes).square()
        loss: torch.Tensor = F.cross_entropy(-distance, torch.arange(ways).repeat_interleave(c.queries))
        return loss

    batches = indices()

    def step() -> None:
        image = store.index_select(0, next(batches)).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        mean, logvar = model.vae.moments(image)
        code = reparameterise(mean, logvar)
        logits = model.vae.logits(code)
        loss = reconstruction_loss(logits, image).mean() + c.beta * kl_standard_normal(mean, logvar).sum(1).mean()
        if weight:
            loss = loss + weight * episode(code, torch.sigmoid(logits))
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        adam.step()

    return step
