"""The settings of the three methods: each stage takes those of the stage below it.

Defaults are for 32x32 pictures on two CPU cores, without a first stage. `distoolkit_disdiff.presets` has those for
64x64 pictures on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distoolkit.config import knob
from distoolkit.nn.diffusion.choices import ENCODERS, NOISE_ERRORS, SHIFTS
from distoolkit.nn.diffusion.settings import DECAY, RATE, STEPS, WARMUP, Diffusion, FirstStage
from distoolkit_disdiff.choices import POSITIONS, WEIGHT_SPACES


@dataclass(frozen=True)
class AutoencoderConfig(FirstStage):
    """Settings of ``latent_autoencoder``, the first stage by itself."""

    first_stage: str = knob("vq", ("vq", "kl"), "quantised with a codebook, or regularised towards a normal")
    latents: int = knob(3, (1, 64, 1), "channels of the latent maps, each of them a unit; the authors: 3 (vq), 4 (kl)")
    steps: int = knob(5000, STEPS, "steps of training")
    lr: float = knob(1e-3, RATE, "learning rate of Adam")


@dataclass(frozen=True)
class DDPMConfig(Diffusion):
    """Settings of ``ddpm``, the diffusion model by itself."""

    latents: int = knob(1, (1, 1, 1), "number of units: one, the noise x_T; no entry of it means anything by itself")
    steps: int = knob(8000, STEPS, "steps of training")
    lr: float = knob(5e-4, RATE, "learning rate of AdamW")
    warmup: int = knob(500, WARMUP, "steps over which the learning rate rises from 0")
    ema: float = knob(0.999, DECAY, "decay of the average of the weights")

    @staticmethod
    def completed(changes: dict[str, Any]) -> dict[str, Any]:
        """Take the settings of the run that ``autoencoder`` names (or is), where none are given."""
        from distoolkit_disdiff.pretrained import fill_in

        return fill_in(changes)


@dataclass(frozen=True)
class DisDiffConfig(Diffusion):
    """Settings of ``disdiff``."""

    latents: int = knob(6, (2, 128, 1), "N, the number of units; the authors' code: 6, EncDiff's account of it: 20")
    unit_size: int = knob(16, (1, 512, 1), "d, entries of a unit; the authors: 32")
    pretrained: str = knob("", (), "folder of a finished ddpm run to build on; empty: train one first")
    diffusion_steps: int = knob(8000, STEPS, "steps of the diffusion model, where it is trained here")
    diffusion_lr: float = knob(5e-4, RATE, "its learning rate")
    diffusion_warmup: int = knob(500, WARMUP, "its warm-up")
    diffusion_ema: float = knob(0.999, DECAY, "decay of the average of its weights")
    steps: int = knob(5000, STEPS, "steps of encoder and gradient estimator")
    lr: float = knob(3e-4, RATE, "their learning rate (AdamW)")
    warmup: int = knob(200, WARMUP, "steps over which it rises from 0")
    ema: float = knob(0.999, DECAY, "decay of the average of their weights, with which codes and samples are made")
    clip_norm: float = knob(1.0, (0.0, 1000.0, 0.1), "longest gradient; 0: not clipped")
    dis_weight: float = knob(
        0.05, (0.0, 1000.0, 0.01), "lambda, weight of the disentangling loss; the authors: 0.05, MPI3D 0.01"
    )
    weight_space: str = knob("latent", WEIGHT_SPACES, "where the weight w measures the change of the picture")
    weight_quantile: float = knob(0.95, (0.01, 1.0, 0.01), "cut w at this quantile of the batch; 1: as in the code")
    shift: str = knob("posterior", SHIFTS, "shift coefficient of the reconstruction loss")
    reconstruction: str = knob("l1", NOISE_ERRORS, "reconstruction loss: the code's, its square, PDAE's")
    encoder: str = knob("plain", ENCODERS, "the code's network without norm or with group norm, as is, or EncDiff's")
    encoder_width: int = knob(64, (4, 1024, 4), "channels of the encoder's convolutions")
    position: str = knob("orthogonal", POSITIONS, "how a field knows which unit it is for")
    position_size: int = knob(128, (2, 1024, 1), "size of that embedding")

    @staticmethod
    def completed(changes: dict[str, Any]) -> dict[str, Any]:
        """Take the settings of the run that ``pretrained`` or ``autoencoder`` names (or is), where none are given."""
        from distoolkit_disdiff.pretrained import fill_in

        return fill_in(changes)
