"""A VAE whose decoder plays a guessing game: which latent was changed?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Report
from distoolkit.nn import kl_standard_normal, reconstruction_loss, reparameterise
from distoolkit.training.randomness import number_of
from distoolkit_protovae import prototypes
from distoolkit_protovae.episodes import Episode, draw, guard
from distoolkit_protovae.model import ProtoVAE

if TYPE_CHECKING:
    from distoolkit_protovae import Config


def train(model: ProtoVAE, loop: Any, config: Config) -> Iterator[Report]:
    """Yield one report a step: the VAE's loss and, after the warm-up, lambda times that of an episode."""
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))
    for batch in loop.stage("train", config.steps):
        image = batch["image"]
        mean, logvar = model.vae.moments(image)
        code = reparameterise(mean, logvar)
        logits = model.vae.logits(code)
        reconstruction = reconstruction_loss(logits, image, config.likelihood).mean()
        kl = kl_standard_normal(mean, logvar).mean(0)
        loss = reconstruction + config.beta * kl.sum()
        report = {"reconstruction": reconstruction, "kl": kl.sum()}
        weight = weight_at(loop.stage_step, config)
        if weight > 0:
            generator = torch.Generator().manual_seed(number_of(loop.seed, "episode", loop.stage_step))
            scores, episode = play(model, code, logits, kl > config.active_kl, config, generator)
            guessing = prototypes.loss(scores, episode.valid)
            loss = loss + weight * guessing
            report |= {
                "prototype_loss": guessing,
                # 0 while fewer than two latents play: nobody guesses, and a report takes no NaN
                "query_accuracy": prototypes.accuracy(scores, episode.valid).nanmean().nan_to_num(),
                "ways": episode.valid.sum().float(),
            }
        loop.minimise(loss, adam)
        yield {"loss": loss, **report}


def weight_at(step: int, config: Config) -> float:
    """Return lambda at a step, from 0: nothing during the warm-up, then in a straight line to its full value."""
    after = step + 1 - round(config.warmup * config.steps)
    ramp = round(config.ramp * config.steps)
    return config.prototype_weight * min(max(after, 0) / ramp if ramp else float(after > 0), 1.0)


def play(
    model: ProtoVAE,
    code: torch.Tensor,
    logits: torch.Tensor,
    active: torch.Tensor,
    config: Config,
    generator: torch.Generator,
) -> tuple[torch.Tensor, Episode]:
    """Play one episode; return how near each query is to each prototype, and the episode.

    Parameters as in `embedded_episode`.

    Returns
    -------
    tuple
        (way of the query, query, way of the prototype) as `prototypes.logits` gives them, and what was drawn.
    """
    embedded, episode = embedded_episode(model, code, logits, active, config, generator)
    return prototypes.logits(embedded, config.support), episode


def embedded_episode(
    model: ProtoVAE,
    code: torch.Tensor,
    logits: torch.Tensor,
    active: torch.Tensor,
    config: Config,
    generator: torch.Generator,
) -> tuple[torch.Tensor, Episode]:
    """Draw an episode, decode its pairs of pictures and embed them.

    Parameters
    ----------
    code, logits
        (batch, latent) codes of a batch and their decoded logits (batch, channel, y, x).
    active
        (latent,) which latents carry anything.

    Returns
    -------
    tuple
        (way, pair, size) embeddings, the first ``support`` pairs of each way being its support, and what was drawn.
    """
    if config.reaches != "encoder":
        # the logits above would carry the gradient into the encoder, so those codes are decoded once more
        code = code.detach()
        logits = model.vae.logits(code) if config.reaches == "decoder" else logits.detach()
    if config.class_pool == "all":
        active = torch.ones_like(active)
    episode = draw(
        code,
        active,
        ways=config.ways,
        pairs=config.support + config.queries,
        value=config.value,
        gap=config.gap,
        reach=config.reach,
        generator=generator,
    )
    changed = model.vae.decode(episode.codes.flatten(0, 1))
    if config.reaches == "nothing":
        changed = changed.detach()
    before = torch.sigmoid(logits)[episode.rows.flatten()]
    blur = (torch.rand(len(before), generator=generator) < config.blur).to(code.device)
    embedded = model.embed(guard(before, config.noise, blur, generator), guard(changed, config.noise, blur, generator))
    return embedded.view(*episode.rows.shape, -1), episode
