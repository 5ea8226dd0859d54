"""How far a drawn picture is from the image.

What counts as content is what dominates reconstruction, so another loss is another definition of content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import torch
import torch.nn.functional as F

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit_csdismo.vgg import perceptual

if TYPE_CHECKING:
    from distoolkit_csdismo import Config

Loss: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli and Bovik 2003
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def laplacian(drawn: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Sum of the mean absolute differences between the levels of two Laplacian pyramids (batch, channel, y, x).

    The pyramid is linear, so one pyramid of the difference is made. Levels: log2 of the shorter side, less 2 (at least
    1), and the low-pass rest.
    """
    rest = drawn - image
    total = rest.new_zeros(())
    for _ in range(max(1, min(rest.shape[-2:]).bit_length() - 3)):
        smooth = _blur(rest)
        total = total + (rest - smooth).abs().mean()
        rest = F.avg_pool2d(smooth, 2)
    return total + rest.abs().mean()


def _blur(picture: torch.Tensor) -> torch.Tensor:
    taps = torch.tensor(_BINOMIAL, dtype=picture.dtype, device=picture.device)
    return _filtered(F.pad(picture, (2, 2, 2, 2), mode="replicate"), taps)


def _filtered(picture: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Filter each channel along y and x, without padding."""
    channels = picture.shape[1]
    down = taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    picture = F.conv2d(picture, down, groups=channels)
    return F.conv2d(picture, down.transpose(2, 3), groups=channels)


def ms_ssim(drawn: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Mean multi-scale structural similarity (Wang et al. 2003) of pictures in [0, 1]; 1 for equal pictures.

    Gaussian windows of 11 pixels, so pictures need as many. As many of the five scales as the pictures are large enough
    for, their weights made to add up to 1; one scale is plain SSIM.
    """
    side = min(drawn.shape[-2:])
    scales = min(len(_SCALES), (side // _WINDOW).bit_length())
    weights = [w / sum(_SCALES[:scales]) for w in _SCALES[:scales]]
    place = torch.arange(_WINDOW, device=drawn.device, dtype=drawn.dtype) - _WINDOW // 2
    taps = torch.exp(-place.square() / (2 * _SIGMA**2))
    taps = taps / taps.sum()
    product = drawn.new_ones(len(drawn), drawn.shape[1])
    for scale, weight in enumerate(weights):
        luminance, contrast = _similarity(drawn, image, taps)
        last = scale == scales - 1
        value = (luminance * contrast if last else contrast).mean((2, 3))
        # a negative similarity has no power; the small floor keeps its gradient finite
        product = product * value.clamp(min=1e-6) ** weight
        drawn, image = F.avg_pool2d(drawn, 2), F.avg_pool2d(image, 2)
    return product.mean()


def _similarity(x: torch.Tensor, y: torch.Tensor, taps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the luminance term and the product of contrast and structure, at every place."""
    mean_x, mean_y = _filtered(x, taps), _filtered(y, taps)
    var_x = _filtered(x * x, taps) - mean_x * mean_x
    var_y = _filtered(y * y, taps) - mean_y * mean_y
    covariance = _filtered(x * y, taps) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    return luminance, (2 * covariance + _C2) / (var_x + var_y + _C2)


def lap_mse(drawn: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Laplacian pyramid plus squared error."""
    return laplacian(drawn, image) + F.mse_loss(drawn, image)


def similarity_and_l1(drawn: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """0.84 (1 - MS-SSIM) + 0.16 L1: the first alone is blind to uniform shifts of colour."""
    return 0.84 * (1 - ms_ssim(drawn, image)) + 0.16 * F.l1_loss(drawn, image)


LOSSES: Mapping[str, Loss] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "lap": laplacian,
    "lap+mse": lap_mse,
    "msssim": similarity_and_l1,
}
"""By the names that the setting ``reconstruction`` takes; ``vgg`` is built from a file."""


def reconstruction_of(config: Config, spec: ImageSpec, device: torch.device) -> Loss:
    """Return the loss that the settings name; nothing ever takes the place of one that cannot be built.

    Raises
    ------
    ConfigError
        ``vgg`` without a weights file, or with one that does not fit; ``msssim`` on images that are too small.
    """
    side = min(spec.height, spec.width)
    if config.reconstruction == "vgg":
        return perceptual(config.weights_path, side, device)
    if config.reconstruction == "msssim" and side < _WINDOW:
        raise ConfigError(f"msssim needs images of at least {_WINDOW} pixels, these have {side}: use 'l1' or 'mse'")
    return LOSSES[config.reconstruction]
