"""Pairs of images that differ in a few factors, among those that are there.

For each choice of the factors that may change, the images fall into groups that agree in all others; a partner is
another image of the group. The groups are found once; to draw partners is then indexing on the device.
"""

from __future__ import annotations

import itertools
import warnings

import torch

from distoolkit.contract import DataError, MethodWarning

_MOST_TABLES = 200  # choices of factors; each costs 32 bytes an image
_ENOUGH = 0.9  # share of images with a partner below which the reader is told


class Pairing:
    """Draws a partner for each image.

    Parameters
    ----------
    factors
        (sample, factor) whole numbers.
    changes
        In how many factors the images of a pair may differ.
    device
        Where partners are drawn.

    Attributes
    ----------
    paired
        Share of the images that have a partner; the others are their own.

    Raises
    ------
    DataError
        No image has a partner, or there are too many ways to choose the factors.
    """

    def __init__(self, factors: torch.Tensor, changes: int, device: torch.device) -> None:
        chosen = choices(factors.shape[1], changes)
        groups = [groups_of(factors, change) for change in chosen]
        order, start, place, size = (torch.stack(part) for part in zip(*groups, strict=True))
        self.paired = float((size > 1).any(0).float().mean())
        _tell(self.paired, changes)
        self._order, self._start, self._place, self._size = (t.to(device) for t in (order, start, place, size))

    def partners(self, index: torch.Tensor) -> torch.Tensor:
        """Draw the positions (batch,) of the partners of the images at these positions (batch,).

        First the factors that change, each choice that has a partner as likely; then an image of the group.
        """
        size = self._size[:, index]
        change = (torch.rand(size.shape, device=size.device) * (size > 1)).argmax(0)
        own = self._place[change, index]
        size = self._size[change, index]
        ahead = (1 + torch.rand(own.shape, device=own.device) * (size - 1)).long()  # 1 to size - 1
        return self._order[change, self._start[change, index] + (own + ahead) % size]


def choices(factors: int, changes: int) -> list[tuple[int, ...]]:
    """List the ways to choose the factors that may change; at least one has to stay.

    Raises
    ------
    DataError
        More than can be kept in memory, or no factor left to share.
    """
    if changes >= factors:
        raise DataError(
            f"changes = {changes} leaves no factor that a pair shares: the images have {factors}; give fewer changes"
        )
    chosen = list(itertools.combinations(range(factors), changes))
    if len(chosen) > _MOST_TABLES:
        raise DataError(
            f"there are {len(chosen)} ways to choose {changes} of {factors} factors, more than the {_MOST_TABLES} that "
            "are kept: give fewer changes, or images with fewer factors"
        )
    return chosen


def groups_of(factors: torch.Tensor, change: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    """Group the images that agree in all factors but those that change.

    Returns
    -------
    order, start, place, size
        (sample,) each: the images, group after group; and of each image, where its group begins in that order,
        its place in the group, and the size of the group.
    """
    kept = [k for k in range(factors.shape[1]) if k not in change]
    _, group, count = torch.unique(factors[:, kept], dim=0, return_inverse=True, return_counts=True)
    order = torch.argsort(group, stable=True)
    start = (count.cumsum(0) - count)[group]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    return order, start, place - start, count[group]


def neighbours(factors: torch.Tensor, factor: int) -> tuple[torch.Tensor, torch.Tensor]:
    """List pairs of images that agree in all factors but one: positions of the first and of the second, (pair,)."""
    order, start, place, size = groups_of(factors, (factor,))
    (first,) = torch.nonzero(size > 1, as_tuple=True)
    return first, order[start[first] + (place[first] + 1) % size[first]]


def _tell(paired: float, changes: int) -> None:
    if paired == 0:
        raise DataError(
            f"no two of these images differ in {changes} factor(s) or less: load more images of the data set "
            "(sample=...), or give more changes"
        )
    if paired < _ENOUGH:
        warnings.warn(
            f"only {paired:.0%} of the images have another that differs in at most {changes} factor(s); the others are "
            "paired with themselves, and teach what they teach a plain VAE. Load more images, or give more changes",
            MethodWarning,
            stacklevel=2,
        )
