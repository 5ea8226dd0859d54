"""The VAE with two codes, and the discriminator of images that exists only during training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.distributions import Normal
from torch.nn.utils.parametrizations import spectral_norm

from distoolkit.contract import ImageSpec, Unit
from distoolkit.nn import ACTIVATIONS, Decoder, Encoder, gaussian
from distoolkit.nn.convolution import feature_shapes
from distoolkit_dotvae.openings import VERDICTS, Figures, Trial

if TYPE_CHECKING:
    from distoolkit_dotvae import Config


class Moments(NamedTuple):
    """Means and log-variances of q1(z1|x) (batch, latents) and q2(z2|x) (batch, nuisance)."""

    mean1: torch.Tensor
    logvar1: torch.Tensor
    mean2: torch.Tensor
    logvar2: torch.Tensor


def build(config: Config, spec: ImageSpec) -> DotVAE:
    """Build the VAE that the config describes; all dimensions of z1 are closed."""
    return DotVAE(
        spec,
        config.latents,
        config.nuisance,
        width=config.width,
        activation=config.activation,
        nuisance_in_code=config.nuisance_in_code,
        windows=1 + config.retries,
    )


class DotVAE(nn.Module):
    """A VAE whose code has a disentangled part z1, opened dimension by dimension, and an entangled part z2.

    Convolutions are shared, each code has a head of its own, and one decoder takes both. A closed dimension enters
    the decoder as 0, its prior mean, and is 0 in the code.

    Parameters
    ----------
    spec
        Shape of the images.
    latents, nuisance
        Sizes of z1 (K, an upper bound) and z2 (d).
    width, activation
        As in `distoolkit.nn.Encoder`.
    nuisance_in_code
        Whether `encode` gives z2 as well, after z1.
    windows
        The most that one dimension can get: room for its trials.

    Attributes
    ----------
    gamma
        (latents,) 1 where a dimension is open, 0 where it is closed.
    trial_numbers
        (trial, 4) of every test: dimension, attempt, step, position of the verdict in `openings.VERDICTS`; rows
        that are not used yet hold -1.
    trial_figures
        (trial, 4) the fields of `openings.Figures`.
    """

    gamma: torch.Tensor
    trial_numbers: torch.Tensor
    trial_figures: torch.Tensor

    def __init__(
        self,
        spec: ImageSpec,
        latents: int,
        nuisance: int,
        *,
        width: int = 32,
        activation: str = "relu",
        nuisance_in_code: bool = False,
        windows: int = 2,
    ) -> None:
        super().__init__()
        self.latents, self.nuisance, self.nuisance_in_code = latents, nuisance, nuisance_in_code
        layers = Encoder(spec, 1, width=width, activation=activation).layers
        self.trunk = layers[:-3]  # without the hidden layer and the last: each head has its own
        flat = math.prod(feature_shapes(spec, width)[-1])
        self.head1 = _head(flat, 8 * width, 2 * latents, activation)
        self.head2 = _head(flat, 8 * width, 2 * nuisance, activation)
        self.decoder = Decoder(spec, latents + nuisance, width=width, activation=activation)
        self.register_buffer("gamma", torch.zeros(latents))
        self.register_buffer("trial_numbers", torch.full((windows * latents, 4), -1))
        self.register_buffer("trial_figures", torch.zeros(windows * latents, 4))

    @property
    def layout(self) -> tuple[Unit, ...]:
        """One unit for each entry of the code, open or not."""
        units = [Unit(f"z1_{i + 1}") for i in range(self.latents)]
        return (*units, *(Unit(f"z2_{j + 1}") for j in range(self.nuisance if self.nuisance_in_code else 0)))

    # -- what the toolkit calls

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the posterior mean: z1 with zeros for closed dimensions, then z2 if it is in the code."""
        return self._code(self.moments(image))[0]

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Draw codes as `encode` gives them. A z2 that is not in the code is 0, its prior mean."""
        z1, z2 = code[:, : self.latents], code[:, self.latents :]
        if not self.nuisance_in_code:
            z2 = code.new_zeros(len(code), self.nuisance)
        return torch.sigmoid(self.logits(z1, z2))

    def posterior(self, image: torch.Tensor) -> Normal:
        """Return the Gaussian around `encode`; closed dimensions have the prior."""
        return gaussian(*self._code(self.moments(image)))

    def _code(self, q: Moments) -> tuple[torch.Tensor, torch.Tensor]:
        mean, logvar = self.gamma * q.mean1, self.gamma * q.logvar1
        if not self.nuisance_in_code:
            return mean, logvar
        return torch.cat([mean, q.mean2], 1), torch.cat([logvar, q.logvar2], 1)

    # -- what training calls

    def moments(self, image: torch.Tensor) -> Moments:
        """Return both posteriors; closed dimensions of z1 hold what the head says."""
        features = self.trunk(image)
        mean1, logvar1 = self.head1(features).chunk(2, dim=1)
        mean2, logvar2 = self.head2(features).chunk(2, dim=1)
        return Moments(mean1, logvar1, mean2, logvar2)

    def logits(self, z1: torch.Tensor, z2: torch.Tensor) -> torch.Tensor:
        """Return the logits of the pixels; closed dimensions of z1 are masked here."""
        logits: torch.Tensor = self.decoder(torch.cat([self.gamma * z1, z2], dim=1))
        return logits

    # -- what happens between two windows

    @torch.no_grad()
    def open(self, dimension: int) -> None:
        """Let data through a dimension of z1."""
        self.gamma[dimension] = 1

    @torch.no_grad()
    def close(self, dimension: int) -> None:
        """Make a dimension of z1 invisible for good, and set its rows of the head to 0.

        The rows need not stay there: the momentum of the optimisers may still move them. The mask hides it.
        """
        self.gamma[dimension] = 0
        last: nn.Linear = self.head1[-1]  # type: ignore[assignment]
        for row in (dimension, self.latents + dimension):
            last.weight[row] = 0
            last.bias[row] = 0

    @torch.no_grad()
    def keep(self, number: int, trial: Trial) -> None:
        """Write a trial down where it is saved with the weights, and close its dimension if that is the verdict."""
        f, position = trial.figures, VERDICTS.index(trial.verdict)
        numbers = [trial.dimension, trial.attempt, trial.step, position]
        self.trial_numbers[number] = self.trial_numbers.new_tensor(numbers)
        self.trial_figures[number] = self.trial_figures.new_tensor([f.kl, f.recovery, f.correlation, f.change])
        if trial.verdict == "closed":
            self.close(trial.dimension)

    def trials(self) -> list[Trial]:
        """Return all trials so far, in their order."""
        rows = zip(self.trial_numbers.tolist(), self.trial_figures.tolist(), strict=True)
        return [
            Trial(dimension, attempt, step, Figures(*figures), VERDICTS[verdict])
            for (dimension, attempt, step, verdict), figures in rows
            if dimension >= 0
        ]


class Discriminator(nn.Module):
    """Tell images from decoded interventions: (batch, channel, y, x) to one logit each.

    Convolutions of stride 2 and one hidden layer, leaky ReLU with slope 0.2, spectral normalisation (Miyato et al.
    2018) of every layer, no batch normalisation: as in the code of InfoGAN-CR, scaled to the images.
    """

    def __init__(self, spec: ImageSpec, width: int = 16) -> None:
        super().__init__()
        shapes = feature_shapes(spec, width)
        layers: list[nn.Module] = []
        for k in range(len(shapes) - 1):
            convolution = nn.Conv2d(shapes[k][0], shapes[k + 1][0], 4, stride=2, padding=1)
            layers += [spectral_norm(convolution), nn.LeakyReLU(0.2)]
        hidden = spectral_norm(nn.Linear(math.prod(shapes[-1]), 4 * width))
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), hidden, nn.LeakyReLU(0.2), spectral_norm(nn.Linear(4 * width, 1))
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (batch,) logits: above 0 for what looks like data."""
        logits: torch.Tensor = self.layers(image)
        return logits.squeeze(1)


def _head(inputs: int, hidden: int, outputs: int, activation: str) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, outputs))
