"""The discriminator, which exists only during training."""

from __future__ import annotations

import torch
from torch import nn

JOINT, PRODUCT = 0, 1
"""The discriminator's two classes: codes of q(z), and codes of the product of its marginals."""


class Discriminator(nn.Module):
    """Tell codes of q(z) from codes whose latents were shuffled: (batch, latent) to two logits.

    Six hidden layers of 1000 units with leaky ReLU in the paper (appendix A).
    """

    def __init__(self, latents: int, width: int = 1000, layers: int = 6) -> None:
        super().__init__()
        sizes = [latents, *[width] * layers]
        hidden: list[nn.Module] = []
        for k in range(layers):
            hidden += [nn.Linear(sizes[k], sizes[k + 1]), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*hidden, nn.Linear(width, 2))

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """Return the logits of `JOINT` and `PRODUCT`: (batch, 2)."""
        logits: torch.Tensor = self.layers(code)
        return logits
