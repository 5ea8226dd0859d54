"""The generator: content is what is drawn, style an affine map of it, in one place or at every stage."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from distoolkit.contract import ConfigError, ImageSpec

SLOPE = 0.2
_SHUFFLED = 32  # from so many pixels on, the last stage makes its pixels out of channels, which is cheaper


class Fusion(nn.Module):
    """Scale and shift by style: ``(1 + W s + b) * x + (V s + c)``; x is (batch, n) or (batch, n, y, x)."""

    def __init__(self, style: int, size: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style, 2 * size)

    def moments(self, style: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scale and shift, each (batch, n)."""
        scale, shift = self.affine(style).chunk(2, dim=1)
        return 1 + scale, shift

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Apply the affine map."""
        scale, shift = (m.reshape(*m.shape, *[1] * (x.dim() - 2)) for m in self.moments(style))
        return scale * x + shift


class Stage(nn.Module):
    """Twice the size, convolution, LeakyReLU, normalisation; then style, if this form has it here."""

    def __init__(self, channels: int, out: int, *, norm: str, style: int, shuffle: bool) -> None:
        super().__init__()
        self.shuffle = shuffle
        self.convolution = nn.Conv2d(channels, 4 * out if shuffle else out, 3, padding=1)
        # over the data set: running statistics; per instance: of each map of each image
        self.norm: nn.Module = {
            "instance": nn.InstanceNorm2d(out),
            "dataset": nn.BatchNorm2d(out, affine=False),
            "none": nn.Identity(),
        }[norm]
        self.fusion = Fusion(style, out) if style else None

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, out, 2 y, 2 x)."""
        if self.shuffle:
            x = F.pixel_shuffle(self.convolution(x), 2)
        else:
            x = self.convolution(F.interpolate(x, scale_factor=2, mode="nearest"))
        x = self.norm(F.leaky_relu(x, SLOPE))
        return x if self.fusion is None else self.fusion(x, style)


class Generator(nn.Module):
    """Draw images from content and style.

    Parameters
    ----------
    form
        ``multi``: style acts on the maps of every stage. ``single``: once, on content itself. ``concat``: content and
        style enter side by side, as one vector without roles: the control.
    norm
        Of the stages: ``instance``, ``dataset`` or ``none``.
    """

    def __init__(self, spec: ImageSpec, content: int, style: int, *, width: int, form: str, norm: str) -> None:
        super().__init__()
        stages = max(1, (min(spec.height, spec.width) // 4).bit_length() - 1)
        if spec.height % 2**stages or spec.width % 2**stages or min(spec.height, spec.width) < 8:
            raise ConfigError(
                f"{spec} images cannot be made by doubling: both sides must be at least 8 and multiples of {2**stages}"
            )
        self.form = form
        self.start = (width, spec.height >> stages, spec.width >> stages)
        entries = content + style if form == "concat" else content
        size = self.start[0] * self.start[1] * self.start[2]
        self.layout = nn.Sequential(
            nn.Linear(entries, 128), nn.LeakyReLU(SLOPE), nn.Linear(128, size), nn.LeakyReLU(SLOPE)
        )
        self.fusion = Fusion(style, content) if form == "single" else None
        shuffle = min(spec.height, spec.width) >= _SHUFFLED
        last = max(4, width // 2) if shuffle else width
        self.stages = nn.ModuleList(
            Stage(
                width,
                last if k == stages - 1 else width,
                norm=norm,
                style=style if form == "multi" else 0,
                shuffle=shuffle and k == stages - 1,
            )
            for k in range(stages)
        )
        self.colour = nn.Conv2d(last, spec.channels, 5, padding=2)

    def forward(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Map (batch, content) and (batch, style) to images (batch, channel, y, x) in [0, 1]."""
        entries = content
        if self.form == "concat":
            entries = torch.cat([content, style], dim=1)
        elif self.fusion is not None:
            entries = self.fusion(content, style)
        x = self.layout(entries).reshape(-1, *self.start)
        for stage in self.stages:
            x = stage(x, style)
        drawn: torch.Tensor = self.colour(F.leaky_relu(x, SLOPE)).sigmoid()
        return drawn
