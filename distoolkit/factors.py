"""Select images and codes by the values of their factors, with xarray's own ``sel``.

xarray lets only one index select along a dimension at a time, so the factors share one: `FactorIndex`.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.core.indexing import IndexSelResult

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

    @classmethod
    def concat(
        cls, indexes: Sequence[FactorIndex], dim: Hashable, positions: Iterable[Iterable[int]] | None = None
    ) -> FactorIndex:
        """Put indexes of the same factors one after the other, as ``xarray.concat`` along ``sample`` asks."""
        first = indexes[0]
        columns = {name: np.concatenate([i.columns[name] for i in indexes]) for name in first.columns}
        if positions is not None:
            order = np.argsort(np.concatenate([np.asarray(list(p)) for p in positions]))
            columns = {name: column[order] for name, column in columns.items()}
        return cls(columns, dim, first.labels)

    def equals(self, other: xr.Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether two indexes hold the same values for the same factors."""
        return (
            isinstance(other, FactorIndex)
            and self.columns.keys() == other.columns.keys()
            and all(np.array_equal(column, other.columns[name]) for name, column in self.columns.items())
        )


def by_factor(dataset: xr.Dataset, labels: Mapping[str, list[str]] | None = None) -> xr.Dataset:
    """Give each factor a coordinate along ``sample``, so that ``sel`` takes its values.

    Parameters
    ----------
    dataset
        Images or latents; without ``factors`` they are returned as they are. A factor whose name is taken by
        something else in the Dataset (``x``, ``y``) gets no coordinate.
    labels
        Names of the values of a factor, in the order of their indices.
    """
    if "factors" not in dataset or dataset["factors"].dims != ("sample", "factor"):
        return dataset
    rows = dataset["factors"].values
    columns = {str(name): rows[:, k] for k, name in enumerate(dataset["factor"].values)}
    free = [name for name, column in columns.items() if _free(dataset, name, column)]
    if not free:
        return dataset
    dataset = dataset.drop_vars(free, errors="ignore")
    dataset = dataset.assign_coords({name: ("sample", columns[name]) for name in free})
    return dataset.set_xindex(free, FactorIndex, labels=dict(labels or {}))


def matches(dataset: xr.Dataset, conditions: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Tell for each sample whether its factors meet every condition; conditions are written as for ``sel``.

    Raises
    ------
    UnknownNameError
        A factor that the Dataset does not have, or a value that no sample has.
    """
    labels = json.loads(dataset.attrs.get("factor_labels_json", "{}"))
    names = [str(name) for name in dataset["factor"].values] if "factors" in dataset else []
    keep = np.ones(dataset.sizes["sample"], dtype=bool)
    for name, wanted in conditions.items():
        if name not in names:
            raise UnknownNameError(f"no factor {name!r}; there are: {', '.join(names) or 'none'}")
        keep &= _meets(dataset["factors"].values[:, names.index(name)], name, wanted, labels.get(name, []))
    return keep


def _free(dataset: xr.Dataset, name: str, column: npt.NDArray[Any]) -> bool:
    """Tell whether a name is unused, or used for this very coordinate (as in a Dataset that was saved)."""
    if name not in dataset.variables:
        return name not in dataset.dims
    there = dataset[name]
    return there.dims == ("sample",) and np.array_equal(there.values, column)


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
