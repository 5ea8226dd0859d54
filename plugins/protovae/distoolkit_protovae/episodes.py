"""Episodes of latent interventions: take codes, change one latent of each, and keep in mind which one it was."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

TRIES = 16  # draws among which a new value at least `gap` away is looked for


@dataclass(frozen=True)
class Episode:
    """Which latents were changed, in which images, and the changed codes.

    Attributes
    ----------
    latents
        (way,) index of the latent that each way changes.
    valid
        (way,) False for a latent that is not active: it fills the episode up and takes no part in the loss.
    rows
        (way, pair) the image that each pair starts from; no image twice in a way if there are enough.
    codes
        (way, pair, latent) the changed codes.
    """

    latents: torch.Tensor
    valid: torch.Tensor
    rows: torch.Tensor
    codes: torch.Tensor


def draw(
    code: torch.Tensor,
    active: torch.Tensor,
    *,
    ways: int,
    pairs: int,
    value: str,
    gap: float,
    reach: float,
    generator: torch.Generator,
) -> Episode:
    """Draw an episode.

    Parameters
    ----------
    code
        (batch, latent). Gradients reach it through the latents that are not changed, and through the changed one
        where its new value is a step from the old.
    active
        (latent,) bool. Active latents are drawn without replacement; where they are fewer than ``ways``, others fill
        up and are marked.
    value
        ``"prior"``: a draw from N(0, 1). ``"swap"``: the value of another image. ``"local"``: the old value plus or
        minus ``gap`` to ``gap + reach``. The first two are drawn again until they differ by ``gap``: a smaller
        change could not be seen, and its label would be noise.
    generator
        Of a CPU; the training's own random numbers are left alone.
    """
    batch, latents = code.shape
    device = code.device
    ways = min(ways, latents)
    chosen = (torch.rand(latents, generator=generator).to(device) + active).topk(ways).indices
    shuffled = torch.rand(ways, max(batch, pairs), generator=generator).argsort(1)
    rows = (shuffled[:, :pairs] % batch).to(device)
    base = code[rows]
    which = chosen[:, None, None].expand(ways, pairs, 1)
    old = base.gather(2, which).squeeze(2)
    new = _local(old, gap, reach, generator) if value == "local" else _far(old, code, chosen, value, gap, generator)
    new = new[:, :, None].to(base.dtype)  # draws are float32, codes may be in half precision
    return Episode(chosen, active[chosen], rows, base.scatter(2, which, new))


def _local(old: torch.Tensor, gap: float, reach: float, generator: torch.Generator) -> torch.Tensor:
    size = gap + reach * torch.rand(old.shape, generator=generator)
    return old + (size * _signs(old.shape, generator)).to(old.device)


def _far(
    old: torch.Tensor, code: torch.Tensor, chosen: torch.Tensor, value: str, gap: float, generator: torch.Generator
) -> torch.Tensor:
    """Take the first of many candidates that is far enough; if none is, a step of ``gap``."""
    ways, pairs = old.shape
    if value == "prior":
        candidates = torch.randn(ways, pairs, TRIES, generator=generator).to(old.device)
    else:
        others = torch.randint(len(code), (ways, pairs, TRIES), generator=generator).to(old.device)
        candidates = code[others, chosen[:, None, None]]
    far = (candidates - old[:, :, None]).abs() >= gap
    first = candidates.gather(2, far.float().argmax(2, keepdim=True)).squeeze(2)
    return torch.where(far.any(2), first, old + gap * _signs(old.shape, generator).to(old.device))


def _signs(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0


def guard(picture: torch.Tensor, noise: float, blur: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blur some pictures (3x3 mean) and add noise: a mark that names the latent without being seen does not survive.

    Parameters
    ----------
    picture
        (pair, channel, y, x).
    blur
        (pair,) bool: which are blurred. Both pictures of a pair have to be treated alike.
    """
    smooth = functional.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)
    seen = torch.where(blur[:, None, None, None], smooth, picture)
    return seen + noise * torch.randn(picture.shape, generator=generator).to(picture)
