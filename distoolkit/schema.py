"""The Datasets that travel between the verbs: make them, check them, save and open them.

Six kinds, marked by ``attrs["kind"]`` and ``attrs["schema"] == "distoolkit/1"``:

=========  ==========================================================================================
images     ``image(sample, y, x, channel)`` uint8; ``factors(sample, factor)`` int, if known
latents    ``code(sample, latent)`` float; ``code_std``, ``factors``, ``reconstruction_mse(sample)``, if known
traversal  ``image(unit, step, y, x, channel)`` uint8, with ``sample`` in front if several images were moved
swap       ``image(source, target, y, x, channel)`` uint8
scores     ``score(metric)`` and the matrices behind it
history    one variable for each reported name, along ``step``
=========  ==========================================================================================

Where the factors are known, ``dataset.sel(shape=2, scale=[0, 1])`` selects by their values. The coordinate
``unit(latent)`` says which unit each entry of the flat code belongs to. Attributes are plain
numbers and strings; anything else is JSON text under a key that ends in ``_json``, because netCDF refuses
None, bool and dict.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit.contract import DataError, SchemaError, Unit
from distoolkit.factors import by_factor
from distoolkit.kinds import FACTOR_KINDS, SCHEMA, check
from distoolkit.storage import recover, replacing

__all__ = [
    "FACTOR_KINDS",
    "SCHEMA",
    "as_images",
    "as_latents",
    "attribute",
    "check",
    "fingerprint",
    "open",
    "principal_axis",
    "save",
    "scalars",
    "stamp",
    "units",
]


def as_images(
    array: Any,
    factors: npt.ArrayLike | None = None,
    factor_names: Sequence[str] | None = None,
    *,
    factor_sizes: Sequence[int] | None = None,
    factor_kinds: Sequence[str] | None = None,
    name: str = "array",
    data_hash: str = "",
) -> xr.Dataset:
    """Label images from anywhere.

    Parameters
    ----------
    array
        (sample, y, x) or (sample, y, x, channel): uint8, or floats in [0, 1] which are scaled to uint8. An
        array with ``shape``, ``dtype`` and uint8 values that xarray can wrap lazily is kept lazy.
    factors
        (sample, factor) whole numbers: the true factors, if they are known.
    factor_names, factor_sizes, factor_kinds
        Their names, numbers of values, and kinds (``categorical``, ``ordered`` or ``circular``). Without sizes,
        a factor has as many values as its largest one plus one; without kinds it is ``ordered``.
    name, data_hash
        For the provenance. Without a hash, one is computed from the pixels.

    Raises
    ------
    DataError
        Wrong number of dimensions, a dtype that is neither uint8 nor float, values outside [0, 1] or NaN,
        factors that do not match the samples.
    """
    variable = xr.Variable(("sample", "y", "x", "channel"), _pixels(array))
    dataset = xr.Dataset({"image": variable})
    if factors is not None:
        dataset = dataset.merge(_factors(factors, variable.shape[0], factor_names, factor_sizes, factor_kinds))
    dataset = dataset.assign_coords(sample=np.arange(variable.shape[0]))
    data_hash = data_hash or fingerprint(dataset["image"].values)
    return stamp(dataset, "images", data=name, data_hash=data_hash)


def as_latents(
    code: npt.ArrayLike,
    factors: npt.ArrayLike | None = None,
    factor_names: Sequence[str] | None = None,
    units: Sequence[Unit] | Sequence[str] | None = None,
    *,
    factor_sizes: Sequence[int] | None = None,
    factor_kinds: Sequence[str] | None = None,
    code_std: npt.ArrayLike | None = None,
    reconstruction_mse: npt.ArrayLike | None = None,
    name: str = "array",
) -> xr.Dataset:
    """Label codes from anywhere.

    Parameters
    ----------
    code
        (sample, latent) finite numbers.
    factors, factor_names, factor_sizes, factor_kinds
        As in `as_images`.
    units
        `Unit` records in the order of the flat code, or one name for each entry; without it each entry is a
        unit of its own, named ``z0``, ``z1``, ...
    code_std
        (sample, latent) posterior standard deviation, if the model has one.
    reconstruction_mse
        (sample,) mean squared pixel error of the decoded code, images in [0, 1].

    Raises
    ------
    DataError
        A code that is not two-dimensional or not finite; factors or units that do not match it.
    """
    values = np.asarray(code)
    if values.ndim != 2:
        raise DataError(f"codes have shape {values.shape}; give (sample, latent)")
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).any(axis=1).sum())
        raise DataError(f"{bad} of {len(values)} codes hold NaN or infinity; drop them or train again")
    latent, unit = _entries(units, values.shape[1])
    dataset = xr.Dataset(
        {"code": (("sample", "latent"), values.astype(np.float32))},
        coords={"sample": np.arange(len(values)), "latent": latent, "unit": ("latent", unit)},
    )
    if code_std is not None:
        dataset["code_std"] = ("sample", "latent"), np.asarray(code_std, dtype=np.float32)
    if reconstruction_mse is not None:
        dataset["reconstruction_mse"] = "sample", np.asarray(reconstruction_mse, dtype=np.float32)
    if factors is not None:
        dataset = dataset.merge(_factors(factors, len(values), factor_names, factor_sizes, factor_kinds))
    return stamp(dataset, "latents", data=name)


def stamp(dataset: xr.Dataset, kind: str, **provenance: Any) -> xr.Dataset:
    """Return the Dataset with its kind and provenance as attributes, checked.

    Values that netCDF cannot hold are written as JSON under ``<name>_json``; None is left out.
    """
    attributes: dict[str, Any] = {**dataset.attrs, "schema": SCHEMA, "kind": kind}
    for name, value in provenance.items():
        if value is None:
            continue
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            attributes[name] = value
        else:
            attributes[f"{name}_json"] = json.dumps(value, sort_keys=True)
    dataset = dataset.assign_attrs(attributes)
    check(dataset, kind)
    return by_factor(dataset, attribute(dataset, "factor_labels"))


def attribute(dataset: xr.Dataset, name: str, default: Any = None) -> Any:
    """Read an attribute that `stamp` wrote, whichever form it took."""
    if f"{name}_json" in dataset.attrs:
        return json.loads(dataset.attrs[f"{name}_json"])
    return dataset.attrs.get(name, default)


def units(latents: xr.Dataset) -> list[str]:
    """List the names of the units of a code, in the order in which they first appear."""
    return list(dict.fromkeys(map(str, latents["unit"].values)))


def scalars(latents: xr.Dataset) -> xr.Dataset:
    """Reduce each unit of the code to one number, its first principal component over all samples.

    The protocol of the DisDiff authors' evaluation code for vector-valued units. Units of one entry are passed
    on as they are; ``attrs["reduced"]`` says whether any was reduced.
    """
    code, unit = latents["code"].values, latents["unit"].values.astype(str)
    names = units(latents)
    if len(names) == code.shape[1]:
        return latents.assign_attrs(reduced="none")
    columns = [_first_component(code[:, unit == name]) for name in names]
    reduced: xr.Dataset = latents.drop_dims("latent").assign_coords(latent=names, unit=("latent", names))
    reduced["code"] = ("sample", "latent"), np.stack(columns, axis=1).astype(np.float32)
    reduced.attrs = {**latents.attrs, "reduced": "pca1"}
    return reduced


def principal_axis(centred: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the direction (entry,) of largest variance of centred codes (sample, entry), as a unit vector.

    Its sign, which is free, makes the largest entry positive, so that runs compare.
    """
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axis = vectors[:, -1]
    return np.asarray(axis * np.sign(axis[np.abs(axis).argmax()]))


def fingerprint(array: npt.NDArray[Any]) -> str:
    """Hash an array by its shape, dtype and content."""
    array = np.ascontiguousarray(array)
    digest = hashlib.blake2b(f"{array.shape}{array.dtype}".encode(), digest_size=16)
    digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def save(dataset: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a Dataset to ``path``: netCDF for ``.nc``, a Zarr folder for ``.zarr``. Whole or not at all.

    A netCDF file is put together in memory; for images that do not fit there take Zarr.
    """
    check(dataset)
    path = Path(path)
    if path.suffix not in (".nc", ".zarr"):
        raise SchemaError(f"cannot tell the format of {path.name!r}: end its name in .nc (netCDF) or .zarr")
    with replacing(path) as temporary:
        if path.suffix == ".zarr":
            # format 2: names are fixed-width strings, which format 3 does not specify yet
            dataset.to_zarr(temporary, zarr_format=2, consolidated=False)
        else:
            # not by the HDF5 library itself: where the disk is full, it takes the whole process down
            temporary.write_bytes(dataset.to_netcdf(engine="h5netcdf"))
    return path


def open(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read what `save` wrote. A netCDF file is loaded, a Zarr folder stays lazy.

    Raises
    ------
    SchemaError
        No such file, a file that is not whole, or one of another schema version.
    """
    path = recover(path)
    if not path.exists():
        raise SchemaError(f"there is no {path}; save() makes it")
    try:
        if path.is_dir():
            dataset: xr.Dataset = xr.open_zarr(path, zarr_format=2, consolidated=False, chunks=None)
        else:
            dataset = xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise SchemaError(f"{path} cannot be read as a whole Dataset ({error}); make it again") from error
    check(dataset)
    return by_factor(dataset, attribute(dataset, "factor_labels"))


def _pixels(array: Any) -> Any:
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        array = _array(array)
    if len(array.shape) == 3:
        array = np.asarray(array)[..., None]
    if array.shape[0:1] == (0,):
        raise DataError(f"there are no images: the shape is {tuple(array.shape)}; give at least one")
    if len(array.shape) != 4 or 0 in array.shape:
        raise DataError(f"images have shape {tuple(array.shape)}; give (sample, y, x) or (sample, y, x, channel)")
    if array.shape[-1] not in (1, 3):
        raise DataError(
            f"images have {array.shape[-1]} channels (shape {tuple(array.shape)}); give 1 or 3 in the last place, "
            "as in (sample, y, x, channel)"
        )
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.floating):
        return _to_bytes(np.asarray(array))
    raise DataError(f"images have dtype {array.dtype}; give uint8 in 0 to 255, or floats in 0 to 1")


def _array(images: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(images)
    except ValueError as error:
        shapes = sorted({np.shape(image) for image in images})
        raise DataError(f"the images are not of one size: {shapes}; resize or crop them first") from error


def _to_bytes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if np.isnan(array).any():
        raise DataError(f"{int(np.isnan(array).any(axis=(1, 2, 3)).sum())} images hold NaN pixels; drop or repair them")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise DataError(f"float images range from {low:g} to {high:g}; scale them to 0 to 1, or give uint8")
    return np.asarray(np.rint(array * 255), dtype=np.uint8)


def _factors(
    factors: npt.ArrayLike,
    count: int,
    names: Sequence[str] | None,
    sizes: Sequence[int] | None,
    kinds: Sequence[str] | None,
) -> xr.Dataset:
    values = np.asarray(factors)
    if values.ndim != 2 or len(values) != count:
        raise DataError(f"factors have shape {values.shape}; give ({count}, factor): one row for each sample")
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"factors have dtype {values.dtype}; give whole numbers: the index of each value")
    if values.size and values.min() < 0:
        raise DataError(f"factors hold {values.min()}; give indices from 0")
    width = values.shape[1]
    names = list(names) if names is not None else [f"factor{k}" for k in range(width)]
    sizes = list(sizes) if sizes is not None else [int(v) + 1 for v in values.max(axis=0, initial=0)]
    kinds = list(kinds) if kinds is not None else ["ordered"] * width
    for what, given in (("names", names), ("sizes", sizes), ("kinds", kinds)):
        if len(given) != width:
            raise DataError(f"{len(given)} factor {what} for {width} factors: {given}")
    if len(set(names)) != width:
        raise DataError(f"factor names repeat: {names}")
    if values.size and (values.max(axis=0) >= np.asarray(sizes)).any():
        raise DataError(f"factor values reach {values.max(axis=0).tolist()} but the sizes are {sizes}")
    if not set(kinds) <= set(FACTOR_KINDS):
        raise DataError(f"factor kinds are {kinds}; allowed are {', '.join(FACTOR_KINDS)}")
    return xr.Dataset(
        {"factors": (("sample", "factor"), values)},
        coords={
            "sample": np.arange(count),
            "factor": names,
            "factor_size": ("factor", np.asarray(sizes, dtype=np.int64)),
            "factor_kind": ("factor", kinds),
        },
    )


def _entries(units: Sequence[Unit] | Sequence[str] | None, width: int) -> tuple[list[str], list[str]]:
    """Return the name of every entry of a flat code, and the unit that it belongs to."""
    if units is None:
        names = [f"z{j}" for j in range(width)]
        return names, names
    layout = [u if isinstance(u, Unit) else Unit(u) for u in units]
    total = sum(u.size for u in layout)
    if total != width:
        raise DataError(
            f"the units hold {total} entries but the code has {width}: {[(u.name, u.size) for u in layout]}"
        )
    if len({u.name for u in layout}) != len(layout):
        raise DataError(f"unit names repeat: {[u.name for u in layout]}")
    entry = [u.name if u.size == 1 else f"{u.name}.{i}" for u in layout for i in range(u.size)]
    return entry, [u.name for u in layout for _ in range(u.size)]


def _first_component(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if block.shape[1] == 1:
        return block[:, 0]
    centred = block.astype(np.float64) - block.mean(axis=0, dtype=np.float64)
    return np.asarray(centred @ principal_axis(centred))
