"""Training: the loop against bare PyTorch, and against pythae's trainer, on the usual 64x64 beta-VAE.

CPU seconds of one thread. All take turns, so that what else the machine does falls on all alike.
pythae is no dependency of anything here: ``pip install --no-deps pythae cloudpickle imageio pydantic`` for its row.
"""

from __future__ import annotations

import itertools
import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr

from bench.measure import Row, take_turns
from distoolkit import schema
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit.runs import spec_of
from distoolkit.training import start

BATCH, LATENTS, BETA, LR = 64, 10, 4.0, 1e-4
NETWORK: dict[str, Any] = {"width": 32, "activation": "relu"}  # the field's usual one
GFLOP = 6.85  # in the convolutions and matrix products of one step, forward and backward, by torch's FlopCounterMode
EPOCH = 10  # steps in an epoch


def rows() -> Iterator[Row]:
    """Take single steps of ours and the bare loop in turn, then epochs of ours and pythae's."""
    torch.set_num_threads(1)
    images = schema.as_images(np.random.default_rng(0).integers(0, 256, (EPOCH * BATCH, 64, 64, 3), dtype=np.uint8))
    size = f"beta-VAE, 64x64x3, batch {BATCH}, one thread"
    with tempfile.TemporaryDirectory() as folder:
        ours, pythae = _ours(images, folder), _pythae(images, folder)
        step, bare, product = take_turns([ours, _bare(images), _product()], 160)
        note = f"{1000 * step:.1f} against {1000 * bare:.1f} CPU ms a step, with history, checkpoints and NaN alarm"
        yield Row(f"the loop, over the bare steps; {size}", 100 * (step / bare - 1), "%", 3, False, note)
        faster, note = math.nan, "NOT RUN: pythae is not installed (see the top of bench/training.py)"
        if pythae is not None:
            epoch, theirs = take_turns([lambda: [ours() for _ in range(EPOCH)], pythae], 10)
            faster = theirs / epoch
            share = 100 * product / (step / GFLOP)
            note = (
                f"pythae {BATCH * EPOCH / theirs:.0f}, ours {BATCH * EPOCH / epoch:.0f} images/CPU s, same networks, "
                f"same loss; ours computes at {share:.0f} % of the speed of a plain matrix product here"
            )
        yield Row(f"images a second, against pythae's trainer; {size}", faster, "x", 2.5, True, note)


def _product() -> Callable[[], Any]:
    """Multiply two matrices in one GFLOP: what the processor can do."""
    a, b = torch.rand(794, 794), torch.rand(794, 794)
    return lambda: a @ b


def _ours(images: xr.Dataset, folder: str) -> Callable[[], Any]:
    """Take a step of a run of the plugin, as the training panel does."""
    settings: dict[str, Any] = {"steps": 1_000_000, "batch_size": BATCH, "latents": LATENTS, "beta": BETA, "lr": LR}
    session = start(
        "beta_vae", images, device="cpu", folder=f"{folder}/ours", **settings, **NETWORK, likelihood="gaussian"
    )

    return lambda: next(session)


def _bare(images: xr.Dataset) -> Callable[[], None]:
    """Write the same steps out: images preloaded as uint8, channels last, fused Adam, nothing else."""
    model = GaussianVAE(spec_of(images), LATENTS, **NETWORK).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    store = torch.from_numpy(images["image"].values)

    def indices() -> Iterator[torch.Tensor]:
        while True:
            yield from torch.split(torch.randperm(len(store)), BATCH)

    batches = indices()

    def step() -> None:
        image = store.index_select(0, next(batches)).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        mean, logvar = model.moments(image)
        reconstruction = reconstruction_loss(model.logits(reparameterise(mean, logvar)), image, "gaussian").mean()
        loss = reconstruction + BETA * kl_standard_normal(mean, logvar).sum(1).mean()
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        adam.step()

    return step


def _pythae(images: xr.Dataset, folder: str) -> Callable[[], Any] | None:
    """Let pythae's trainer take an epoch of the same number of steps, with the same networks."""
    try:
        from pythae.data.datasets import BaseDataset
        from pythae.models import BetaVAE, BetaVAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig
    except ImportError:
        return None
    logging.disable(logging.WARNING)
    network = GaussianVAE(spec_of(images), LATENTS, **NETWORK)

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network.encoder

        def forward(self, x: torch.Tensor) -> Any:
            mean, logvar = self.network(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=logvar)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network.decoder

        def forward(self, z: torch.Tensor) -> Any:
            return ModelOutput(reconstruction=self.network(z).sigmoid())

    config = BetaVAEConfig(input_dim=(3, 64, 64), latent_dim=LATENTS, beta=BETA, reconstruction_loss="mse")
    model = BetaVAE(config, Encoder(), Decoder())
    data = torch.from_numpy(images["image"].values).permute(0, 3, 1, 2).contiguous().to(torch.float32).div_(255)
    trainer = BaseTrainer(
        model,
        BaseDataset(data, torch.zeros(len(data))),
        training_config=BaseTrainerConfig(
            output_dir=f"{folder}/pythae", per_device_train_batch_size=BATCH, learning_rate=LR, no_cuda=True
        ),
        callbacks=[],
    )
    trainer.prepare_training()
    handler = trainer.callback_handler  # as ours here, it shows no bar
    handler.callbacks = [c for c in handler.callbacks if type(c).__name__ != "ProgressBarCallback"]
    epochs = itertools.count(1)
    return lambda: trainer.train_step(next(epochs))
