"""Select images by the values of their factors, with xarray's own ``sel``.

xarray lets only one index select along a dimension at a time, so the factors share one: `FactorIndex`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.core.indexing import IndexSelResult

from distoolkit import schema
from distoolkit.contract import DataError, UnknownNameError


class FactorIndex(xr.Index):
    """An index over all factors at once: ``images.sel(shape=2, scale=[0, 1], posX=slice(0, 15))``.

    A number selects one value, a list any of its values, a slice a range with both ends included, as everywhere in
    xarray; values that have names go by them too (``shape="heart"``). The order of the images is kept, and
    ``sample`` stays a dimension.
    """

    def __init__(
        self, columns: Mapping[Hashable, npt.NDArray[Any]], dim: Hashable, labels: Mapping[str, list[str]]
    ) -> None:
        self.columns = dict(columns)
        self.dim = dim
        self.labels = labels

    @classmethod
    def from_variables(cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]) -> FactorIndex:
        """Build the index from coordinates along one dimension."""
        dims = {v.dims for v in variables.values()}
        if len(dims) != 1 or len(next(iter(dims))) != 1:
            raise ValueError(f"a FactorIndex needs coordinates along one dimension, given {sorted(map(str, dims))}")
        columns = {name: v.values for name, v in variables.items()}
        return cls(columns, next(iter(dims))[0], options.get("labels", {}))

    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """Return the coordinates: one variable for each factor."""
        given = variables or {}
        return {
            name: xr.Variable((self.dim,), column, given[name].attrs if name in given else None)
            for name, column in self.columns.items()
        }

    def isel(self, indexers: Mapping[Any, Any]) -> FactorIndex | None:
        """Index the columns as their dimension is indexed; a single image keeps no index."""
        key = indexers.get(self.dim, slice(None))
        key = key.values if isinstance(key, xr.Variable) else key
        if not isinstance(key, slice) and np.ndim(key) != 1:
            return None
        columns = {name: column[key] for name, column in self.columns.items()}
        return FactorIndex(columns, self.dim, self.labels)

    def sel(self, labels: dict[Any, Any]) -> IndexSelResult:
        """Find the images that meet every condition."""
        keep = np.ones(len(next(iter(self.columns.values()))), dtype=bool)
        for name, wanted in labels.items():
            keep &= _meets(self.columns[name], str(name), wanted, self.labels.get(str(name), []))
        return IndexSelResult({self.dim: np.flatnonzero(keep)})

    def equals(self, other: xr.Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether two indexes hold the same values for the same factors."""
        return (
            isinstance(other, FactorIndex)
            and self.columns.keys() == other.columns.keys()
            and all(np.array_equal(column, other.columns[name]) for name, column in self.columns.items())
        )


def by_factor(images: xr.Dataset) -> xr.Dataset:
    """Give each factor a coordinate along ``sample``, so that ``sel`` takes its values.

    `distoolkit.load` does this by itself; call it for images from `distoolkit.as_images` or from a file. Works for
    latents too. A factor whose name is already taken in the Dataset (``x``, ``y``) gets no coordinate.
    """
    if "factors" not in images:
        return images
    taken = {*images.dims, *images.variables}
    names = [str(n) for n in images["factor"].values]
    columns = images["factors"].values
    coords = {n: ("sample", columns[:, k]) for k, n in enumerate(names) if n not in taken}
    if not coords:
        return images
    labels = schema.attribute(images, "factor_labels", {})
    return images.assign_coords(coords).set_xindex(list(coords), FactorIndex, labels=labels)


def _meets(column: npt.NDArray[Any], name: str, wanted: Any, labels: list[str]) -> npt.NDArray[np.bool_]:
    if isinstance(wanted, slice):
        if wanted.step is not None:
            raise DataError(f"{name}: a slice of factor values takes no step; give a list")
        low = column.min(initial=0) if wanted.start is None else wanted.start
        high = column.max(initial=0) if wanted.stop is None else wanted.stop
        return np.asarray((column >= low) & (column <= high))
    values = [labels.index(v) if v in labels else v for v in np.atleast_1d(np.asarray(wanted)).tolist()]
    absent = sorted(set(values) - set(column.tolist()), key=str)
    if absent:
        there = np.unique(column).tolist()
        raise UnknownNameError(f"no image has {name} = {absent}; there are {there} {', '.join(labels)}".rstrip())
    return np.isin(column, values)
