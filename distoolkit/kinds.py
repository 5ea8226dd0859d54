"""The kinds of Datasets that travel, as tables: the variables and coordinates of each, and a check against them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from distoolkit.contract import SchemaError

SCHEMA = "distoolkit/1"
FACTOR_KINDS = ("categorical", "ordered", "circular")

# kind -> variable -> (dims, allowed dtype kinds); the first variable of each must be there
_VARIABLES: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "images": {"image": (("sample", "y", "x", "channel"), "u"), "factors": (("sample", "factor"), "iu")},
    "latents": {
        "code": (("sample", "latent"), "f"),
        "code_std": (("sample", "latent"), "f"),
        "factors": (("sample", "factor"), "iu"),
        "reconstruction_mse": (("sample",), "f"),
    },
    "traversal": {"image": (("unit", "step", "y", "x", "channel"), "u")},
    "swap": {"image": (("source", "target", "y", "x", "channel"), "u")},
    "scores": {"score": (("metric",), "f")},
    "history": {},
}
# kind -> coordinate -> dims; each must be there (factor coordinates only where there are factors)
_COORDINATES: dict[str, dict[str, tuple[str, ...]]] = {
    "images": {},
    "latents": {"latent": ("latent",), "unit": ("latent",)},
    "traversal": {"unit": ("unit",)},
    "swap": {},
    "scores": {"metric": ("metric",), "higher_is_better": ("metric",)},
    "history": {"step": ("step",), "stage": ("step",), "seconds": ("step",)},
}
_FACTOR_COORDINATES = {"factor": ("factor",), "factor_size": ("factor",), "factor_kind": ("factor",)}


def check(dataset: xr.Dataset, kind: str | None = None) -> None:
    """Check a Dataset against the schema.

    Raises
    ------
    SchemaError
        Every fault of the Dataset, in one message.
    """
    if not isinstance(dataset, xr.Dataset):
        raise SchemaError(f"expected an xarray.Dataset, given {type(dataset).__name__}: use as_images or as_latents")
    found, version = dataset.attrs.get("kind"), dataset.attrs.get("schema")
    if version != SCHEMA:
        raise SchemaError(
            f"this Dataset has schema {version!r}, this version of distoolkit reads {SCHEMA!r}: make it with "
            "as_images or as_latents, or open it with the version that wrote it"
        )
    if found not in _VARIABLES or (kind is not None and found != kind):
        raise SchemaError(f"this Dataset is of kind {found!r}, expected {kind or ' or '.join(_VARIABLES)!r}")
    faults = [*_variable_faults(dataset, found), *_coordinate_faults(dataset, found), *_attribute_faults(dataset)]
    if faults:
        raise SchemaError(f"{found} Dataset breaks the schema: " + "; ".join(faults))


def _variable_faults(dataset: xr.Dataset, kind: str) -> list[str]:
    faults = []
    for position, (name, (dims, dtypes)) in enumerate(_VARIABLES[kind].items()):
        if name not in dataset.data_vars:
            if position == 0:
                faults.append(f"variable {name}{dims} is missing")
            continue
        variable = dataset[name]
        several = ("sample", *dims) if kind == "traversal" else dims
        if variable.dims not in (dims, several):
            faults.append(f"{name} has dims {variable.dims}, expected {dims}")
        if variable.dtype.kind not in dtypes:
            faults.append(f"{name} has dtype {variable.dtype}")
        if variable.dtype.kind == "f" and kind == "latents" and not np.isfinite(variable.values).all():
            faults.append(f"{name} holds NaN or infinity")
    if kind == "history":
        faults += [
            f"{n} has dims {v.dims}, expected ('step',)" for n, v in dataset.data_vars.items() if v.dims != ("step",)
        ]
    return faults


def _coordinate_faults(dataset: xr.Dataset, kind: str) -> list[str]:
    expected: Mapping[str, tuple[str, ...]] = _COORDINATES[kind]
    if "factors" in dataset.data_vars and kind in ("images", "latents"):
        expected = {**expected, **_FACTOR_COORDINATES}
    faults = []
    for name, dims in expected.items():
        if name not in dataset.coords:
            faults.append(f"coordinate {name}{dims} is missing")
        elif dataset[name].dims != dims:
            faults.append(f"coordinate {name} has dims {dataset[name].dims}, expected {dims}")
    if "factor_kind" in dataset.coords:
        odd = set(map(str, dataset["factor_kind"].values)) - set(FACTOR_KINDS)
        faults += [f"factor_kind {k!r} is not one of {', '.join(FACTOR_KINDS)}" for k in sorted(odd)]
    return faults


def _attribute_faults(dataset: xr.Dataset) -> list[str]:
    plain = (str, int, float, np.integer, np.floating)
    return [
        f"attribute {name!r} is {type(value).__name__}: store it as JSON under {name}_json"
        for name, value in dataset.attrs.items()
        if isinstance(value, bool) or not isinstance(value, plain)
    ]
