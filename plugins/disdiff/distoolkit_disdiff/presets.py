"""Settings at full scale: 64x64 images on one GPU of 24 GB or more.

None of them was run at full scale by the developers of this package, and how long a run takes is not known.

First stage, U-Net, schedule, the size of a unit and the weights of the disentangling loss are those of the authors'
configurations. Batch size, learning rate and decay of `disdiff` are those of EncDiff's account of its training. Ours
are

- the numbers of steps: no text or code at hand states any;
- N = 10 units: the authors' configurations have 6, EncDiff's account 20;
- the encoder ``"plain"``: the authors' network without its batch normalisation, which ``"code"`` has;
- the warm-up of `disdiff` over 1,000 steps: the configurations have 10,000, at another learning rate and batch size;
- the weight of the disentangling loss on a KL first stage, MPI3D's too: those configurations set none;
- the frozen parts in bfloat16.

Three fits, each of which can be resumed::

    images = distoolkit.load("shapes3d_file", path="3dshapes.h5")
    first = distoolkit.fit("latent_autoencoder", images, **latent_autoencoder())
    below = distoolkit.fit("ddpm", images, **on_top_of(first, **ddpm()))
    run = distoolkit.fit("disdiff", images, **on_top_of(below, **disdiff("shapes3d")))
"""

from __future__ import annotations

from typing import Any

from distoolkit import config as configs
from distoolkit.contract import UnknownNameError

LAMBDA = {"shapes3d": 0.05, "cars3d": 0.05, "celeba": 0.05, "mpi3d": 0.01}
"""Weight of the disentangling loss for each data set, in the authors' configurations with a VQ first stage."""

_FIRST_STAGE: dict[str, Any] = {"ae_width": 32, "ae_multipliers": (1, 2, 4), "ae_blocks": 2, "codebook": 2048}
_UNET: dict[str, Any] = {
    "width": 64,
    "multipliers": (1, 2, 4, 4),
    "blocks": 2,
    "attention": (16, 8, 4),
    "heads": 8,
    "timesteps": 1000,
    "schedule": "ldm",
    "beta_start": 0.0015,
    "beta_end": 0.0155,
    "sampling_steps": 200,
    "frozen_bf16": True,
}

CHANNELS = {"vq": 3, "kl": 4}
"""Channels of the latent maps of each kind of first stage."""


def latent_autoencoder(kind: str = "vq") -> dict[str, Any]:
    """Settings of the first stage: latent maps of 16x16; errors as in `disdiff`."""
    return {
        **_first_stage(kind, "latents"),
        "batch_size": 128,
        "lr": 1.15e-3,
        "steps": 100_000,
    }


def ddpm(kind: str = "vq") -> dict[str, Any]:
    """Settings of the latent diffusion model, on a first stage of that kind; errors as in `disdiff`."""
    return {
        **_below(kind),
        "batch_size": 128,
        "lr": 2.56e-4,
        "warmup": 10_000,
        "ema": 0.9999,
        "steps": 200_000,
    }


def disdiff(data: str, kind: str = "vq") -> dict[str, Any]:
    """Settings of DisDiff for a data set, on that diffusion model.

    Parameters
    ----------
    data
        One of `LAMBDA`. The authors' configurations with a KL first stage set no weight; those of VQ are used.
    kind
        Of the first stage, ``"vq"`` or ``"kl"``.

    Raises
    ------
    UnknownNameError
        No preset for that data set, or for that kind of first stage.
    """
    if data not in LAMBDA:
        raise UnknownNameError(configs.unknown("preset", data, LAMBDA))
    return {
        **_below(kind),
        "latents": 10,
        "unit_size": 32,
        "dis_weight": LAMBDA[data],
        "weight_quantile": 1.0,
        "encoder": "plain",
        "encoder_width": 128,
        "position_size": 128,
        "batch_size": 64,
        "lr": 1e-4,
        "warmup": 1000,
        "ema": 0.9999,
        "clip_norm": 0.0,
        "steps": 200_000,
    }


def _below(kind: str) -> dict[str, Any]:
    return {**_UNET, **_first_stage(kind, "latent_channels")}


def _first_stage(kind: str, channels: str) -> dict[str, Any]:
    """Return its settings; ``channels`` is what the method calls the number of its latent maps' channels."""
    if kind not in CHANNELS:
        raise UnknownNameError(configs.unknown("kind of first stage", kind, CHANNELS))
    return {**_FIRST_STAGE, "first_stage": kind, channels: CHANNELS[kind]}
