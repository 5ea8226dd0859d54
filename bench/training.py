"""Training: the loop against bare PyTorch, and against pythae's trainer, on the usual 64x64 beta-VAE.

CPU seconds of one thread, in blocks of steps that take turns, so that what else the machine does falls on all alike.
pythae is no dependency of anything here: ``pip install --no-deps pythae cloudpickle imageio pydantic`` for its row.
"""

from __future__ import annotations

import itertools
import logging
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr

from bench.measure import Row, cpu_seconds
from distoolkit import schema
from distoolkit.nn import GaussianVAE, kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit.runs import spec_of
from distoolkit.training import start

BATCH, LATENTS, BETA, LR = 64, 10, 4.0, 1e-4
NETWORK: dict[str, Any] = {"width": 32, "activation": "relu"}  # the field's usual one
GFLOP = 6.85  # in the convolutions and matrix products of one step, forward and backward, by torch's FlopCounterMode
STEPS, TURNS = 4, 24


def rows() -> Iterator[Row]:
    """Measure steps of all three in turn."""
    torch.set_num_threads(1)
    images = schema.as_images(np.random.default_rng(0).integers(0, 256, (STEPS * BATCH, 64, 64, 3), dtype=np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        arms = {"ours": _ours(images, folder), "bare": _bare(images), "pythae": _pythae(images, folder)}
        seconds = _take_turns({name: arm for name, arm in arms.items() if arm is not None})
    size = f"beta-VAE, 64x64x3, batch {BATCH}, one thread"
    # the best block: what else the machine does only ever adds, and a checkpoint falls into one block in a hundred
    speeds = {name: BATCH * STEPS / min(times) for name, times in seconds.items()}
    slower = 100 * (_ratio(seconds["ours"], seconds["bare"]) - 1)
    note = (
        f"bare PyTorch {speeds['bare']:.0f}, ours {speeds['ours']:.0f} images/CPU s, history and checkpoints included"
    )
    yield Row(f"the loop, over the bare steps; {size}", slower, "%", 3, False, note)
    reached, possible = GFLOP / min(seconds["ours"]) * STEPS, _matrix_speed()
    note = f"{reached:.0f} of {possible:.0f} GFLOP/CPU s; no faster loop could gain more than the rest"
    yield Row(f"of the speed of a plain matrix product; {size}", 100 * reached / possible, "%", 60, True, note)
    if "pythae" in seconds:
        faster = speeds["ours"] / speeds["pythae"]
        note = f"pythae {speeds['pythae']:.0f}, ours {speeds['ours']:.0f} images/CPU s, same networks and loss"
    else:
        faster, note = math.nan, "NOT RUN: pythae is not installed (see the top of bench/training.py)"
    yield Row(f"images a second, against pythae's trainer; {size}", faster, "x", 2.5, True, note)


def _take_turns(arms: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Run a block of each in turn; return the CPU seconds of each block but the first, which warms up.

    Every other turn goes backward, so that none always follows the same other.
    """
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(TURNS + 1):
        for name in sorted(arms, reverse=bool(turn % 2)):
            begun = time.process_time()
            arms[name]()
            seconds[name].append(time.process_time() - begun)
    return {name: times[1:] for name, times in seconds.items()}


def _matrix_speed() -> float:
    """Return what this processor does in a product of 1024x1024 matrices, in GFLOP a CPU second."""
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    return 2 * 1.024**3 * 5 / cpu_seconds(lambda: [a @ b for _ in range(5)], repeats=20)


def _ours(images: xr.Dataset, folder: str) -> Callable[[], None]:
    """Drive a run of the plugin as `fit` does, less the progress bar."""
    settings: dict[str, Any] = {"steps": 1_000_000, "batch_size": BATCH, "latents": LATENTS, "beta": BETA, "lr": LR}
    session = start(
        "beta_vae", images, device="cpu", folder=f"{folder}/ours", **settings, **NETWORK, likelihood="gaussian"
    )

    def block() -> None:
        with session.own_randomness():
            for _ in itertools.islice(session, STEPS):
                pass

    return block


def _bare(images: xr.Dataset) -> Callable[[], None]:
    """Write the same steps out: images preloaded as uint8, channels last, fused Adam, nothing else."""
    model = GaussianVAE(spec_of(images), LATENTS, **NETWORK).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    store = torch.from_numpy(images["image"].values)

    def block() -> None:
        for index in torch.split(torch.randperm(len(store)), BATCH):
            image = store.index_select(0, index).permute(0, 3, 1, 2).to(torch.float32).div_(255)
            mean, logvar = model.moments(image)
            reconstruction = reconstruction_loss(model.logits(reparameterise(mean, logvar)), image, "gaussian").mean()
            loss = reconstruction + BETA * kl_standard_normal(mean, logvar).sum(1).mean()
            adam.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            adam.step()

    return block


def _pythae(images: xr.Dataset, folder: str) -> Callable[[], None] | None:
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
    return lambda: trainer.train_step(next(epochs)) and None
