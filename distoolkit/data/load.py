"""Load a data set by name."""

from __future__ import annotations

from typing import Any

import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataSource
from distoolkit.data.options import checked
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
    images = registry.resolve(source.load)(**checked(source, options))
    schema.check(images, "images")
    return by_factor(images.assign_attrs({"licence": source.licence, **images.attrs}))
