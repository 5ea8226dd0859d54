"""The losses of DisDiff, as in the authors' code (github.com/ThomasMrY/DisDiff).

Shapes: fields (batch, N, channel, y, x); readings, codes by unit (batch, N, d). The numbers in brackets are those of
this plugin's README.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from distoolkit.nn.diffusion.schedule import like


def invariant_logits(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Return how far each unit's reading moved as one field was added [5]: a_k = ||zh^k - zc^k||, (batch, N).

    ``before`` is the reading of the unconditional estimate of x0, ``after`` that with field c.
    """
    return _distance(before, after)


def variant_logits(before: torch.Tensor, after: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Return how much nearer each unit came to its true value [6]: b_k = ||zh^k - z^k|| - ||zc^k - z^k||."""
    return _distance(before, true) - _distance(after, true)


def disentangling(
    before: torch.Tensor, after: torch.Tensor, true: torch.Tensor, which: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the invariant and the variant loss of each sample [7], in nats; ln N is chance.

    Both ask "which field was added?" of the readings: cross-entropies of the two kinds of logits with the true answer.

    Parameters
    ----------
    before, after, true
        (batch, N, d). Only ``after`` is to carry a gradient.
    which
        (batch,) the index c of the field that was added to each sample.
    """
    invariant = F.cross_entropy(invariant_logits(before, after), which, reduction="none")
    variant = F.cross_entropy(variant_logits(before, after, true), which, reduction="none")
    return invariant, variant


def change_weight(before: torch.Tensor, after: torch.Tensor, quantile: float = 1.0) -> torch.Tensor:
    """Return the weight w of each sample [8]: the mean squared change of the picture, out of the gradient.

    With a gradient it would be lowest where no field does anything.

    Parameters
    ----------
    before, after
        (batch, ...): the estimates of x0 without and with field c, as latents or as pictures.
    quantile
        Cut the weights at this quantile of the batch; 1 leaves them, as in the code.
    """
    weight = (before.detach() - after.detach()).float().square().flatten(1).mean(1)
    return weight if quantile >= 1 else weight.minimum(torch.quantile(weight, quantile))


def pick(fields: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
    """Take one field from each sample: (batch, N, ...) and (batch,) to (batch, ...)."""
    index = like(which, fields).expand(-1, 1, *fields.shape[2:])
    return fields.gather(1, index).squeeze(1)


def read_frozen(encoder: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """Read an image with the encoder's present weights, in evaluation mode and out of the gradient.

    The gradient passes through the encoder to ``image`` but not into its parameters: otherwise the encoder could lower
    the disentangling loss by moving the reading instead of the picture.
    """
    weights = {name: parameter.detach() for name, parameter in encoder.named_parameters()}
    was_training = encoder.training
    encoder.eval()
    try:
        dtype = next(iter(weights.values())).dtype  # pictures come in float32, whatever the precision of the run
        code: torch.Tensor = functional_call(encoder, weights, (image.to(dtype),))
    finally:
        encoder.train(was_training)
    return code


def _distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Euclidean distance along the last axis, in float32; its gradient at 0 is 0."""
    distance: torch.Tensor = torch.linalg.vector_norm((a - b).float(), dim=-1)
    return distance
