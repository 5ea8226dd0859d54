"""The noise prediction under a code: a U-Net and the one way by which the units reach it."""

from __future__ import annotations

import torch
from torch import nn

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.unet import Shape, UNet
from distoolkit_encdiff.attention import CrossAttention
from distoolkit_encdiff.settings import INJECTIONS
from distoolkit_encdiff.tokens import ScalarTokens


class Network(nn.Module):
    """eps(x_t, t, z).

    Parameters
    ----------
    shape
        Of the U-Net.
    units, unit_size
        N and d. Scalars become tokens by `ScalarTokens`; a unit of several entries is a token as it is.
    inject
        ``"attention"``: feature maps attend to the tokens; ``"adagn"``: all tokens together are one vector that is
        added to the time embedding, and scales and shifts the maps with it.
    sides
        Of the feature maps that attend to the tokens.
    token_size, token_width
        As in `ScalarTokens`.

    Raises
    ------
    ConfigError
        No feature map of the U-Net has one of the sides, or heads that do not divide its channels.
    """

    def __init__(
        self,
        shape: Shape,
        units: int,
        unit_size: int,
        *,
        inject: str = "attention",
        sides: tuple[int, ...] = (),
        token_size: int = 16,
        token_width: int = 64,
    ) -> None:
        super().__init__()
        if inject not in INJECTIONS:
            raise ConfigError(f"inject = {inject!r} is not allowed: give {' or '.join(map(repr, INJECTIONS))}")
        size = token_size if unit_size == 1 else unit_size
        self.tokens = ScalarTokens(units, size, token_width) if unit_size == 1 else nn.Identity()
        self.vector: nn.Linear | None = None
        if inject == "adagn":
            self.vector = nn.Linear(units * size, shape.embedding)
            self.unet = UNet(shape)
            return
        if not set(sides) & set(shape.sides):
            raise ConfigError(
                f"cross_attention = {sides} are no sides of this U-Net, whose feature maps have sides {shape.sides}: "
                "nothing would read the units; give at least one of these"
            )

        def attend(channels: int, side: int) -> CrossAttention | None:
            return CrossAttention(channels, size, shape.heads) if side in sides else None

        self.unet = UNet(shape, attend)

    def forward(self, noisy: torch.Tensor, t: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise, of the shape of ``noisy``.

        Parameters
        ----------
        noisy, t
            x_t (batch, ...) and whole numbers (batch,).
        code
            (batch, N, d).
        """
        tokens = self.tokens(code)
        if self.vector is not None:
            return self.unet(noisy, t, added=self.vector(tokens.flatten(1)))  # type: ignore[no-any-return]
        return self.unet(noisy, t, tokens)  # type: ignore[no-any-return]
