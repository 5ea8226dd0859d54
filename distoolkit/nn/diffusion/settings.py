"""The settings of a diffusion model and of its first stage; a method's own settings come on top.

Free of torch. Defaults are for 32x32 pictures on two CPU cores, without a first stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from distoolkit.config import knob
from distoolkit.nn.diffusion.choices import SCHEDULES

STEPS = (1, 10_000_000, 100)
RATE = (1e-7, 1e-1, 1e-5)
WARMUP = (0, 1_000_000, 100)
DECAY = (0.0, 0.99999, 0.0001)


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
class Diffusion(FirstStage):
    """The diffusion model: its networks, its schedule, and its first stage."""

    latent_channels: int = knob(3, (1, 64, 1), "channels of the first stage's latent maps; the authors: 3 (vq), 4 (kl)")
    autoencoder: str = knob("", (), "folder of a finished latent_autoencoder run; empty: train one first")
    autoencoder_steps: int = knob(5000, STEPS, "steps of the first stage, where it is trained here")
    autoencoder_lr: float = knob(1e-3, RATE, "its learning rate")
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
