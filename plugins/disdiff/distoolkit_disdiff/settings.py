"""The settings of the three methods: each stage takes those of the stage below it.

Defaults are for 32x32 pictures on two CPU cores, without a first stage. `distoolkit_disdiff.presets` has those for
64x64 pictures on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit_disdiff.choices import ENCODERS, POSITIONS, RECONSTRUCTIONS, SCHEDULES, SHIFTS, WEIGHT_SPACES

_STEPS = (1, 10_000_000, 100)
_RATE = (1e-7, 1e-1, 1e-5)
_WARMUP = (0, 1_000_000, 100)
_DECAY = (0.0, 0.99999, 0.0001)


@dataclass(frozen=True)
class FirstStage:
    """The optional autoencoder under the diffusion model."""

    batch_size: int = knob(32, (2, 4096, 1), "images in a step")
    first_stage: str = knob("none", ("none", "vq", "kl"), "work on pixels, or on the latent maps of an autoencoder")
    ae_width: int = knob(32, (4, 512, 4), "channels of the autoencoder's first level")
    ae_multipliers: tuple[int, ...] = knob((1, 2, 4), (1, 16, 1), "channels of its levels, as multiples of ae_width")
    ae_blocks: int = knob(2, (1, 8, 1), "residual blocks on each of its levels")
    codebook: int = knob(2048, (2, 65_536, 1), "entries of the codebook (vq)")
    kl_weight: float = knob(1e-6, (0.0, 1.0, 1e-6), "weight of the KL term (kl)")


@dataclass(frozen=True)
class AutoencoderConfig(FirstStage):
    """Settings of ``latent_autoencoder``, the first stage by itself."""

    first_stage: str = knob("vq", ("vq", "kl"), "quantised with a codebook, or regularised towards a normal")
    latents: int = knob(3, (1, 64, 1), "channels of the latent maps, each of them a unit; the authors: 3 (vq), 4 (kl)")
    steps: int = knob(5000, _STEPS, "steps of training")
    lr: float = knob(1e-3, _RATE, "learning rate of Adam")


@dataclass(frozen=True)
class Diffusion(FirstStage):
    """The diffusion model: its networks, its schedule, and its first stage."""

    latent_channels: int = knob(3, (1, 64, 1), "channels of the first stage's latent maps; the authors: 3 (vq), 4 (kl)")
    autoencoder: str = knob("", (), "folder of a finished latent_autoencoder run; empty: train one first")
    autoencoder_steps: int = knob(5000, _STEPS, "steps of the first stage, where it is trained here")
    autoencoder_lr: float = knob(1e-3, _RATE, "its learning rate")
    width: int = knob(32, (4, 512, 4), "channels of the U-Net's first level")
    multipliers: tuple[int, ...] = knob((1, 2, 2, 2), (1, 16, 1), "channels of its levels, as multiples of width")
    blocks: int = knob(1, (1, 8, 1), "residual blocks on each level")
    attention: tuple[int, ...] = knob((8,), (1, 1024, 1), "sides of the feature maps that have self-attention")
    heads: int = knob(4, (1, 64, 1), "attention heads")
    timesteps: int = knob(1000, (2, 10_000, 1), "T, the length of the noise schedule")
    schedule: str = knob("ldm", SCHEDULES, "shape of beta_t; ldm is what the latent diffusion code calls linear")
    beta_start: float = knob(0.0015, (1e-6, 0.5, 1e-4), "beta_0 (not for cosine)")
    beta_end: float = knob(0.0155, (1e-6, 0.999, 1e-4), "beta_{T-1} (not for cosine)")
    sampling_steps: int = knob(50, (1, 10_000, 1), "DDIM steps of a sample or an inversion")
    frozen_bf16: bool = knob(False, (), "run frozen parts in bfloat16; slow on CPUs without it")


@dataclass(frozen=True)
class DDPMConfig(Diffusion):
    """Settings of ``ddpm``, the diffusion model by itself."""

    latents: int = knob(1, (1, 1, 1), "number of units: one, the noise x_T; no entry of it means anything by itself")
    steps: int = knob(8000, _STEPS, "steps of training")
    lr: float = knob(5e-4, _RATE, "learning rate of AdamW")
    warmup: int = knob(500, _WARMUP, "steps over which the learning rate rises from 0")
    ema: float = knob(0.999, _DECAY, "decay of the average of the weights")


@dataclass(frozen=True)
class DisDiffConfig(Diffusion):
    """Settings of ``disdiff``."""

    latents: int = knob(6, (2, 128, 1), "N, the number of units; the authors' code: 6, EncDiff's account of it: 20")
    unit_size: int = knob(16, (1, 512, 1), "d, entries of a unit; the authors: 32")
    pretrained: str = knob("", (), "folder of a finished ddpm run to build on; empty: train one first")
    diffusion_steps: int = knob(8000, _STEPS, "steps of the diffusion model, where it is trained here")
    diffusion_lr: float = knob(5e-4, _RATE, "its learning rate")
    diffusion_warmup: int = knob(500, _WARMUP, "its warm-up")
    diffusion_ema: float = knob(0.999, _DECAY, "decay of the average of its weights")
    steps: int = knob(5000, _STEPS, "steps of encoder and gradient estimator")
    lr: float = knob(3e-4, _RATE, "their learning rate (AdamW)")
    warmup: int = knob(200, _WARMUP, "steps over which it rises from 0")
    ema: float = knob(0.999, _DECAY, "decay of the average of their weights, with which codes and samples are made")
    clip_norm: float = knob(1.0, (0.0, 1000.0, 0.1), "longest gradient; 0: not clipped")
    dis_weight: float = knob(
        0.05, (0.0, 1000.0, 0.01), "lambda, weight of the disentangling loss; the authors: 0.05, MPI3D 0.01"
    )
    weight_space: str = knob("latent", WEIGHT_SPACES, "where the weight w measures the change of the picture")
    weight_quantile: float = knob(0.95, (0.01, 1.0, 0.01), "cut w at this quantile of the batch; 1: as in the code")
    shift: str = knob("posterior", SHIFTS, "shift coefficient of the reconstruction loss")
    reconstruction: str = knob("l1", RECONSTRUCTIONS, "reconstruction loss: the code's, its square, PDAE's")
    encoder: str = knob("plain", ENCODERS, "the code's network without norm or with group norm, as is, or EncDiff's")
    encoder_width: int = knob(64, (4, 1024, 4), "channels of the encoder's convolutions")
    position: str = knob("orthogonal", POSITIONS, "how a field knows which unit it is for")
    position_size: int = knob(128, (2, 1024, 1), "size of that embedding")
