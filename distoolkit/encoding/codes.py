"""Images to codes and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError, RunError
from distoolkit.data.batches import Pixels
from distoolkit.encoding.codec import Array, Codec, Source, as_array
from distoolkit.runs import spec_of


def encode(
    run: Source,
    images: xr.Dataset,
    *,
    device: str = "auto",
    batch_size: int = 256,
    reconstruct: bool | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Encode images.

    Parameters
    ----------
    run
        A run, or its folder.
    images
        Dataset of kind ``images``, of the size that the run was fitted on. It may be lazy.
    device, batch_size
        Where, and how many at a time.
    reconstruct
        Draw each code and measure its error. By default a model that decodes is asked to, unless it says that it
        draws slowly (see `distoolkit.contract.Decodes`).
    progress
        Show a progress bar.

    Returns
    -------
    Dataset
        Of kind ``latents``: ``code(sample, latent)``; ``code_std`` where the model has a posterior with a standard
        deviation of the code's shape; ``reconstruction_mse(sample)`` (mean squared error over pixels and
        channels, images in [0, 1]) where codes were drawn; ``factors`` and the sample coordinates of the images.
        Attributes: the run's provenance, with ``data`` and ``data_hash`` of these images and ``train_data`` and
        ``train_data_hash`` of those it was fitted on.

    Raises
    ------
    DataError
        Images of another size, or codes that are not finite.
    RunError
        The run has no weights, or they do not fit.
    """
    return encode_with(Codec(run, device), images, batch_size, progress, reconstruct)


def decode(
    run: Source,
    codes: xr.Dataset | npt.ArrayLike,
    *,
    device: str = "auto",
    batch_size: int = 256,
    progress: bool = True,
) -> xr.Dataset:
    """Draw codes.

    Parameters
    ----------
    run
        A run, or its folder.
    codes
        Dataset of kind ``latents``, or an array (sample, latent).
    device, batch_size
        Where, and how many at a time.
    progress
        Show a progress bar where it lasts: if the model draws slowly, or there is more than one batch.

    Returns
    -------
    Dataset
        Of kind ``images``, without factors.

    Raises
    ------
    RunError
        The model does not decode.
    DataError
        Codes of another width, or not finite.
    """
    codec = Codec(run, device)
    latents = codes if isinstance(codes, xr.Dataset) else schema.as_latents(codes)
    code = own_codes(codec, latents)
    drawn = schema.as_images(draw(codec, code, batch_size, progress), name="decoded codes")
    drawn = drawn.assign_coords(sample=latents["sample"])
    return schema.stamp(drawn, "images", **provenance(codec, drawn))


def encode_with(
    codec: Codec,
    images: xr.Dataset,
    batch_size: int = 256,
    progress: bool = False,
    reconstruct: bool | None = None,
) -> xr.Dataset:
    """Encode images by a model that is loaded; see `encode`."""
    schema.check(images, "images")
    _check_spec(codec, images)
    pixels = Pixels(images, codec.device, resident=False)
    batches = pixels.chunks(batch_size)
    if progress:
        from tqdm.auto import tqdm

        batches = tqdm(batches, "encode", -(-len(pixels) // batch_size), unit="batch")
    if reconstruct is None:
        reconstruct = codec.decodes and not codec.draws_slowly
    found: dict[str, list[Array]] = {"code": [], "code_std": [], "reconstruction_mse": []}
    with codec.evaluating():
        for batch in batches:
            for name, value in _described(codec, batch["image"], reconstruct).items():
                found[name].append(as_array(value))
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    if "code_std" in joined and not np.isfinite(joined["code_std"]).any():  # a Cauchy distribution has none, say
        del joined["code_std"]
    latents = schema.as_latents(units=codec.layout, **joined)
    latents = latents.assign_coords({n: c for n, c in images.coords.items() if c.dims == ("sample",)})
    if "factors" in images:
        latents = latents.merge(images["factors"])
    labels = schema.attribute(images, "factor_labels")  # names of the factors' values, where there are any
    return schema.stamp(latents, "latents", **provenance(codec, images), factor_labels=labels)


def _described(codec: Codec, image: torch.Tensor, reconstruct: bool) -> dict[str, torch.Tensor]:
    """Return what a model says about a batch: its code, its deviation where it has one and, if asked, its error."""
    code = codec.code(image)
    if code.ndim != 2 or len(code) != len(image):
        raise RunError(
            f"encode() returned shape {tuple(code.shape)} for {len(image)} images; it must be (batch, latent)"
        )
    said = {"code": code}
    deviation = codec.deviation(image)
    if deviation is not None and deviation.shape == code.shape:
        said["code_std"] = deviation
    if reconstruct:
        said["reconstruction_mse"] = (codec.image(code).float() - image).square().flatten(1).mean(1)
    return said


def draw(codec: Codec, code: Array, batch_size: int = 256, progress: bool = False) -> Array:
    """Draw codes (sample, latent), a batch at a time: uint8 (sample, y, x, channel).

    With ``progress`` there is a bar over the batches if there are several, and a slow model's own over its passes: of
    one batch, a bar over batches would tell nothing until it is over.
    """
    batches: Iterable[Array] = [code[k : k + batch_size] for k in range(0, len(code), batch_size)]
    if progress and (len(code) > batch_size or (codec.draws_slowly and not codec.shows_progress)):
        from tqdm.auto import tqdm

        batches = tqdm(batches, "draw", unit="batch")
    return np.concatenate([codec.decode(batch, progress=progress) for batch in batches])


def own_codes(codec: Codec, latents: xr.Dataset) -> Array:
    """Return the codes of a Dataset, if they can be this model's."""
    schema.check(latents, "latents")
    made = latents.attrs.get("created")
    if codec.run and "method" in latents.attrs and made != codec.run.record["created"]:
        raise DataError(
            f"these codes are by another run ({latents.attrs.get('run')}) than {codec.run.name}: encode() the images "
            "with the run that is to draw them"
        )
    code: Array = latents["code"].values
    if code.shape[1] != codec.width:
        raise DataError(
            f"the codes have {code.shape[1]} entries and the model's have {codec.width}: encode() makes them"
        )
    return code


def provenance(codec: Codec, shown: xr.Dataset) -> dict[str, Any]:
    """Return the run's provenance; ``data`` is what was encoded, ``train_data`` what the run was fitted on."""
    run = codec.run
    assert run is not None
    return {
        **run.provenance,
        "train_data": run.record["data"],
        "train_data_hash": run.record["data_hash"],
        "data": shown.attrs.get("data", "array"),
        "data_hash": shown.attrs.get("data_hash", ""),
    }


def _check_spec(codec: Codec, images: xr.Dataset) -> None:
    given = spec_of(images)
    assert codec.spec is not None
    if str(given) != str(codec.spec):
        raise DataError(f"the images are {given} and the run was fitted on {codec.spec} (height x width x channels)")
