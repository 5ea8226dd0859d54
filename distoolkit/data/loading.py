"""Load a data set by name."""

from __future__ import annotations

import os
from typing import Any

import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataSource
from distoolkit.data import sampling
from distoolkit.data.options import REQUIRED, SELECTION, checked, options_of

_SELECTION = tuple(option.name for option in SELECTION)


def load(name: str, **options: Any) -> xr.Dataset:
    """Load a data set.

    Parameters
    ----------
    name
        One of `distoolkit.datasets()`.
    options
        What the data set's loader takes; most have ``size`` (pixels), ``sample`` (this many distinct images, drawn
        at random, instead of all) and ``seed``. Where the factors are known, three more select among the images:
        ``only={"shape": 2}`` and ``without={"shape": 2, "scale": [4, 5]}`` by the values of the factors (`hold_out`),
        and ``correlate=("scale", "posX", 0.2)`` (`correlate`, both in `distoolkit.data`).

    Returns
    -------
    Dataset
        Images (see `distoolkit.schema`). Big sets are lazy: a picture is drawn or read when its values are asked
        for. Where the factors are known, ``images.sel(shape=2, scale=[0, 1])`` selects by their values.

    Raises
    ------
    UnknownNameError
        No data set, or no option, of that name; the nearest are given.
    ConfigError
        An option of the wrong type.
    DataError
        Files that are missing, damaged or cannot be used as they are.
    """
    source: DataSource = registry.find("datasets", name)
    asked = checked(source, options)
    own = {name: value for name, value in asked.items() if name not in _SELECTION}
    selection = {name: value for name, value in asked.items() if name in _SELECTION and value is not None}
    images = registry.resolve(source.load)(**own)
    schema.check(images, "images")
    # name and options together load the same images again
    images = schema.stamp(images, "images", data=name, data_options=_recorded(source, own), licence=source.licence)
    return sampling.select(images, selection)


def _recorded(source: DataSource, asked: dict[str, Any]) -> dict[str, Any]:
    """Return all options as JSON can hold them, defaults too, since defaults may change; paths are made absolute."""
    defaults = {o.name: o.default for o in options_of(source).values() if o.default is not REQUIRED}
    everything = {k: v for k, v in (defaults | asked).items() if k not in ("progress", *_SELECTION)}
    paths = {k for k, v in everything.items() if isinstance(v, os.PathLike) or (k in ("path", "picture") and v)}
    return {k: os.path.abspath(os.path.expanduser(v)) if k in paths else v for k, v in everything.items()}
