"""Draw the content of some images in the style of others."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.encoding import swap
from distoolkit.encoding.codec import Source


class UnknownSampleError(DataError, LookupError):
    """A sample that the images do not have."""


def transfer(
    run: Source,
    images: xr.Dataset,
    *,
    content_from: Sequence[Hashable],
    style_from: Sequence[Hashable],
    device: str = "auto",
) -> xr.Dataset:
    """Draw every content in every style. The encoders read both, so the images need not be those of the run.

    Parameters
    ----------
    run
        A run, or its folder.
    images
        Dataset of kind ``images``.
    content_from, style_from
        Samples of the images: labels of the coordinate ``sample``, or positions where there is none.
    device
        Where to encode and draw.

    Returns
    -------
    Dataset
        Of kind ``swap``: ``image(source, target, y, x, channel)`` with one row for each style, ``source``, and one
        column for each content, ``target``; the images themselves are ``source_image`` and ``target_image``.
        ``style_from(source)`` and ``content_from(target)`` repeat the samples under the method's own names.

    Raises
    ------
    UnknownSampleError
        Samples that the images do not have.
    DataError
        No sample, or images of another size than the run's.
    """
    schema.check(images, "images")
    targets, sources = find(images, content_from, "content_from"), find(images, style_from, "style_from")
    drawn = swap(run, images, sources=sources, targets=targets, units=["style"], device=device)
    names = {"style_from": ("source", drawn["source"].values), "content_from": ("target", drawn["target"].values)}
    return drawn.assign_coords(names)


def find(images: xr.Dataset, samples: Sequence[Hashable], name: str) -> list[int]:
    """Return the positions of samples; ``name`` is what the error calls them."""
    count = images.sizes["sample"]
    labels: Any = images["sample"].values if "sample" in images.coords else np.arange(count)
    places = {label: place for place, label in enumerate(labels.tolist())}
    wanted: list[Any] = [samples] if np.isscalar(samples) else list(samples)
    if missing := [label for label in wanted if label not in places]:
        shown = ", ".join(map(repr, labels[:3].tolist()))
        raise UnknownSampleError(
            f"{name} = {missing[:5]} are no samples of these {count} images, whose samples begin {shown}: give labels "
            "of images['sample']"
        )
    if not wanted:
        raise DataError(f"{name} is empty: give at least one sample")
    return [places[label] for label in wanted]
