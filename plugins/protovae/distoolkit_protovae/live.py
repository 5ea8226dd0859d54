"""The episode viewer of a model that trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from distoolkit.data.batches import as_bytes
from distoolkit.widgets.live import LivePictures, Rows
from distoolkit_protovae.pictures import codes, first_queries, plain, recognised
from distoolkit_protovae.training import play

_EPISODES = 5
_ORANGE, _GREY = (213, 94, 0), (225, 228, 232)


def live_episodes(session: Any, images: xr.Dataset, *, every: int = 100) -> LivePictures:
    """Watch how a ``proto_vae`` learns to tell its latents apart.

    One column for each active latent: a picture, the same with that latent changed, and a bar, the share of changes
    of that latent that are recognised. With fewer than two active latents there is nothing to recognise.

    Parameters
    ----------
    session
        From `distoolkit.training.start`.
    every
        Steps between two drawings.

    Examples
    --------
    >>> session = start("proto_vae", images)    # doctest: +SKIP
    >>> live = live_episodes(session, images)    # doctest: +SKIP
    >>> live    # doctest: +SKIP
    >>> for progress in live.watch(session): ...    # doctest: +SKIP
    """
    config = plain(session.run.config)

    def draw(model: Any, stage: str) -> tuple[str, Rows]:
        code, active = codes(model, images, config)
        if int(active.sum()) < 2:
            return f"fewer than two latents carry {config.active_kl} nats yet: nothing to tell apart", []
        share = recognised(model, code, active, config, _EPISODES)
        episode = play(model, code, model.vae.logits(code), active, config, torch.Generator().manual_seed(0))[1]
        pairs = [as_bytes(pictures[episode.valid]) for pictures in first_queries(model, code, episode, config.support)]
        order = episode.latents[episode.valid].tolist()
        shares = share[order].tolist()
        said = ", ".join(f"z{k} {100 * s:.0f} %" for k, s in zip(order, shares, strict=True))
        bars = np.stack([_bar(s, pairs[0].shape[1:3]) for s in shares])
        before, after = (p.repeat(3, axis=-1) if p.shape[-1] == 1 else p for p in pairs)
        return f"recognised {said}", [("before", before), ("after", after), ("recognised", bars)]

    return LivePictures(draw, every=every)


def _bar(share: float, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Draw a bar of that height, with a white edge at its sides."""
    height, width = shape
    picture = np.full((height, width, 3), 255, np.uint8)
    edge = width // 4
    picture[:, edge : width - edge] = _GREY
    picture[height - round(share * height) :, edge : width - edge] = _ORANGE
    return picture
