"""Pictures of what each unit of a code does: traversals and swaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from distoolkit import config as configs
from distoolkit import schema
from distoolkit.contract import DataError, UnknownNameError
from distoolkit.encoding.codec import Array, Codec, Source
from distoolkit.encoding.codes import draw, encode_with, own_codes, provenance

_QUANTILES = (0.05, 0.95)


def traverse(
    run: Source,
    latents: xr.Dataset,
    *,
    sample: int | Sequence[int] = 0,
    units: Sequence[str] | None = None,
    steps: int = 9,
    span: tuple[float, float] | None = None,
    device: str = "auto",
    progress: bool = True,
) -> xr.Dataset:
    """Draw one sample's code while one unit at a time is moved.

    A unit of one entry takes each value in turn. A unit of several entries moves along the first principal
    component of its codes; its value is the coordinate on that axis, measured from the mean, and what lies
    across the axis stays.

    Parameters
    ----------
    run
        A run, or its folder.
    latents
        Codes by this run: of the sample, and of enough others to show each unit's range.
    sample
        Position of the sample to start from; several give a Dataset with ``sample`` as first dim.
    units
        Names of the units to move; all unless given.
    steps
        Pictures for each unit.
    span
        First and last value, for every unit; else each unit goes from the 5 % to the 95 % quantile of its own
        values in ``latents``. A unit that carries nothing then hardly moves, as it should be seen.
    device
        Where to draw.
    progress
        Show a progress bar where it lasts, as `decode` does.

    Returns
    -------
    Dataset
        Of kind ``traversal``: ``image(unit, step, y, x, channel)``, with the coordinate ``value(unit, step)``.

    Raises
    ------
    UnknownNameError
        No such unit.
    DataError
        A sample out of range, fewer than two steps, codes by another run, one code only and no ``span``.
    RunError
        The model does not decode.
    """
    codec = Codec(run, device)
    code = own_codes(codec, latents)
    chosen = _chosen_units(latents, units)
    if steps < 2:
        raise DataError(f"steps = {steps}: a traversal needs at least 2")
    if span is None and len(code) < 2:
        raise DataError("one code shows no range of values: give the latents of more images, or span=(low, high)")
    starts = np.atleast_1d(sample).tolist()
    _check_positions("sample", starts, len(code))
    paths = [_Path.of(code, np.flatnonzero(latents["unit"].values.astype(str) == unit)) for unit in chosen]
    values = np.stack([path.values(steps, span) for path in paths])
    moved = np.stack([[path.move(code[s], v) for path, v in zip(paths, values, strict=True)] for s in starts])
    image = draw(codec, moved.reshape(-1, code.shape[1]), progress=progress).reshape(*moved.shape[:3], *codec.shape)
    dims: tuple[str, ...] = ("sample", "unit", "step", "y", "x", "channel")
    coordinates = {"unit": chosen, "value": (("unit", "step"), values), "sample": latents["sample"].values[starts]}
    dataset = xr.Dataset({"image": (dims, image)}, coordinates)
    if np.ndim(sample) == 0:
        dataset = dataset.isel(sample=0)
    return schema.stamp(dataset, "traversal", **provenance(codec, latents))


def swap(
    run: Source,
    images: xr.Dataset,
    *,
    sources: Sequence[int],
    targets: Sequence[int],
    units: Sequence[str],
    device: str = "auto",
    progress: bool = True,
) -> xr.Dataset:
    """Draw each target with some units of its code taken from each source.

    Parameters
    ----------
    run
        A run, or its folder.
    images
        Dataset of kind ``images``.
    sources, targets
        Positions of images in it.
    units
        Names of the units that are taken from the source.
    device
        Where to encode and draw.
    progress
        Show a progress bar where it lasts, as `decode` does.

    Returns
    -------
    Dataset
        Of kind ``swap``: ``image(source, target, y, x, channel)``, and the images themselves as ``source_image``
        and ``target_image``; the coordinates ``source`` and ``target`` are the samples.

    Raises
    ------
    UnknownNameError, DataError, RunError
        As for `traverse`.
    """
    schema.check(images, "images")
    sources, targets = list(sources), list(targets)
    for name, positions in (("sources", sources), ("targets", targets)):
        _check_positions(name, positions, images.sizes["sample"])
    codec = Codec(run, device)
    latents = encode_with(codec, images.isel(sample=[*sources, *targets]), reconstruct=False)
    taken = np.isin(latents["unit"].values.astype(str), _chosen_units(latents, units))
    code = latents["code"].values
    source, target = code[: len(sources), None], code[None, len(sources) :]
    mixed = np.where(taken, source, target)
    image = draw(codec, mixed.reshape(-1, code.shape[1]), progress=progress).reshape(*mixed.shape[:2], *codec.shape)
    labels = images["sample"].values if "sample" in images.coords else np.arange(images.sizes["sample"])
    pixels = images["image"]
    dataset = xr.Dataset(
        {
            "image": (("source", "target", "y", "x", "channel"), image),
            "source_image": (("source", "y", "x", "channel"), pixels.isel(sample=sources).values),
            "target_image": (("target", "y", "x", "channel"), pixels.isel(sample=targets).values),
        },
        {"source": labels[sources], "target": labels[targets]},
    )
    return schema.stamp(dataset, "swap", **provenance(codec, images), units=list(units))


@dataclass(frozen=True)
class _Path:
    """The line along which one unit is moved: the entries of the code that it owns, its centre and direction."""

    entries: Array
    centre: Array
    axis: Array
    coordinates: Array  # of all codes given, on the axis

    @classmethod
    def of(cls, code: Array, entries: Array) -> _Path:
        block = code[:, entries].astype(np.float64)
        if len(entries) == 1:  # a scalar unit's value is the entry itself
            return cls(entries, np.zeros(1), np.ones(1), block[:, 0])
        centre = block.mean(axis=0)
        axis = schema.principal_axis(block - centre)
        return cls(entries, centre, axis, (block - centre) @ axis)

    def values(self, steps: int, span: tuple[float, float] | None) -> Array:
        low, high = span if span is not None else np.quantile(self.coordinates, _QUANTILES)
        return np.linspace(low, high, steps)

    def move(self, code: Array, values: Array) -> Array:
        """Return the code once for each value: (step, latent)."""
        start = (code[self.entries] - self.centre) @ self.axis
        moved = np.repeat(code[None], len(values), axis=0)
        moved[:, self.entries] += ((values - start)[:, None] * self.axis).astype(moved.dtype)
        return moved


def _check_positions(name: str, positions: Sequence[int], count: int) -> None:
    bad = [p for p in positions if not -count <= p < count]
    if bad or not positions:
        raise DataError(f"{name} = {bad or positions}: give positions from 0 to {count - 1}")


def _chosen_units(latents: xr.Dataset, units: Sequence[str] | None) -> list[str]:
    known = schema.units(latents)
    if units is None:
        return known
    if isinstance(units, str):
        units = [units]
    for unit in units:
        if unit not in known:
            raise UnknownNameError(configs.unknown("unit", str(unit), known))
    if not units:
        raise DataError(f"no unit was named; give some of {', '.join(known)}")
    return list(units)
