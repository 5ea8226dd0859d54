"""Swap accuracy: one unit taken from another image changes one factor and leaves the others.

A judge, a small network that learns the factors from labelled images, looks at the pictures drawn from mixed codes. For
each factor in which the two images differ it says whose value it sees: the target's, or that of the source of the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
import xarray as xr
from scipy.optimize import linear_sum_assignment
from torch import nn
from tqdm.auto import tqdm

from distoolkit.contract import DataError
from distoolkit.data.batches import Pixels

Draw: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Bools: TypeAlias = npt.NDArray[np.bool_]


class Judge(nn.Module):
    """Names the factors of a picture: a distribution over the values of each.

    Parameters
    ----------
    channels
        Of the pictures.
    sizes
        Number of values of each factor.
    width
        Channels of the first of three stride-2 convolutions.
    """

    def __init__(self, channels: int, sizes: Sequence[int], width: int = 16) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        widths = [channels, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.heads = nn.Linear(64 * width, sum(self.sizes))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return log-probabilities (batch, value) of each factor, for images in [0, 1]."""
        found: torch.Tensor = self.heads(self.trunk(2 * image - 1))
        return [head.log_softmax(1) for head in torch.split(found, list(self.sizes), dim=1)]


def train_judge(images: xr.Dataset, steps: int = 600, *, lr: float = 2e-3, seed: int = 0) -> Judge:
    """Train a judge on images with factors, in batches of 64; return it in evaluation mode.

    Random numbers outside stay as they are.
    """
    pixels, values = Pixels(images, torch.device("cpu"), resident=False), torch.from_numpy(images["factors"].values)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        judge = Judge(images.sizes["channel"], images["factor_size"].values.tolist())
        adam = torch.optim.Adam(judge.parameters(), lr=lr)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in range(steps):
            rows = torch.randint(len(values), (64,))
            told = judge(pixels.batch(rows)["image"])
            loss = sum(F.nll_loss(one, values[rows, k]) for k, one in enumerate(told))
            adam.zero_grad()
            loss.backward()  # type: ignore[union-attr]
            adam.step()
            decay.step()
    return judge.eval()


@torch.inference_mode()
def judged_rightly(judge: Judge, images: xr.Dataset) -> npt.NDArray[np.float64]:
    """Return, for each factor, the share of images whose value the judge names: what it can be trusted with."""
    told = judge(_pixels(images))
    named = torch.stack([one.argmax(1) for one in told], dim=1).numpy()
    shares: npt.NDArray[np.float64] = (named == images["factors"].values).mean(axis=0)
    return shares


@dataclass(frozen=True)
class Swaps:
    """What the judge saw in pictures with one swapped unit.

    Attributes
    ----------
    factor_names
        Of the columns.
    differs
        (swap, factor) whether the two images differ in the factor. The others are not asked about.
    follows
        (unit, swap, factor) whether the picture shows the source's value rather than the target's.
    unswapped
        (swap, factor) the same for the picture of the target's own code: false where the drawing is faithful.
    """

    factor_names: tuple[str, ...]
    differs: Bools
    follows: Bools
    unswapped: Bools

    def faithful(self) -> float:
        """Return how often the target's own code is drawn with the target's value of a factor; chance is a half.

        Raises
        ------
        DataError
            No two images differ in any factor.
        """
        if not self.differs.any():
            raise DataError(
                f"no target differs from its source in {' or '.join(self.factor_names)}, in {len(self.differs)} swaps: "
                "give images of several values of a factor"
            )
        return float(1 - (self.unswapped & self.differs).sum() / self.differs.sum())

    def rates(self) -> npt.NDArray[np.float64]:
        """Return how often a factor follows a swapped unit: (unit, factor); NaN where no two images differ in it."""
        asked = self.differs.sum(axis=0)
        with np.errstate(invalid="ignore"):
            shares: npt.NDArray[np.float64] = (self.follows & self.differs).sum(axis=1) / asked
        return shares

    def successes(self) -> npt.NDArray[np.float64]:
        """Return the share of swaps that change one factor and leave every other: (unit, factor).

        A swap counts for a factor if its images differ in it. It succeeds if this factor shows the source's value, and
        each other one in which the images differ shows the target's.
        """
        followed = self.follows & self.differs
        alone = followed & (followed.sum(axis=2, keepdims=True) == 1)
        with np.errstate(invalid="ignore"):
            shares: npt.NDArray[np.float64] = alone.sum(axis=1) / self.differs.sum(axis=0)
        return shares

    def half(self, which: int) -> Swaps:
        """Return every second swap, from the first (0) or the second (1)."""
        return Swaps(self.factor_names, self.differs[which::2], self.follows[:, which::2], self.unswapped[which::2])

    def matched(self) -> dict[str, tuple[int, float]]:
        """Match factors and units one to one; return, for each factor that has a unit, the unit and its success rate.

        The match is made on one half of the swaps and the rates are measured on the other, so that choosing the best of
        many pairs cannot raise them. A factor in which no two images of the second half differ is left out.
        """
        units, factors = linear_sum_assignment(np.nan_to_num(self.half(0).successes()), maximize=True)
        rates = self.half(1).successes()
        pairs = [(f, u) for u, f in zip(units, factors, strict=True) if np.isfinite(rates[u, f])]
        return {self.factor_names[f]: (int(u), float(rates[u, f])) for f, u in pairs}


@torch.inference_mode()
def swap_units(
    draw: Draw,
    code: torch.Tensor,
    images: xr.Dataset,
    judge: Judge,
    *,
    batch: int = 64,
    progress: bool = False,
) -> Swaps:
    """Draw every image with each unit in turn taken from its partner, and ask the judge whose values it sees.

    Image k is the target and image (k + half the number of images) modulo that number the source: each image is a
    target once, and a source once.

    Parameters
    ----------
    draw
        Codes (batch, N, d), and which images they are the targets' of (batch,), to pictures (batch, channel, y, x) in
        [0, 1]: all from the same noise, or each from that of its target.
    code
        (sample, N, d) the codes of the images.
    images
        With factors.
    judge
        Trained on images of the same factors.
    batch
        Pictures that are drawn at a time.
    progress
        Show a bar over the units.

    Raises
    ------
    DataError
        Fewer than four images, or codes of another number of images.
    """
    count = images.sizes["sample"]
    if len(code) != count or count < 4:
        raise DataError(f"{len(code)} codes and {count} images: give at least four images, and the code of each")
    factors = torch.from_numpy(images["factors"].values)
    source = torch.arange(count).roll(-(count // 2))

    def follow(mixed: torch.Tensor) -> Bools:
        parts = zip(torch.split(mixed, batch), torch.split(torch.arange(count), batch), strict=True)
        drawn = torch.cat([draw(part, targets) for part, targets in parts])
        return _nearer_to_the_second(judge(drawn.cpu()), factors, factors[source])

    follows = []
    for unit in tqdm(range(code.shape[1]), "swapping", leave=False, disable=not progress):
        mixed = code.clone()
        mixed[:, unit] = code[source, unit]
        follows.append(follow(mixed))
    names = tuple(map(str, images["factor"].values))
    return Swaps(names, (factors != factors[source]).numpy(), np.stack(follows), follow(code))


def _nearer_to_the_second(told: list[torch.Tensor], first: torch.Tensor, second: torch.Tensor) -> Bools:
    """Return whether the judge finds the second value likelier than the first: (sample, factor)."""
    columns = [one.gather(1, second[:, k : k + 1]) > one.gather(1, first[:, k : k + 1]) for k, one in enumerate(told)]
    answers: Bools = torch.cat(columns, dim=1).numpy()
    return answers


def _pixels(images: xr.Dataset) -> torch.Tensor:
    pixels = Pixels(images, torch.device("cpu"), resident=False)
    return pixels.batch(torch.arange(len(pixels)))["image"]
