"""The closing stage of the autoencoders: turn their codes to independence."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import nn

from distoolkit_isometry import doubts as doubt
from distoolkit_isometry.ica import Independent, independent
from distoolkit_isometry.neighbours import Array

DEAD = 1e-6  # of the largest variance: a direction with less is not used


class Turn(nn.Module):
    """An affine change of coordinates of a code; the identity until it is fitted.

    Attributes
    ----------
    shift
        (d,) what is subtracted first.
    matrix, inverse
        (d, d): ``turned = (code - shift) @ matrix``. Columns have length 1, so each turned entry is measured in the
        code's own units.
    """

    shift: torch.Tensor
    matrix: torch.Tensor
    inverse: torch.Tensor

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(latents))
        self.register_buffer("matrix", torch.eye(latents))
        self.register_buffer("inverse", torch.eye(latents))

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """Turn (batch, d) codes."""
        return (code - self.shift) @ self.matrix

    def back(self, turned: torch.Tensor) -> torch.Tensor:
        """Undo `forward`."""
        return turned @ self.inverse + self.shift

    def fit(self, codes: Array, contrast: str, restarts: int, seed: int) -> Independent:
        """Find the turn that makes codes (N, d) independent, and warn of what speaks against it."""
        shift, matrix, found, sentences = independent_turn(codes, contrast, restarts, seed)
        for name, array in (("shift", shift), ("matrix", matrix), ("inverse", np.linalg.inv(matrix))):
            like = getattr(self, name)
            like.copy_(torch.as_tensor(array).to(like.device, like.dtype))
        for sentence in sentences:
            warnings.warn(sentence, doubt.IsometryWarning, stacklevel=2)
        return found


def independent_turn(
    codes: Array, contrast: str, restarts: int, seed: int
) -> tuple[Array, Array, Independent, tuple[str, ...]]:
    """Whiten codes and rotate them to independence, leaving directions without variance as they are.

    Returns
    -------
    shift, matrix
        ``turned = (codes - shift) @ matrix``; the live entries come first, in the order of decreasing variance.
    found
        What the ICA says of the live entries.
    doubts
        Sentences, empty is good.
    """
    shift = codes.mean(axis=0)
    values, vectors = np.linalg.eigh((codes - shift).T @ (codes - shift) / len(codes))
    live = values > DEAD * values[-1]
    white = (codes - shift) @ (vectors[:, live] / np.sqrt(values[live]))
    found = independent(white, contrast, restarts, seed)
    unmixing = vectors[:, live] / np.sqrt(values[live]) @ found.rotation
    unmixing /= np.linalg.norm(unmixing, axis=0)
    turned = (codes - shift) @ unmixing
    order = np.argsort(-turned.std(axis=0))
    unmixing = unmixing[:, order] * np.where((turned[:, order] ** 3).sum(axis=0) < 0, -1.0, 1.0)
    sentences = (
        doubt.dead(int((~live).sum()), len(live)),
        doubt.gaussian(found),
        doubt.dependence(turned),
    )
    return shift, np.hstack([unmixing, vectors[:, ~live]]), found, tuple(s for s in sentences if s)
