"""What models refuse to start a walk from."""

from __future__ import annotations

import torch

from distoolkit.contract import DataError


def check_start(noise: torch.Tensor, count: int, shape: tuple[int, ...]) -> None:
    """Refuse an x_T that is not (count, *shape), nor (1, *shape) for all.

    A U-Net takes maps of many sides, so that a wrong one would give a picture of another size in silence.

    Raises
    ------
    DataError
        With what was given and what is allowed.
    """
    allowed = {(count, *shape), (1, *shape)}
    if tuple(noise.shape) not in allowed:
        raise DataError(
            f"noise of shape {tuple(noise.shape)} cannot be walked from: give {' or '.join(map(str, sorted(allowed)))}"
        )
