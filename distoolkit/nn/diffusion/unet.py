"""The U-Net of the diffusion models of Dhariwal and Nichol (2021) and Rombach et al. (2022).

It comes in two halves. `Contracting` turns x_t into a list of feature maps; `Expanding` turns that list into a picture.
DisDiff's gradient estimator is a second `Expanding`, whose residual blocks are modulated twice: by time, then by a
unit. A method that conditions the U-Net on tokens gives it a function that makes a layer to read them (`Attend`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from distoolkit.contract import ConfigError

Attend: TypeAlias = Callable[[int, int], nn.Module | None]
"""``(channels, side)`` of a feature map to a layer ``(map, tokens) -> map``, or to None: not at this size."""


@dataclass(frozen=True)
class Shape:
    """Size of a U-Net.

    Attributes
    ----------
    channels
        Of x_t, in and out.
    side
        Height and width of x_t.
    width, multipliers
        A level has ``width`` times its multiplier channels; each level but the first halves the side.
    blocks
        Residual blocks on a level.
    attention
        Sides of the feature maps that have self-attention.
    heads
        Heads of each attention.
    """

    channels: int
    side: int
    width: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    attention: tuple[int, ...] = (16, 8, 4)
    heads: int = 8

    def __post_init__(self) -> None:
        halvings = len(self.multipliers) - 1
        if self.width < 2 or self.width % 2:
            raise ConfigError(f"width = {self.width} is not allowed: give an even number, half sines and half cosines")
        if not self.multipliers or min(self.multipliers) < 1:
            raise ConfigError(f"multipliers = {self.multipliers} are not allowed: give at least one, each 1 or more")
        if self.side % 2**halvings:
            raise ConfigError(
                f"a U-Net with {halvings + 1} levels halves its input {halvings} times, and a side of {self.side} does "
                f"not divide by {2**halvings}: give fewer multipliers, or images whose side is a multiple of "
                f"{2**halvings}"
            )
        if self.attention and not set(self.attention) & set(self.sides):
            raise ConfigError(
                f"attention = {self.attention} are no sides of this U-Net, whose feature maps have sides {self.sides}: "
                "give at least one of these, or () for no self-attention"
            )
        odd = [
            c for s, c in zip(self.sides, self.level_channels, strict=True) if s in self.attention and c % self.heads
        ]
        if odd:
            raise ConfigError(f"heads = {self.heads} does not divide the {odd[0]} channels of a level with attention")

    @property
    def level_channels(self) -> tuple[int, ...]:
        """Channels of each level, from the widest map to the smallest."""
        return tuple(self.width * m for m in self.multipliers)

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the feature maps of each level."""
        return tuple(self.side >> k for k in range(len(self.multipliers)))

    @property
    def embedding(self) -> int:
        """Size of the time embedding."""
        return 4 * self.width


def timestep_features(t: torch.Tensor, size: int) -> torch.Tensor:
    """Sines and cosines of t at frequencies from 1 down to 1/10000: (batch,) to (batch, size)."""
    half = size // 2
    frequency = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    angle = t.float()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def normalise(channels: int) -> nn.GroupNorm:
    """Group normalisation with 32 groups, or fewer so that each has at least two channels."""
    return nn.GroupNorm(math.gcd(32, channels // 2) if channels > 1 else 1, channels)


def zeroed(module: nn.Conv2d) -> nn.Conv2d:
    """Set a convolution to zero, in place: its block starts as the identity."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class ResidualBlock(nn.Module):
    """Two convolutions around an adaptive group normalisation, with a skip connection.

    Between the convolutions, h is normalised, then scaled and shifted by a linear function of the time embedding and,
    where the block has a second condition, once more by one of the unit's embedding (double AdaGN).

    Parameters
    ----------
    before, after
        Channels in and out.
    embedding
        Size of the time embedding.
    condition
        Size of the second condition; 0 for none.
    resize
        ``"up"`` doubles the side, ``"down"`` halves it, ``""`` keeps it.
    """

    def __init__(self, before: int, after: int, embedding: int, condition: int = 0, resize: str = "") -> None:
        super().__init__()
        self.resize = resize
        self.norm_in = normalise(before)
        self.conv_in = nn.Conv2d(before, after, 3, padding=1)
        self.by_time = nn.Linear(embedding, 2 * after)
        self.by_unit = nn.Linear(condition, 2 * after) if condition else None
        self.norm_out = normalise(after)
        self.conv_out = zeroed(nn.Conv2d(after, after, 3, padding=1))
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: torch.Tensor, time: torch.Tensor, unit: torch.Tensor | None = None) -> torch.Tensor:
        """Return (batch, after, y, x); ``time`` (batch, embedding), ``unit`` (batch, condition)."""
        h = self._resized(F.silu(self.norm_in(x)))
        h = self.norm_out(self.conv_in(h))
        h = modulate(h, self.by_time(F.silu(time)))
        if self.by_unit is not None and unit is not None:
            h = modulate(h, self.by_unit(F.silu(unit)))
        result: torch.Tensor = self.skip(self._resized(x)) + self.conv_out(F.silu(h))
        return result

    def _resized(self, x: torch.Tensor) -> torch.Tensor:
        if self.resize == "up":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return F.avg_pool2d(x, 2) if self.resize == "down" else x


def modulate(h: torch.Tensor, scale_and_shift: torch.Tensor) -> torch.Tensor:
    """Return h (1 + s) + b: ``h`` (batch, channel, y, x), ``scale_and_shift`` (batch, 2 channel)."""
    scale, shift = scale_and_shift[..., None, None].chunk(2, dim=1)
    return h * (1 + scale) + shift


class Attention(nn.Module):
    """Self-attention over the places of a feature map, added to it; zero at the start."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = normalise(channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, channel, y, x), as given."""
        batch, channels, height, width = x.shape
        split = (batch, 3, self.heads, channels // self.heads, height * width)
        q, k, v = (
            self.to_qkv(self.norm(x)).reshape(split).transpose(-1, -2).unbind(1)
        )  # each (batch, head, place, depth)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(x.shape)
        added: torch.Tensor = x + self.out(mixed)
        return added


class Level(nn.Module):
    """A residual block and, where the map's side asks for it, attention; then perhaps a change of size."""

    def __init__(
        self,
        before: int,
        after: int,
        side: int,
        shape: Shape,
        condition: int = 0,
        resize: str = "",
        attend: Attend | None = None,
    ) -> None:
        super().__init__()
        self.block = ResidualBlock(before, after, shape.embedding, condition)
        self.attention = Attention(after, shape.heads) if side in shape.attention else None
        self.attend = attend(after, side) if attend else None
        self.resize = ResidualBlock(after, after, shape.embedding, condition, resize) if resize else None

    def forward(
        self,
        x: torch.Tensor,
        time: torch.Tensor,
        unit: torch.Tensor | None = None,
        tokens: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the next feature map."""
        x = self.block(x, time, unit)
        if self.attention is not None:
            x = self.attention(x)
        if self.attend is not None:
            x = self.attend(x, tokens)
        return x if self.resize is None else self.resize(x, time, unit)


class Contracting(nn.Module):
    """The first half: x_t to feature maps, from the largest to the smallest."""

    def __init__(self, shape: Shape, attend: Attend | None = None) -> None:
        super().__init__()
        self.first = nn.Conv2d(shape.channels, shape.level_channels[0], 3, padding=1)
        self.levels = nn.ModuleList()
        before = shape.level_channels[0]
        for k, (channels, side) in enumerate(zip(shape.level_channels, shape.sides, strict=True)):
            for _ in range(shape.blocks):
                self.levels.append(Level(before, channels, side, shape, attend=attend))
                before = channels
            if k + 1 < len(shape.multipliers):
                self.levels.append(ResidualBlock(channels, channels, shape.embedding, resize="down"))

    def forward(self, x: torch.Tensor, time: torch.Tensor, tokens: torch.Tensor | None = None) -> list[torch.Tensor]:
        """Return every feature map; `Expanding` takes them all, the last one as its input too."""
        maps = [self.first(x)]
        for level in self.levels:
            told = (None, tokens) if isinstance(level, Level) else ()
            maps.append(level(maps[-1], time, *told))
        return maps


class Expanding(nn.Module):
    """The second half, with the middle: feature maps to a picture; zero at the start.

    Parameters
    ----------
    shape
        Of the whole U-Net.
    condition
        Size of the second condition of each residual block (double AdaGN); 0 for the plain U-Net.
    attend
        Makes the layers that read tokens; none without it.
    """

    def __init__(self, shape: Shape, condition: int = 0, attend: Attend | None = None) -> None:
        super().__init__()
        channels, sides = shape.level_channels, shape.sides
        last = channels[-1]
        self.middle_in = ResidualBlock(last, last, shape.embedding, condition)
        self.middle_attention = Attention(last, shape.heads) if sides[-1] in shape.attention else None
        self.middle_attend = attend(last, sides[-1]) if attend else None
        self.middle_out = ResidualBlock(last, last, shape.embedding, condition)
        skips = skip_channels(shape)
        self.levels = nn.ModuleList()
        before = last
        for k in reversed(range(len(channels))):
            for block in range(shape.blocks + 1):
                resize = "up" if k > 0 and block == shape.blocks else ""
                self.levels.append(Level(before + skips.pop(), channels[k], sides[k], shape, condition, resize, attend))
                before = channels[k]
        self.norm = normalise(before)
        self.head = zeroed(nn.Conv2d(before, shape.channels, 3, padding=1))

    def forward(
        self,
        maps: list[torch.Tensor],
        time: torch.Tensor,
        unit: torch.Tensor | None = None,
        tokens: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return (batch, channels, side, side); ``maps`` from `Contracting`, ``time`` and ``unit`` as embeddings."""
        x = self.middle_in(maps[-1], time, unit)
        if self.middle_attention is not None:
            x = self.middle_attention(x)
        if self.middle_attend is not None:
            x = self.middle_attend(x, tokens)
        x = self.middle_out(x, time, unit)
        for level, skip in zip(self.levels, reversed(maps), strict=True):
            x = level(torch.cat([x, skip], dim=1), time, unit, tokens)
        picture: torch.Tensor = self.head(F.silu(self.norm(x)))
        return picture


def skip_channels(shape: Shape) -> list[int]:
    """Channels of each feature map that `Contracting` returns."""
    counts = [shape.level_channels[0]]
    for k, channels in enumerate(shape.level_channels):
        counts += [channels] * (shape.blocks + (k + 1 < len(shape.multipliers)))
    return counts


class Trunk(nn.Module):
    """The time embedding and the contracting half: x_t and t to feature maps."""

    def __init__(self, shape: Shape, attend: Attend | None = None) -> None:
        super().__init__()
        self.width = shape.width
        self.time = nn.Sequential(
            nn.Linear(shape.width, shape.embedding), nn.SiLU(), nn.Linear(shape.embedding, shape.embedding)
        )
        self.contracting = Contracting(shape, attend)

    def forward(
        self,
        x: torch.Tensor,
        t: torch.Tensor,
        tokens: torch.Tensor | None = None,
        added: torch.Tensor | None = None,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the feature maps and the time embedding (batch, 4 width); ``t`` (batch,) whole numbers.

        ``added`` (batch, 4 width) is added to the embedding of t: by it, all adaptive norms learn of something else.
        x_t comes in float32, whatever the precision of a run, and is converted to that of the weights.
        """
        x = x.to(self.contracting.first.weight.dtype)
        time = self.time(timestep_features(t, self.width).to(x.dtype))
        if added is not None:
            time = time + added
        return self.contracting(x, time, tokens), time


class UNet(nn.Module):
    """Noise prediction eps(x_t, t); its trunk is open to a second decoder.

    Parameters
    ----------
    shape
        Its size.
    attend
        Makes the layers that read tokens; none without it.
    """

    def __init__(self, shape: Shape, attend: Attend | None = None) -> None:
        super().__init__()
        self.trunk = Trunk(shape, attend)
        self.expanding = Expanding(shape, attend=attend)

    def forward(
        self,
        x: torch.Tensor,
        t: torch.Tensor,
        tokens: torch.Tensor | None = None,
        added: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the predicted noise, of the shape of ``x``.

        Parameters
        ----------
        x, t
            x_t (batch, ...) and whole numbers (batch,).
        tokens
            For the layers that `Attend` made.
        added
            (batch, 4 width) added to the time embedding.
        """
        maps, time = self.trunk(x, t, tokens, added)
        noise: torch.Tensor = self.expanding(maps, time, None, tokens)
        return noise
