"""The trainers: one in closed form, one by gradient descent; both end with ICA."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from distoolkit.contract import Batch, Report
from distoolkit_isometry import doubts as doubt
from distoolkit_isometry import losses
from distoolkit_isometry.model import HessianICA
from distoolkit_isometry.neighbours import Array, nearest, principal_subspace
from distoolkit_isometry.networks import Autoencoder
from distoolkit_isometry.spectral import Solution, hessian_ica
from distoolkit_isometry.tears import torn_share

if TYPE_CHECKING:
    from distoolkit_isometry import AutoencoderConfig, HessianICAConfig, IsometricAEConfig

CHUNK = 512  # images in floats at a time
LOOKED_AT = 3000  # images among which tears are sought
PARTNERS = 4  # near images that each image is paired with
COMPONENTS = 64


def spectral(model: HessianICA, loop: Any, config: HessianICAConfig) -> Iterator[Report]:
    """Solve for the code, and train the network that draws, if one was asked for.

    Reports ``eigengap``, ``off_tangent`` (share), ``negentropy`` (the second least, if there are two), ``doubts``
    (how many) and ``points`` (used).
    """
    if loop.once("solve"):
        solution = hessian_ica(
            landmarks(loop, config.landmarks),
            config.latents,
            neighbours=config.neighbours,
            ridge=config.ridge,
            components=config.components,
            contrast=config.contrast,
            restarts=config.restarts,
            scale=config.scale,
            seed=loop.seed,
        )
        model.charts.take(solution)
        yield summary(solution)
    if model.network is not None:
        adam = loop.optimizer("adam", torch.optim.Adam(model.network.parameters(), lr=config.lr))

        def loss(batch: Batch) -> torch.Tensor:
            image = batch["image"]
            return (model.draw(model.encode(image)) - image).square().flatten(1).sum(1).mean()

        yield from loop.descend(loss, adam, "draw", config.steps)


def summary(solution: Solution) -> Report:
    """Return the numbers that say whether a solution can be trusted."""
    return {
        "eigengap": solution.null.gap,
        "off_tangent": solution.locality.off_tangent(solution.code.shape[1]),
        "negentropy": float(np.sort(solution.ica.negentropy)[:2][-1]),
        "doubts": float(len(solution.doubts)),
        "points": float(len(solution.index)),
    }


def landmarks(loop: Any, most: int) -> Array:
    """Gather the images to fit on, flattened to (N, pixel) float32: all, or a random part."""
    count = loop.spec.count
    if count <= most:
        chunks = (batch["image"] for batch in loop.chunks(CHUNK))
    else:
        chosen = np.sort(np.random.default_rng(loop.seed).choice(count, most, replace=False))
        parts = torch.split(torch.from_numpy(chosen), CHUNK)
        chunks = (loop.gather(part)["image"] for part in parts)
    return np.concatenate([image.flatten(1).float().cpu().numpy() for image in chunks])


def autoencoder(model: Autoencoder, loop: Any, config: AutoencoderConfig) -> Iterator[Report]:
    """Train on squared error alone, then turn the code."""
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))

    def loss(batch: Batch) -> Report:
        error = squared_error(model, batch["image"], model.encoder(batch["image"]))
        return {"loss": error, "reconstruction": error}

    yield from loop.descend(loss, adam, "train", config.steps)
    yield turn(model, loop, config)


def isometric(model: Autoencoder, loop: Any, config: IsometricAEConfig) -> Iterator[Report]:
    """Train on squared error and isometry, then turn the code.

    Losses are sums over pixels and means over the batch.
    """
    adam = loop.optimizer("adam", torch.optim.Adam(model.parameters(), lr=config.lr))
    partners = near_images(loop, config) if config.form == "pairs" else None

    def loss(batch: Batch) -> Report:
        image = batch["image"]
        code = model.encoder(image)
        error = squared_error(model, image, code)
        with loop.autocast(enabled=False):
            code = code.to(image.dtype)  # not in the half precision of autocast
            distortion = isometry(model, loop, batch, code, partners, config.form)
            total = error + config.isometry * distortion
            report = {"reconstruction": error, "isometry": distortion}
            if config.pseudo_inverse:
                inverse = losses.encoder_isometry(model.encoder, image, losses.directions(code))
                total = total + config.pseudo_inverse * inverse
                report["pseudo_inverse"] = inverse
        return {"loss": total, **report}

    yield from loop.descend(loss, adam, "train", config.steps)
    yield turn(model, loop, config)


def squared_error(model: Autoencoder, image: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
    """Return the squared error of a reconstruction: summed over pixels, mean over the batch."""
    error: torch.Tensor = model.decoder(code) - image
    return error.square().flatten(1).sum(1).mean()


def isometry(
    model: Autoencoder, loop: Any, batch: Batch, code: torch.Tensor, partners: torch.Tensor | None, form: str
) -> torch.Tensor:
    """Return the distortion of one batch in the form that the config names."""
    if partners is not None:
        column = torch.randint(partners.shape[1], batch["index"].shape, device=partners.device)
        other = loop.gather(partners[batch["index"], column])["image"]
        distance = (batch["image"] - other).flatten(1).norm(dim=1)
        return losses.pair_isometry(code, model.encoder(other), distance)
    mixed = losses.mixtures(code)
    if form == "scaled":
        return losses.scaled_isometry(model.decoder, mixed, torch.randn_like(mixed))
    return losses.decoder_isometry(model.decoder, mixed, losses.directions(mixed))


def near_images(loop: Any, config: IsometricAEConfig) -> torch.Tensor:
    """Return (N, partners) positions of the images nearest to each image."""
    images = landmarks(loop, loop.spec.count)
    points = principal_subspace(images, COMPONENTS, loop.seed).project(images)
    found = nearest(points, min(PARTNERS + 1, len(points)))
    return torch.from_numpy(found[:, 1:].astype(np.int64)).to(loop.device)


@torch.no_grad()
def turn(model: Autoencoder, loop: Any, config: AutoencoderConfig) -> Report:
    """Fit the closing turn on the codes of all images; report what speaks for it, and how much of the code is torn."""
    codes = np.concatenate([model.encoder(b["image"]).double().cpu().numpy() for b in loop.chunks(CHUNK)])
    found = model.turn.fit(codes, config.contrast, config.restarts, loop.seed)
    torn = tear(model, loop)
    if sentence := doubt.torn(torn):
        warnings.warn(sentence, doubt.IsometryWarning, stacklevel=2)
    return {"negentropy": float(np.sort(found.negentropy)[:2][-1]), "torn": torn}


def tear(model: Autoencoder, loop: Any) -> float:
    """Return the share of near images, of a part of all, whose codes lie far apart."""
    images = landmarks(loop, LOOKED_AT)
    shape = (loop.spec.channels, loop.spec.height, loop.spec.width)
    parts = torch.split(torch.from_numpy(images).view(-1, *shape), CHUNK)
    dtype = next(model.encoder.parameters()).dtype
    codes = np.concatenate([model.encoder(part.to(loop.device, dtype)).double().cpu().numpy() for part in parts])
    return torn_share(images, codes)
