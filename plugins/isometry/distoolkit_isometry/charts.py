"""From a code of some points to a map of all: each fitted point carries an affine chart, and charts are blended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from distoolkit_isometry.hessian import BLOCK, blocks, tangent_coordinates
from distoolkit_isometry.neighbours import Array

if TYPE_CHECKING:
    from distoolkit_isometry.spectral import Solution


class Charts(nn.Module):
    """Encode points near those that were fitted, and decode codes near theirs.

    All results are buffers. How many points there are is known only after the fit (duplicates are merged), so
    loading takes the sizes that were saved.

    Attributes
    ----------
    mean, basis
        (D,) and (D, p): the principal subspace.
    anchors, codes
        (n, p) and (n, d): the fitted points and their codes.
    to_code, to_point
        (n, p, d) and (n, d, p): the linear part of each chart, and of its inverse.
    eigenvalues, spectrum
        What the fit said of itself: see `NullSpace.eigenvalues` and `Locality.spectrum`.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    anchors: torch.Tensor
    codes: torch.Tensor
    to_code: torch.Tensor
    to_point: torch.Tensor
    eigenvalues: torch.Tensor
    spectrum: torch.Tensor

    def __init__(self, size: int, latents: int, count: int, components: int) -> None:
        super().__init__()
        components = min(components, size)
        shapes = {
            "mean": (size,),
            "basis": (size, components),
            "anchors": (count, components),
            "codes": (count, latents),
            "to_code": (count, components, latents),
            "to_point": (count, latents, components),
            "eigenvalues": (0,),
            "spectrum": (0,),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    def take(self, solution: Solution) -> None:
        """Take over what was fitted."""
        to_code, to_point = linear_parts(solution)
        found = {
            "mean": solution.subspace.mean,
            "basis": solution.subspace.basis,
            "anchors": solution.points,
            "codes": solution.code,
            "to_code": to_code,
            "to_point": to_point,
            "eigenvalues": solution.null.eigenvalues,
            "spectrum": solution.locality.spectrum,
        }
        for name, array in found.items():
            like = getattr(self, name)
            setattr(self, name, torch.as_tensor(np.ascontiguousarray(array)).to(like.device, like.dtype))

    def encode(self, points: torch.Tensor) -> torch.Tensor:
        """Map (batch, D) points to (batch, d) codes."""
        return blend((points - self.mean) @ self.basis, self.anchors, self.codes, self.to_code)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Map (batch, d) codes to (batch, D) points."""
        return blend(codes, self.codes, self.anchors, self.to_point) @ self.basis.T + self.mean

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name, buffer in self.named_buffers(recurse=False):
            saved = state_dict.get(prefix + name)
            if saved is not None and saved.ndim == buffer.ndim:
                setattr(self, name, buffer.new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def linear_parts(solution: Solution) -> tuple[Array, Array]:
    """Fit, around each point, the code as a linear function of the tangent coordinates, and the reverse.

    Returns
    -------
    to_code
        (n, p, d).
    to_point
        (n, d, p).
    """
    latents = solution.code.shape[1]
    forward, back = [], []
    for number, patches in enumerate(blocks(solution.points, solution.neighbours)):
        around = solution.neighbours[number * BLOCK : (number + 1) * BLOCK]
        steps = solution.code[around] - solution.code[around].mean(axis=1, keepdims=True)
        tangent, spread = tangent_coordinates(patches, latents)
        squares = np.maximum(spread[:, None, :latents] ** 2, np.finfo(float).tiny)
        directions = patches.transpose(0, 2, 1) @ tangent / squares
        forward.append(directions @ (tangent.transpose(0, 2, 1) @ steps))
        gram = steps.transpose(0, 2, 1) @ steps
        floor = 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(latents) + np.finfo(float).tiny
        back.append(np.linalg.solve(gram + floor, steps.transpose(0, 2, 1) @ patches))
    return np.concatenate(forward), np.concatenate(back)


def blend(query: torch.Tensor, anchors: torch.Tensor, values: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
    """Average the affine functions of the nearest anchors, weighing near ones more; the result is continuous.

    Parameters
    ----------
    query
        (batch, a).
    anchors, values, slopes
        (n, a), (n, b), (n, a, b): around anchor i the function is ``values[i] + (query - anchors[i]) @ slopes[i]``.
    """
    count = min(values.shape[1] + 3, len(anchors))
    squared = anchors.square().sum(1) - 2 * query @ anchors.T  # up to |query|^2: only their order is needed
    index = squared.topk(count, dim=1, largest=False).indices
    steps = query[:, None] - anchors[index]
    distance = steps.square().sum(2)
    farthest = distance.amax(1, keepdim=True).clamp_min(torch.finfo(query.dtype).tiny)
    weight = (1 - distance / farthest).square() + 1e-9  # the farthest gets none: it may change without a jump
    weight = weight / weight.sum(1, keepdim=True)
    local = values[index] + torch.einsum("bka,bkac->bkc", steps, slopes[index])
    return torch.einsum("bk,bkc->bc", weight, local)
