"""Prototypical Networks (Snell et al. 2017): a class is the mean of its support, a query belongs to the nearest."""

from __future__ import annotations

import torch
from torch.nn import functional


def logits(embedded: torch.Tensor, support: int) -> torch.Tensor:
    """Return minus the squared distance of each query to each prototype (equation 2 without its normalisation).

    Parameters
    ----------
    embedded
        (way, pair, size) embeddings, the first ``support`` pairs of each way being its support.

    Returns
    -------
    torch.Tensor
        (way of the query, query, way of the prototype)
    """
    embedded = embedded if embedded.dtype == torch.float64 else embedded.float()  # distances want all their digits
    queries = embedded[:, support:]
    return -(queries[:, :, None] - means(embedded, support)).square().sum(3)


def means(embedded: torch.Tensor, support: int) -> torch.Tensor:
    """Return the prototypes, (way, size): the mean embedding of each way's support (equation 1)."""
    return embedded[:, :support].mean(1)


def loss(scores: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Mean of -ln p(true way) over the queries, in nats; ln(ways) is chance.

    Parameters
    ----------
    scores
        As `logits` gives them.
    valid
        (way,) which ways take part. With fewer than two there is nothing to tell apart, and the loss is 0.
    """
    ways, queries = scores.shape[:2]
    target = torch.arange(ways, device=scores.device)
    masked = scores.masked_fill(~valid, -1e9)
    each = functional.cross_entropy(masked.flatten(0, 1), target.repeat_interleave(queries), reduction="none").view(
        ways, queries
    )
    mean = (each.mean(1) * valid).sum() / valid.sum().clamp(min=1)
    return torch.where(valid.sum() >= 2, mean, torch.zeros_like(mean))


def accuracy(scores: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return for each way the part of its queries that are named rightly: (way,), NaN for a way that takes no part.

    With fewer than two ways there is nothing to tell apart, and all are NaN.
    """
    named = scores.masked_fill(~valid, -1e9).argmax(2)
    right = (named == torch.arange(len(scores), device=scores.device)[:, None]).float().mean(1)
    return torch.where(valid & (valid.sum() >= 2), right, torch.full_like(right, torch.nan))
