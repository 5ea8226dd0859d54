"""The classic baselines: what a step costs over the same step written out bare, and over one of the beta-VAE.

CPU seconds of one thread; all take turns, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from distoolkit_beta_tcvae.decomposition import decompose

from bench.measure import Row, take_turns
from distoolkit import schema
from distoolkit.nn import GaussianVAE, reconstruction_loss, reparameterise
from distoolkit.runs import spec_of
from distoolkit.training import start

BATCH, LATENTS, BETA, LR = 64, 10, 6.0, 1e-3
TURNS = 80


def rows() -> Iterator[Row]:
    """Take single steps in turn, 32x32x3 in the default settings."""
    torch.set_num_threads(1)
    images = _images()
    with tempfile.TemporaryDirectory() as folder:
        yield _loop(images, folder)
        for method, bar in (("beta_tcvae", 1.25), ("dip_vae_ii", 1.15), ("qlae", 1.15), ("ada_gvae", 2.5)):
            yield _over_beta_vae(method, bar, images, folder)


def _loop(images: xr.Dataset, folder: str) -> Row:
    ours, bare = take_turns([_ours("beta_tcvae", images, f"{folder}/loop"), _bare(images)], TURNS)
    note = f"{1 / ours:.1f} against {1 / bare:.1f} steps a CPU second, with history, checkpoints and NaN alarm"
    return Row(
        "the loop, over the bare steps; beta-TCVAE, 32x32x3, batch 64", 100 * (ours / bare - 1), "%", 5, False, note
    )


def _over_beta_vae(method: str, bar: float, images: xr.Dataset, folder: str) -> Row:
    works = [_ours(name, images, f"{folder}/{method}-{name}") for name in (method, "beta_vae")]
    ours, plain = take_turns(works, TURNS)
    note = f"{1 / ours:.1f} against {1 / plain:.1f} steps a CPU second"
    return Row(f"a step of {method}, over one of beta_vae; 32x32x3, batch 64", ours / plain, "x", bar, False, note)


def _images() -> xr.Dataset:
    """Make 640 images of noise with factors on a full grid, so that pairs exist."""
    generator = np.random.default_rng(0)
    factors = np.stack(np.meshgrid(range(4), range(160), indexing="ij"), axis=-1).reshape(-1, 2)
    return schema.as_images(generator.integers(0, 256, (len(factors), 32, 32, 3), dtype=np.uint8), factors, ["a", "b"])


def _ours(method: str, images: xr.Dataset, folder: str) -> Callable[[], Any]:
    """Take a step of a run of the plugin."""
    session = start(method, images, device="cpu", folder=folder, steps=1_000_000, batch_size=BATCH)
    return lambda: next(session)


def _bare(images: xr.Dataset) -> Callable[[], None]:
    """Write the steps of the beta-TCVAE out: images preloaded as uint8, channels last, fused Adam, nothing else."""
    model = GaussianVAE(spec_of(images), LATENTS, width=16, activation="elu").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    store = torch.from_numpy(images["image"].values)

    def step() -> None:
        index = torch.randint(len(store), (BATCH,))
        image = store.index_select(0, index).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        mean, logvar = model.moments(image)
        code = reparameterise(mean, logvar)
        parts = decompose(code, mean, logvar, len(store))
        loss = reconstruction_loss(model.logits(code), image).mean()
        loss = loss + parts.mutual_information + BETA * parts.total_correlation + parts.dimension_wise_kl
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        adam.step()

    return step
