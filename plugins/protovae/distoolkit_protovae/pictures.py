"""What an episode looks like, and how well each latent is recognised."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import torch
import xarray as xr

from distoolkit.contract import DataError
from distoolkit.data.batches import Pixels
from distoolkit.nn import kl_standard_normal
from distoolkit.runs import Run
from distoolkit.views.backend import INK, ready, styled
from distoolkit.views.colours import palette
from distoolkit_protovae import prototypes
from distoolkit_protovae.episodes import Episode
from distoolkit_protovae.model import ProtoVAE
from distoolkit_protovae.training import embedded_episode, play

if TYPE_CHECKING:
    from distoolkit_protovae import Config

_MOST = 512  # images that episodes are played on
_SHOWN = 6  # latents in the picture of an episode


def query_accuracy(run: Run, images: xr.Dataset) -> hv.Bars:
    """Plot for each active latent how often its change is recognised; the others are left out.

    With fewer than two active latents there is nothing to recognise, and no bar.
    """
    ready()
    accuracy = query_accuracies(run, images).dropna("unit")
    count = accuracy.sizes["unit"]
    bars = hv.Bars(
        list(zip(accuracy["unit"].values, accuracy.values, strict=True)),
        "latent",
        hv.Dimension("accuracy", label="query accuracy"),
    )
    return styled(
        bars,
        title=f"{count} active latents; chance is {1 / count:.2f}" if count else "fewer than two active latents",
        ylim=(0, 1.05),
        bokeh={"frame_width": 420, "frame_height": 220},
        matplotlib={"aspect": 1.9},
    )


def episode(run: Run, images: xr.Dataset, *, seed: int = 0) -> hv.Layout:
    """Draw one query of each latent of an episode: before, after, and how likely each latent is to have been changed.

    Above the pair stands the latent that was changed and the one that the embedding names; the bars are its
    probabilities, the true latent in orange. Below all lie the embeddings of the queries and the prototypes, projected
    on their first two principal components.
    """
    ready()
    model: Any = run.model()
    config = plain(run.config)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        code, active = codes(model, images, config)
        embedded, drawn = embedded_episode(model, code, model.vae.logits(code), active, config, generator)
        before, after = first_queries(model, code, drawn, config.support)
    chances = prototypes.logits(embedded, config.support)[:, 0].masked_fill(~drawn.valid, -torch.inf).softmax(1)
    names = [f"z{int(k)}" for k in drawn.latents]
    shown = [way for way in range(len(names)) if drawn.valid[way]][:_SHOWN]
    if len(shown) < 2:
        raise DataError(
            f"{len(shown)} latents of {run.name} carry more than active_kl = {config.active_kl} nats, and an episode "
            "needs two to tell apart: train for more steps, or with a smaller beta or active_kl"
        )
    parts: list[Any] = []
    for way in shown:
        named = names[int(chances[way].argmax())]
        title = f"{names[way]} changed; named {named}"
        parts += [_pair(before[way], after[way], title), _chances(names, chances[way].tolist(), way)]
    playing = [name for name, valid in zip(names, drawn.valid.tolist(), strict=True) if valid]
    layout = hv.Layout([*parts, _embeddings(playing, embedded[drawn.valid], config.support)]).cols(2)
    return layout.opts(shared_axes=False, backend="bokeh")


@torch.no_grad()
def query_accuracies(run: Run, images: xr.Dataset, episodes: int = 20, seed: int = 0) -> xr.DataArray:
    """Play episodes of all active latents, without noise or blur, and count what is named rightly.

    Returns
    -------
    xarray.DataArray
        (unit,) mean over the episodes; NaN for a latent that is not active, and for all if fewer than two are.
    """
    model: Any = run.model()
    config = plain(run.config)
    code, active = codes(model, images, config)
    found = recognised(model, code, active, config, episodes, seed)
    return xr.DataArray(found.numpy(), dims="unit", coords={"unit": [f"z{k}" for k in range(len(active))]})


@torch.no_grad()
def active_latents(run: Run, images: xr.Dataset) -> list[int]:
    """Return which latents are active: those that carry more than ``active_kl`` nats about an image."""
    model: Any = run.model()
    _, active = codes(model, images, plain(run.config))
    return [int(latent) for latent in active.nonzero()]


def recognised(
    model: ProtoVAE, code: torch.Tensor, active: torch.Tensor, config: Config, episodes: int, seed: int = 0
) -> torch.Tensor:
    """Return the share of queries named rightly for each latent, (latent,).

    It is NaN for those that are not active, and for all if fewer than two are.
    """
    logits = model.vae.logits(code)
    generator = torch.Generator().manual_seed(seed)
    found = torch.full((episodes, len(active)), torch.nan)
    for number in range(episodes):
        scores, drawn = play(model, code, logits, active, config, generator)
        found[number, drawn.latents.cpu()] = prototypes.accuracy(scores, drawn.valid).cpu()
    return found.nanmean(0)


def codes(model: ProtoVAE, images: xr.Dataset, config: Config) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes of the first images, (image, latent), and which latents are active on them, (latent,)."""
    device = next(model.parameters()).device
    pixels = Pixels(images.isel(sample=slice(_MOST)), device, resident=False)
    moments = [model.vae.moments(batch["image"]) for batch in pixels.chunks(256)]
    mean, logvar = (torch.cat(parts) for parts in zip(*moments, strict=True))
    return mean, kl_standard_normal(mean, logvar).mean(0) > config.active_kl


def first_queries(
    model: ProtoVAE, code: torch.Tensor, drawn: Episode, support: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first query of each latent: pictures before and after the change, (latent, channel, y, x) each."""
    return model.decode(code[drawn.rows[:, support]]), model.decode(drawn.codes[:, support])


def plain(config: Config) -> Config:
    """Return settings with every active latent in the episode and the pictures as they are."""
    return dataclasses.replace(config, ways=config.latents, class_pool="active", noise=0.0, blur=0.0)


def _pair(before: torch.Tensor, after: torch.Tensor, title: str) -> hv.RGB:
    gap = torch.ones(before.shape[0], before.shape[1], max(before.shape[2] // 16, 1))
    both = torch.cat([before, gap, after], dim=2).permute(1, 2, 0).numpy()
    picture = np.repeat(both, 3, axis=2) if both.shape[2] == 1 else both
    height, width = picture.shape[:2]
    rgb = hv.RGB(picture, bounds=(0, 0, width, height))
    return styled(
        rgb,
        title=title,
        xaxis=None,
        yaxis=None,
        bokeh={"frame_width": 200, "frame_height": 100, "toolbar": None, "fontsize": {"title": "9pt"}},
        matplotlib={},
    )


def _chances(names: list[str], chances: list[float], true: int) -> hv.Overlay:
    """Draw the true latent in orange over the others in grey: matplotlib has one colour for all bars."""
    ours = [(name, chance if k == true else 0.0) for k, (name, chance) in enumerate(zip(names, chances, strict=True))]
    others = [(name, 0.0 if k == true else chance) for k, (name, chance) in enumerate(zip(names, chances, strict=True))]
    parts = [
        styled(
            hv.Bars(rows, "latent", hv.Dimension("chance", label="probability")),
            color=colour,
            ylim=(0, 1.02),
            bokeh={"frame_width": 240, "frame_height": 100, "toolbar": None},
            matplotlib={"aspect": 2.4},
        )
        for rows, colour in ((others, "#8b949e"), (ours, "#d55e00"))
    ]
    return hv.Overlay(parts)


def plane(queries: torch.Tensor, means: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Project queries and prototypes on the two directions in which they spread most (their principal components).

    Parameters
    ----------
    queries
        (way, query, size) embeddings.
    means
        (way, size) prototypes.

    Returns
    -------
    tuple
        (way, query, 2) and (way, 2) coordinates, and the share of the variance along each direction, (2,).
    """
    points = torch.cat([queries.flatten(0, 1), means])
    middle = points.mean(0)
    _, spread, axes = torch.linalg.svd(points - middle, full_matrices=False)
    axes = axes[:2]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * largest.sign()  # the sign of a component is arbitrary: the picture would flip between machines
    shares = spread[:2].square() / spread.square().sum().clamp_min(torch.finfo(spread.dtype).tiny)
    return (queries - middle) @ axes.T, (means - middle) @ axes.T, shares


def _embeddings(names: list[str], embedded: torch.Tensor, support: int) -> hv.Overlay:
    """Draw queries as dots and prototypes as crosses, in the colour of their latent, whose name is by the cross."""
    queries, means, shares = plane(embedded[:, support:], prototypes.means(embedded, support))
    places = ["component 1", "component 2"]
    first, second = (f"{100 * share:.0f} %" for share in shares.tolist())
    dots = [(*place, name, k) for k, name in enumerate(names) for place in queries[k].tolist()]
    crosses = [(*place, name, k) for k, (name, place) in enumerate(zip(names, means.tolist(), strict=True))]
    coloured: dict[str, Any] = {
        "color": "way",
        "cmap": palette("categorical", len(names)),
        "clim": (-0.5, len(names) - 0.5),
        "padding": 0.15,
    }
    layers = [
        styled(
            hv.Points(points, places, ["latent", "way"]),
            bokeh={"marker": marker, "size": size, "line_width": width, "tools": ["hover"]},
            matplotlib={"marker": marker.replace("x", "X"), "s": 0.6 * size**2, "linewidth": 0},
            **coloured,
        )
        for points, marker, size, width in ((dots, "o", 5, 0), (crosses, "x", 10, 2))
    ]
    beside = styled(
        hv.Labels([cross[:3] for cross in crosses], places, ["latent"]),
        bokeh={"text_font_size": "9pt", "text_align": "left", "text_baseline": "bottom", "text_color": INK},
        matplotlib={"size": 8, "color": INK, "horizontalalignment": "left", "verticalalignment": "bottom"},
    )
    return styled(
        hv.Overlay([*layers, beside]),
        title="queries, prototypes (x)",
        xlabel=f"variance shown: {first} + {second}",
        xticks=0,
        yaxis=None,  # its room would cut off the pictures above, which have none
        bokeh={"frame_width": 200, "frame_height": 200, "toolbar": None, "fontsize": {"title": "9pt", "xlabel": "9pt"}},
        matplotlib={"aspect": 1},
    )
