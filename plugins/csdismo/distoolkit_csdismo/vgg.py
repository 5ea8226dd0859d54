"""The distance of VGG16 features, with weights that the reader brings: none are shipped or downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from distoolkit.contract import ConfigError

_PLAN = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool")
TAPS = (3, 8, 13, 22, 30)
"""Layers whose maps are compared: those after the ReLUs of conv1_2, conv2_2, conv3_2, conv4_3, and the last pooling."""


def layers() -> nn.Sequential:
    """Return VGG16's convolutional part, numbered as in torchvision's ``features``."""
    found: list[nn.Module] = []
    channels = 3
    for step in _PLAN:
        if isinstance(step, str):
            found.append(nn.MaxPool2d(2))
        else:
            found += [nn.Conv2d(channels, step, 3, padding=1), nn.ReLU()]
            channels = step
    return nn.Sequential(*found)


def load(path: str) -> nn.Sequential:
    """Load the layers from a safetensors file with torchvision's names (``features.0.weight``, ...), frozen.

    Raises
    ------
    ConfigError
        No path or no file, a missing tensor, or one of the wrong shape.
    """
    if not path:
        raise ConfigError(
            "reconstruction = 'vgg' needs weights_path: a safetensors file of VGG16's, with torchvision's names; "
            "without one, 'lap' or 'mse' need no weights and define content in another way"
        )
    try:
        tensors = load_file(Path(path).expanduser())
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"weights_path = {path!r} cannot be read as safetensors: {error}") from error
    net = layers()
    faults = []
    for name, wanted in net.state_dict().items():
        given = tensors.get(f"features.{name}")
        if given is None:
            faults.append(f"features.{name} is missing")
        elif given.shape != wanted.shape:
            faults.append(f"features.{name} has shape {tuple(given.shape)}, wanted is {tuple(wanted.shape)}")
    if faults:
        raise ConfigError(f"{path} does not hold VGG16's weights: {'; '.join(faults[:4])}")
    net.load_state_dict({name: tensors[f"features.{name}"].float() for name in net.state_dict()})
    return net.requires_grad_(False).eval()


def digest(path: str) -> bytes:
    """Return the SHA-256 of a file."""
    with Path(path).expanduser().open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def perceptual(path: str, side: int, device: torch.device) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Build the loss: mean absolute difference of the pixels plus that of the maps of each level.

    Two levels below 28 pixels, three below 64, and four from there on, as Hoshen, Li and Malik's code does. Grey images
    are repeated to three channels; pixels stay in [0, 1], without ImageNet's normalisation, as in LORD's code.
    """
    net: nn.Sequential = load(path).to(device)
    last = TAPS[: 2 if side < 28 else 3 if side < 64 else 4]

    def loss(drawn: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        x, y = (p.expand(-1, 3, -1, -1) if p.shape[1] == 1 else p for p in (drawn, image))
        total = F.l1_loss(drawn, image)
        for number, layer in enumerate(list(net)[: last[-1] + 1]):
            x, y = layer(x), layer(y)
            if number in last:
                total = total + F.l1_loss(x, y)
        return total

    return loss
