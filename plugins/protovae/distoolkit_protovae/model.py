"""The VAE, and the network that embeds pairs of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from distoolkit.contract import ImageSpec
from distoolkit.nn import GaussianVAE

if TYPE_CHECKING:
    from torch.distributions import Normal

    from distoolkit_protovae import Config


CONTRAST = 4.0
"""What the change of a picture is multiplied by: a step of one latent changes few pixels, and these a little."""


class PairEmbedding(nn.Module):
    """Embed ordered pairs of pictures: (pair, channel, y, x) twice -> (pair, size).

    There is no batch normalisation: an episode is no fair sample of pairs, and its statistics would tell which
    latents are in it.

    Parameters
    ----------
    spec
        Shape of the pictures.
    size
        Of the embedding.
    width
        Channels of the first convolution; the others have twice as many.
    pair
        ``"concat"`` stacks the first picture and the change on their channels. That is what the two pictures hold,
        no more and no less, but the embedding learns much sooner from it. ``"abs_diff"`` embeds each and takes the
        absolute difference. The plain difference is not offered: raising and lowering a latent give opposite
        vectors, whose mean, the prototype, is about zero for every latent.
    pooling
        ``"global"`` averages the features over all places, so that the embedding sees what changes and not where;
        ``"flat"`` keeps the places.
    """

    def __init__(self, spec: ImageSpec, size: int, *, width: int, pair: str, pooling: str) -> None:
        super().__init__()
        self.pair = pair
        channels = spec.channels * (2 if pair == "concat" else 1)
        layers: list[nn.Module] = []
        for after in (width, 2 * width, 2 * width):
            layers += [nn.Conv2d(channels, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels = after
        if pooling == "global":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, size)]
        else:
            flat = channels * (spec.height // 8) * (spec.width // 8)
            layers += [nn.Flatten(), nn.Linear(flat, 4 * size), nn.LeakyReLU(0.2), nn.Linear(4 * size, size)]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                # torch's own start shrinks the signal in every layer: all distances would begin, and stay, near zero
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """Return the embeddings, without activation or normalisation."""
        if self.pair == "concat":
            stacked: torch.Tensor = self.layers(torch.cat([before, CONTRAST * (after - before)], dim=1))
            return stacked
        change: torch.Tensor = self.layers(after) - self.layers(before)
        return change.abs()


class ProtoVAE(nn.Module):
    """A VAE and the embedding of pairs that it is trained together with; only the VAE is used afterwards."""

    def __init__(self, vae: GaussianVAE, embed: PairEmbedding) -> None:
        super().__init__()
        self.vae = vae
        self.embed = embed

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the mean of q(z|x): (batch, latent)."""
        return self.vae.encode(image)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return the drawn images in [0, 1]: (batch, channel, y, x)."""
        return self.vae.decode(code)

    def posterior(self, image: torch.Tensor) -> Normal:
        """Return q(z|x) with batch shape (batch, latent)."""
        return self.vae.posterior(image)


def build(config: Config, spec: ImageSpec) -> ProtoVAE:
    """Build both networks. The embedding takes no random numbers from the VAE: without episodes it is a plain one."""
    vae = GaussianVAE(spec, config.latents, width=config.width, activation=config.activation)
    with torch.random.fork_rng(devices=[]):
        embed = PairEmbedding(
            spec, config.embedding, width=config.embedding_width, pair=config.pair, pooling=config.pooling
        )
    return ProtoVAE(vae, embed)
