"""The optional first stage: an autoencoder whose latent maps the diffusion model works on.

After the autoencoders of latent diffusion (Rombach et al. 2022): residual blocks around a bottleneck that is either
quantised with a codebook (VQ) or regularised towards a standard normal (KL). Two of their loss terms are missing:
LPIPS, whose network needs weights that cannot be shipped, and the adversarial loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec, Unit
from distoolkit.nn.diffusion.unet import normalise
from distoolkit.nn.normal import kl_standard_normal, reparameterise

if TYPE_CHECKING:
    from distoolkit.nn.diffusion.settings import FirstStage

COMMITMENT = 0.25
"""Weight of the term that keeps the encoder near its codebook entries (van den Oord et al. 2017)."""


class Pixels(nn.Module):
    """No first stage: the diffusion model works on the pictures themselves."""

    def to_latent(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the picture (batch, channel, y, x) in [-1, 1]."""
        return picture

    def to_picture(self, latent: torch.Tensor, quantise: bool = True) -> torch.Tensor:
        """Return the latent: it is a picture."""
        return latent


@dataclass(frozen=True)
class Reading:
    """What one pass through an autoencoder gives for its loss: the picture drawn, and the bottleneck's own loss."""

    picture: torch.Tensor
    bottleneck: torch.Tensor


class Autoencoder(nn.Module):
    """VQ or KL autoencoder of pictures in [-1, 1].

    Parameters
    ----------
    spec
        Shape of the images.
    kind
        ``"vq"`` or ``"kl"``.
    latent_channels
        Of the latent map; 3 (VQ) and 4 (KL) in the authors' configurations.
    width, multipliers, blocks
        As in the U-Net; each multiplier but the first halves the side.
    codebook
        Number of entries (VQ only).
    """

    def __init__(
        self,
        spec: ImageSpec,
        kind: str = "vq",
        *,
        latent_channels: int = 3,
        width: int = 32,
        multipliers: tuple[int, ...] = (1, 2, 4),
        blocks: int = 2,
        codebook: int = 2048,
    ) -> None:
        super().__init__()
        factor = 2 ** (len(multipliers) - 1)
        if spec.height % factor or spec.width % factor:
            raise ConfigError(
                f"the first stage halves images {len(multipliers) - 1} times, and {spec} does not divide by {factor}: "
                "give fewer ae_multipliers, or other images"
            )
        self.kind = kind
        self.latent_shape = (latent_channels, spec.height // factor, spec.width // factor)
        channels = [width * m for m in multipliers]
        moments = 2 if kind == "kl" else 1
        self.encoder = _encoder(spec.channels, moments * latent_channels, channels, blocks)
        self.decoder = _decoder(latent_channels, spec.channels, channels, blocks)
        self.codebook: nn.Parameter | None = None
        if kind == "vq":
            entries = torch.empty(codebook, latent_channels).uniform_(-1 / codebook, 1 / codebook)
            self.codebook = nn.Parameter(entries)

    @property
    def layout(self) -> tuple[Unit, ...]:
        """One unit for each channel of the latent map."""
        channels, height, width = self.latent_shape
        return tuple(Unit(f"map{k}", height * width) for k in range(channels))

    def to_latent(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the latent map of a picture in [-1, 1]: before quantisation (VQ), or the mean (KL)."""
        latent: torch.Tensor = self.encoder(picture)
        return latent if self.kind == "vq" else latent.chunk(2, dim=1)[0]

    def to_picture(self, latent: torch.Tensor, quantise: bool = True) -> torch.Tensor:
        """Draw a latent map. Without ``quantise`` the gradient is that of the decoder alone."""
        if self.codebook is not None and quantise:
            latent = self.quantised(latent)
        picture: torch.Tensor = self.decoder(latent)
        return picture

    def quantised(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the nearest codebook entry at each place (VQ only); the gradient reaches the codebook."""
        assert self.codebook is not None
        flat = latent.movedim(1, -1).float()
        distance = torch.cdist(flat.flatten(0, -2), self.codebook.float())
        entries = F.embedding(distance.argmin(1), self.codebook)
        return entries.reshape(flat.shape).movedim(-1, 1)

    def read(self, picture: torch.Tensor) -> Reading:
        """Pass pictures through, for training: a straight-through estimate (VQ), or a draw (KL)."""
        found = self.encoder(picture)
        if self.kind == "kl":
            mean, logvar = found.chunk(2, dim=1)
            logvar = logvar.clamp(-30, 20)
            divergence = kl_standard_normal(mean, logvar).flatten(1).sum(1)
            return Reading(self.decoder(reparameterise(mean, logvar)), divergence)
        nearest = self.quantised(found)
        fit = (nearest - found.detach()).square().flatten(1).mean(1)
        commitment = (nearest.detach() - found).square().flatten(1).mean(1)
        straight = found + (nearest - found).detach()
        return Reading(self.decoder(straight), fit + COMMITMENT * commitment)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the flat latent map of images in [0, 1]: (batch, latent)."""
        return self.to_latent(2 * image - 1).flatten(1)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Draw flat latent maps: (batch, latent) to images (batch, channel, y, x) in [0, 1]."""
        picture = self.to_picture(code.reshape(-1, *self.latent_shape))
        return ((picture + 1) / 2).clamp(0, 1)


def make_first_stage(settings: FirstStage, latent_channels: int, spec: ImageSpec) -> Any:
    """Build what the settings ask for: `Pixels` or an `Autoencoder`."""
    if settings.first_stage == "none":
        return Pixels()
    return Autoencoder(
        spec,
        settings.first_stage,
        latent_channels=latent_channels,
        width=settings.ae_width,
        multipliers=settings.ae_multipliers,
        blocks=settings.ae_blocks,
        codebook=settings.codebook,
    )


class _Block(nn.Module):
    """Norm, SiLU, convolution, twice, with a skip connection; no condition."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            normalise(before),
            nn.SiLU(),
            nn.Conv2d(before, after, 3, padding=1),
            normalise(after),
            nn.SiLU(),
            nn.Conv2d(after, after, 3, padding=1),
        )
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = self.skip(x) + self.layers(x)
        return added


def _encoder(image_channels: int, outputs: int, channels: list[int], blocks: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(image_channels, channels[0], 3, padding=1)]
    before = channels[0]
    for k, width in enumerate(channels):
        if k > 0:
            layers.append(nn.Conv2d(before, before, 3, stride=2, padding=1))
        for _ in range(blocks):
            layers.append(_Block(before, width))
            before = width
    return nn.Sequential(*layers, normalise(before), nn.SiLU(), nn.Conv2d(before, outputs, 3, padding=1))


def _decoder(latent_channels: int, image_channels: int, channels: list[int], blocks: int) -> nn.Sequential:
    before = channels[-1]
    layers: list[nn.Module] = [nn.Conv2d(latent_channels, before, 3, padding=1)]
    for k, width in reversed(list(enumerate(channels))):
        for _ in range(blocks + 1):
            layers.append(_Block(before, width))
            before = width
        if k > 0:
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(before, before, 3, padding=1)]
    return nn.Sequential(*layers, normalise(before), nn.SiLU(), nn.Conv2d(before, image_channels, 3, padding=1))
