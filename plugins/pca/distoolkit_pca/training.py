"""Subspace iteration: the leading eigenvectors of a covariance that is never written down.

The covariance of 64x64 colour images has 12,288 squared entries. Multiplying it with a block of vectors needs only
one pass over the images, in chunks: C Q = X'(X Q) / (n - 1) for centred images X. Repeating that and making Q
orthonormal again turns Q towards the leading eigenvectors; the eigenvectors within the block (Rayleigh-Ritz) are
the components. Source: Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, algorithm 4.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distoolkit.contract import Report

if TYPE_CHECKING:
    from distoolkit_pca import Config
    from distoolkit_pca.model import PCA

CHUNK = 512  # images in memory at a time
TINY = 1e-12  # images that are all alike have no variance to divide by


class Block(nn.Module):
    """The block Q (pixel, column) that each pass turns. Spare columns make it settle in a few passes."""

    q: torch.Tensor

    def __init__(self, pixels: int, latents: int) -> None:
        super().__init__()
        columns = min(pixels, 2 * latents + 20)
        self.register_buffer("q", torch.linalg.qr(torch.randn(pixels, columns)).Q)


def train(model: PCA, loop: Any, config: Config) -> Iterator[Report]:
    """Find the mean image, then turn the block once a step.

    Reports the share of the variance that the components explain, and the ``error``: the largest residual
    |C v - variance v| of a component v, relative to the variance along the first.
    """
    block = loop.module("block", Block(model.mean.numel(), config.latents))  # survives a stop, as the model does
    if loop.once("mean"):
        find_mean(model, loop)
    for _ in loop.stage("passes", config.steps, batch_size=1):  # a pass takes all images, not the stage's batch
        error = turn(model, block, loop)
        yield {"explained_variance": model.variance.sum() / model.total_variance.clamp_min(TINY), "error": error}


def find_mean(model: PCA, loop: Any) -> None:
    """Set the mean image."""
    total, count = torch.zeros_like(_exact(model.mean)), 0
    for batch in loop.chunks(CHUNK):
        total += _exact(batch["image"]).flatten(1).sum(0)
        count += len(batch["image"])
    model.mean.copy_(total / count)


def turn(model: PCA, block: Block, loop: Any) -> torch.Tensor:
    """Multiply the block by the covariance, and set the components to the best ones within the block before.

    Returns the ``error`` of the components.
    """
    q, count = _exact(block.q), 0
    product, small = torch.zeros_like(q), q.new_zeros(q.shape[1], q.shape[1])
    total = q.new_zeros(())
    for batch in loop.chunks(CHUNK):
        x = _exact(batch["image"]).flatten(1) - model.mean
        y = x @ q
        product += x.T @ y
        small += y.T @ y
        total += x.square().sum()
        count += len(x)
    variance, rotation = torch.linalg.eigh(small / (count - 1))  # the smallest first
    variance, rotation = (part.flip(-1)[..., : len(model.variance)] for part in (variance, rotation))
    components = (q @ rotation).T
    residual = (product @ rotation).T / (count - 1) - variance[:, None] * components
    block.q.copy_(torch.linalg.qr(product).Q)
    model.components.copy_(fix_signs(components))
    model.variance.copy_(variance.clamp_min(0))
    model.total_variance.copy_(total / (count - 1))
    error: torch.Tensor = residual.norm(dim=1).max() / variance[0].clamp_min(TINY)
    return error


def _exact(numbers: torch.Tensor) -> torch.Tensor:
    """Return float32 for half precision, which has no eigenvectors and too few digits for sums over all images."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def fix_signs(components: torch.Tensor) -> torch.Tensor:
    """Make the largest entry of each row positive: the sign of a component is free, and runs must compare."""
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    return components * torch.where(largest < 0, -1.0, 1.0)
