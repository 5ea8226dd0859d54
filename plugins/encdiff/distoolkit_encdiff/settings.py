"""The settings of EncDiff: those of any diffusion model, then its own. Free of torch.

Defaults are for 32x32 pictures on two CPU cores, without a first stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distoolkit.config import knob
from distoolkit.nn.diffusion.choices import ENCODERS, NOISE_ERRORS, SCHEDULES
from distoolkit.nn.diffusion.settings import DECAY, RATE, STEPS, WARMUP, Diffusion

INJECTIONS = ("attention", "adagn")
"""How the U-Net reads the units: by cross-attention, or as one vector through its adaptive norms (the twin)."""


@dataclass(frozen=True)
class EncDiffConfig(Diffusion):
    """Settings of ``encdiff``."""

    schedule: str = knob("cosine", SCHEDULES, "shape of beta_t; ldm is what the latent diffusion code calls linear")
    latents: int = knob(20, (2, 128, 1), "N, the number of units; the authors: 20")
    unit_size: int = knob(1, (1, 512, 1), "d, entries of a unit: 1 is EncDiff, more is EncDiff-V")
    inject: str = knob("attention", INJECTIONS, "how the U-Net reads the units; adagn is the twin without attention")
    cross_attention: tuple[int, ...] = knob(
        (16, 8, 4), (1, 1024, 1), "sides of the feature maps that attend to the units"
    )
    token_size: int = knob(16, (1, 512, 1), "entries of the token that each scalar unit becomes")
    token_width: int = knob(64, (0, 512, 1), "hidden size of the network that makes it; 0: one linear map")
    encoder: str = knob("group_norm", ENCODERS, "with group norm, without norm, with batch norm, or EncDiff's table 8")
    encoder_width: int = knob(64, (4, 1024, 4), "channels of the encoder's convolutions")
    noise_error: str = knob("l1", NOISE_ERRORS, "distance of the predicted noise from the true one: the whole loss")
    steps: int = knob(8000, STEPS, "steps of encoder and U-Net together")
    lr: float = knob(5e-4, RATE, "their learning rate (AdamW); the authors: 1e-4")
    warmup: int = knob(500, WARMUP, "steps over which it rises from 0")
    ema: float = knob(0.999, DECAY, "decay of the average of all weights, with which codes and samples are made")

    @staticmethod
    def completed(changes: dict[str, Any]) -> dict[str, Any]:
        """Take the settings of the first stage that ``autoencoder`` names (or is), where none are given."""
        from distoolkit_encdiff.pretrained import fill_in

        return fill_in(changes)


AUTHORS: dict[str, Any] = {
    "first_stage": "vq",
    "ae_width": 32,
    "ae_multipliers": (1, 2, 4),
    "ae_blocks": 2,
    "codebook": 2048,
    "latent_channels": 3,
    "autoencoder_steps": 100_000,
    "width": 64,
    "multipliers": (1, 2, 4, 4),
    "blocks": 2,
    "attention": (16, 8, 4),
    "cross_attention": (16, 8, 4),
    "heads": 8,
    "latents": 20,
    "token_size": 16,
    "token_width": 64,
    "encoder": "paper",
    "encoder_width": 256,
    "batch_size": 64,
    "lr": 1e-4,
    "warmup": 10_000,
    "ema": 0.9999,
    "sampling_steps": 200,
    "steps": 200_000,
}
"""Settings for 64x64 images on a GPU, never run at full scale: networks and warm-up of the authors' configuration for
Shapes3D; encoder, learning rate, batch and averages of the paper. The numbers of steps are ours."""
