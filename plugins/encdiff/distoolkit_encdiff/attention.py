"""Cross-attention from the places of a feature map to tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.unet import normalise, zeroed


class CrossAttention(nn.Module):
    """Each place of a map asks the tokens, and what it reads is added to it; nothing is at the start.

    softmax(q k^T / sqrt(depth)) v, with q from the normalised map and k and v from the tokens, in several heads
    (Vaswani et al. 2017; on feature maps: Rombach et al. 2022).

    Parameters
    ----------
    channels
        Of the map.
    token_size
        Entries of a token.
    heads
        Must divide ``channels``.
    """

    def __init__(self, channels: int, token_size: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ConfigError(
                f"heads = {heads} does not divide the {channels} channels of a level with cross-attention: give a "
                "number that does, or other sides in cross_attention"
            )
        self.heads = heads
        self.norm = normalise(channels)
        self.to_q = nn.Conv2d(channels, channels, 1, bias=False)
        self.to_k = nn.Linear(token_size, channels, bias=False)
        self.to_v = nn.Linear(token_size, channels, bias=False)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Return (batch, channel, y, x), as given; ``tokens`` (batch, unit, token)."""
        k, v = self._split(self.to_k(tokens)), self._split(self.to_v(tokens))
        mixed = F.scaled_dot_product_attention(self._query(x), k, v)
        added: torch.Tensor = x + self.out(mixed.transpose(-1, -2).reshape(x.shape))
        return added

    def weights(self, x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Return what each place reads of each token: (batch, head, unit, y, x), with sum 1 over the units."""
        q, k = self._query(x), self._split(self.to_k(tokens))
        shares: torch.Tensor = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1).transpose(-1, -2)
        return shares.reshape(*shares.shape[:3], *x.shape[2:])

    def _query(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, head, place, depth)."""
        return self._split(self.to_q(self.norm(x)).flatten(2).transpose(1, 2))

    def _split(self, read: torch.Tensor) -> torch.Tensor:
        """Split (batch, place, channel) into heads: (batch, head, place, depth); a place, or a unit."""
        batch, places, channels = read.shape
        return read.reshape(batch, places, self.heads, channels // self.heads).transpose(1, 2)
