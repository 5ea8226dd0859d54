"""Load a data set by name."""

from __future__ import annotations

import os
from typing import Any

import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataSource
from distoolkit.data.options import REQUIRED, checked, options_of
from distoolkit.data.select import by_factor


def load(name: str, **options: Any) -> xr.Dataset:
    """Load a data set.

    Parameters
    ----------
    name
        One of `distoolkit.datasets()`.
    options
        What the data set's loader takes; most have ``size`` (pixels), ``sample`` (this many distinct images, drawn
        at random, instead of all) and ``seed``.

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
    images = registry.resolve(source.load)(**asked)
    schema.check(images, "images")
    # name and options together load the same images again
    images = schema.stamp(images, "images", data=name, data_options=_recorded(source, asked), licence=source.licence)
    return by_factor(images)


def _recorded(source: DataSource, asked: dict[str, Any]) -> dict[str, Any]:
    """Return all options as JSON can hold them, defaults too, since defaults may change; paths are made absolute."""
    everything = {o.name: o.default for o in options_of(source).values() if o.default is not REQUIRED} | asked
    everything.pop("progress", None)
    return {
        name: os.path.abspath(os.path.expanduser(value)) if value is not None and name == "path" else value
        for name, value in everything.items()
    }
