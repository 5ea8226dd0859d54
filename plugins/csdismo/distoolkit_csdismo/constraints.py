"""What holds the contents of all images to one common law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

EPS = 1e-8
TEMPERATURE = 0.1
MOST = 4096  # contents that one is told apart from; of a larger table so many are drawn

Penalty = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def same(table: torch.Tensor) -> torch.Tensor:
    """Leave contents as they are."""
    return table


@dataclass(frozen=True)
class Constraint:
    """One way to constrain content.

    Attributes
    ----------
    apply
        Raw table (image, content) to the contents that are used, with gradient.
    penalty
        ``(contents of all images, index of the batch) -> one number``, added to the loss with ``constraint_weight``.
    project
        Changes the raw table in place after every step.
    """

    apply: Callable[[torch.Tensor], torch.Tensor] = same
    penalty: Penalty | None = None
    project: Callable[[torch.Tensor], None] | None = None


def zscore(table: torch.Tensor) -> torch.Tensor:
    """Give every entry mean 0 and variance 1 over all images; the gradient flows through both moments."""
    mean = table.mean(0)
    return (table - mean) / ((table - mean).square().mean(0) + EPS).sqrt()


def standardise_rows(table: torch.Tensor) -> torch.Tensor:
    """Give every image's own content vector mean 0 and variance 1 over its entries."""
    mean = table.mean(1, keepdim=True)
    return (table - mean) / ((table - mean).square().mean(1, keepdim=True) + EPS).sqrt()


def discriminate(content: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Tell each image of the batch from all images by the direction of its content: minus the mean log-probability.

    The other side of each product is a memory without gradient (Wu et al. 2018). With free contents the product of an
    image with itself is constant, so this pushes contents apart. Equal contents give log N.
    """
    directions = F.normalize(content, dim=1)
    memory = directions.detach()
    own = (directions[index] * memory[index]).sum(1, keepdim=True) / TEMPERATURE
    if len(memory) > MOST:
        others = memory[torch.randint(len(memory), (MOST - 1,), device=memory.device)]
        logits = torch.cat([own, directions[index] @ others.T / TEMPERATURE], dim=1)
    else:
        logits = directions[index] @ memory.T / TEMPERATURE
    return (logits.logsumexp(1) - own[:, 0]).mean()


def moment_kl(content: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """KL divergence, in nats, of a Gaussian with the table's moments from the standard normal, summed over entries."""
    mean, variance = content.mean(0), content.var(0, unbiased=False) + EPS
    return 0.5 * (mean.square() + variance - variance.log() - 1).sum()


@torch.no_grad()
def project_to_ball(table: torch.Tensor) -> None:
    """Bring contents of a norm above 1 back to the unit ball (Bojanowski et al. 2018)."""
    table.div_(table.norm(dim=1, keepdim=True).clamp(min=1))


CONSTRAINTS: Mapping[str, Constraint] = {
    "zscore": Constraint(zscore),
    "instance": Constraint(standardise_rows),
    "id": Constraint(penalty=discriminate),
    "zscore+id": Constraint(zscore, penalty=discriminate),
    "kl": Constraint(penalty=moment_kl),
    "ball": Constraint(project=project_to_ball),
    "none": Constraint(),
}
"""By the names that the setting ``constraint`` takes."""
