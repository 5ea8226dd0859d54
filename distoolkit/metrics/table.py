"""A latent Dataset as plain arrays, with the statistics that several metrics share, and how points are drawn.

`evaluate` opens one table for the latents that it scores, so that metrics that ask for the same points or the
same mutual information get the same array. A metric called on its own makes its own table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.config import unknown
from distoolkit.contract import ConfigError, DataError, UnknownNameError
from distoolkit.metrics import information

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Protocol = Literal["disentanglement_lib"] | None

PROTOCOLS = ("disentanglement_lib",)
BATCH = 16
"""disentanglement_lib encodes in batches of 16 and draws the factors of each batch column by column."""


@dataclass(frozen=True)
class Points:
    """Some rows of a table: ``code`` (sample, unit) float64 and ``factors`` (sample, factor) int64."""

    code: Floats
    factors: Ints

    def __len__(self) -> int:
        return len(self.code)


class Table:
    """A latent Dataset as plain arrays.

    Vector units are reduced to one number each by `distoolkit.schema.scalars`. Factors that take a single value
    in the data say nothing about a code and are left out of ``factors``; ``constant_factors`` names them.

    Attributes
    ----------
    code
        (sample, unit) float64.
    factors
        (sample, factor) int64; no columns when no factor is known.
    units, factor_names
        Names along the two axes.
    sizes
        (factor,) number of values of each factor, including those that never occur.
    reduced
        ``"pca1"`` if units were reduced, else ``"none"``.
    """

    def __init__(self, latents: xr.Dataset) -> None:
        schema.check(latents, "latents")
        if latents.sizes["sample"] < 2 or latents.sizes["latent"] < 1:
            raise DataError(f"latents have shape {latents['code'].shape}; a score needs two samples and one latent")
        scalars = schema.scalars(latents)
        self.latents = latents
        self.reduced = str(scalars.attrs["reduced"])
        self.code: Floats = scalars["code"].values.astype(np.float64)
        self.units = list(map(str, scalars["latent"].values))
        self.factors: Ints = np.empty((len(self.code), 0), dtype=np.int64)
        self.factor_names: list[str] = []
        self.factor_kinds: list[str] = []
        self.sizes: Ints = np.empty(0, dtype=np.int64)
        self.constant_factors: list[str] = []
        if "factors" in latents:
            self._read_factors(latents)
        self._permutations: dict[int, Ints] = {}
        self._information: dict[tuple[Any, ...], information.Information] = {}

    def _read_factors(self, latents: xr.Dataset) -> None:
        values = latents["factors"].values.astype(np.int64)
        varies = (values != values[:1]).any(axis=0)
        names = np.asarray(list(map(str, latents["factor"].values)))
        kinds = np.asarray(list(map(str, latents["factor_kind"].values)))
        self.factors = np.ascontiguousarray(values[:, varies])
        self.factor_names, self.constant_factors = names[varies].tolist(), names[~varies].tolist()
        self.factor_kinds = kinds[varies].tolist()
        self.sizes = latents["factor_size"].values.astype(np.int64)[varies]

    def __len__(self) -> int:
        return len(self.code)

    @cached_property
    def deviation(self) -> Floats:
        """Standard deviation of each unit over the whole table (ddof 1), exactly 0 for a constant one."""
        return np.where(self.moving, self.code.std(axis=0, ddof=1), 0.0)

    @cached_property
    def moving(self) -> Bools:
        """Which units are not constant. A constant unit never takes part in a score."""
        return np.asarray((self.code != self.code[0]).any(axis=0))

    def active(self, threshold: float, *, relative: bool) -> Bools:
        """Which units have a standard deviation of at least ``threshold`` (times the largest, if relative)."""
        least = threshold * self.deviation.max() if relative else threshold
        return self.moving & (self.deviation >= least)

    def need_factors(self) -> None:
        """Raise unless there is a factor that varies, and a unit that does.

        Raises
        ------
        DataError
            The factors are unknown, or each takes a single value; or the code is constant.
        """
        if not self.moving.any():
            raise DataError("every unit of this code is constant: it holds nothing that could be scored")
        if self.factors.shape[1] == 0:
            why = f"they never change in these samples: {self.constant_factors}" if self.constant_factors else "none"
            raise DataError(f"this metric needs true factors that vary; the latents have {why}. Encode labelled images")

    def points(self, count: int, *, seed: int, protocol: Protocol = None) -> Points:
        """Draw points: ``count`` different rows, or all there are; see `split`."""
        return self.gather(self.rows(count, seed=seed, protocol=protocol))

    def rows(self, count: int, *, seed: int, protocol: Protocol = None) -> Ints:
        """Draw rows as `points` does and return their numbers."""
        at_least(2, samples=count)
        if protocol is not None:
            return self._rows_in_batches(np.random.RandomState(seed), count)
        return self._permutation(seed)[:count]

    def split(self, train: int, test: int, *, seed: int, protocol: Protocol = None) -> tuple[Points, Points]:
        """Draw training and test points.

        Without a protocol they are different rows of the table, in an order that the seed fixes and that all
        metrics share; a table with fewer rows than asked for is split in the same proportion. With
        ``"disentanglement_lib"`` they are drawn with replacement as that library draws them.
        """
        at_least(1, train=train, test=test)
        if protocol is not None:
            generator = np.random.RandomState(seed)
            rows = self._rows_in_batches(generator, train)
            return self.gather(rows), self.gather(self._rows_in_batches(generator, test))
        order = self._permutation(seed)
        if len(order) < train + test:
            train = min(max(1, round(len(order) * train / (train + test))), len(order) - 1)
            test = len(order) - train
        return self.gather(order[:train]), self.gather(order[train : train + test])

    def gather(self, rows: Ints) -> Points:
        """Return the points of some rows."""
        return Points(self.code[rows], self.factors[rows])

    def rows_of(self, factors: Ints, generator: np.random.RandomState) -> Ints:
        """Return, for each row of factor values, a row of the table that has them.

        Only for a table that holds the whole factor grid. Where several rows share their factors (hidden
        factors) one is taken at random.
        """
        first, count, order = self._grid_rows
        place = np.ravel_multi_index(tuple(factors.T), tuple(self.sizes))
        if (count == 1).all():
            return np.asarray(order[first[place]])
        return np.asarray(order[first[place] + (generator.random_sample(len(place)) * count[place]).astype(np.int64)])

    @cached_property
    def is_grid(self) -> bool:
        """Tell whether every combination of factor values occurs."""
        cells = int(np.prod(self.sizes.astype(object)))
        if self.factors.shape[1] == 0 or cells > len(self):
            return False
        return bool((self._grid_rows[1] > 0).all())

    @cached_property
    def _grid_rows(self) -> tuple[Ints, Ints, Ints]:
        """For each cell of the factor grid: where its rows begin in ``order``, how many they are, and ``order``."""
        place = np.ravel_multi_index(tuple(self.factors.T), tuple(self.sizes))
        count = np.bincount(place, minlength=int(np.prod(self.sizes)))
        return np.cumsum(count) - count, count, np.argsort(place, kind="stable")

    def draw_factors(self, generator: np.random.RandomState, count: int) -> Ints:
        """Draw factor rows uniformly, one column after the other (disentanglement_lib's order)."""
        return np.stack([generator.randint(size, size=count) for size in self.sizes], axis=1)

    def _rows_in_batches(self, generator: np.random.RandomState, count: int) -> Ints:
        if not self.is_grid:  # the library needs the whole grid; the nearest thing is rows with replacement
            return generator.randint(len(self), size=count)
        batches = [self.draw_factors(generator, min(BATCH, count - i)) for i in range(0, count, BATCH)]
        return self.rows_of(np.concatenate(batches), generator)

    def _permutation(self, seed: int) -> Ints:
        if seed not in self._permutations:
            self._permutations[seed] = np.random.default_rng(seed).permutation(len(self))
        return self._permutations[seed]

    def information(self, *, bins: int, samples: int, seed: int, protocol: Protocol = None) -> information.Information:
        """Mutual information of binned units and factors, computed once for each setting."""
        key = (bins, samples, seed, protocol)
        if key not in self._information:
            self.need_factors()
            at_least(2, bins=bins)
            points = self.points(samples, seed=seed, protocol=protocol)
            self._information[key] = information.measure(points.code, points.factors, self.sizes, bins)
        return self._information[key]


_OPEN: ContextVar[tuple[Table, ...]] = ContextVar("open tables", default=())


@contextmanager
def sharing(latents: xr.Dataset) -> Iterator[Table]:
    """Let all metrics that are called inside with this very Dataset share one table."""
    table = Table(latents)
    token = _OPEN.set((*_OPEN.get(), table))
    try:
        yield table
    finally:
        _OPEN.reset(token)


def table_of(latents: xr.Dataset) -> Table:
    """Return the shared table of a latent Dataset, or a new one."""
    return next((table for table in _OPEN.get() if table.latents is latents), None) or Table(latents)


def at_least(least: int, **values: int) -> None:
    """Raise `ConfigError` for a setting that is no whole number or too small."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ConfigError(f"{name} = {value!r} is not allowed: give a whole number from {least}")


def check_protocol(protocol: str | None) -> None:
    """Raise `UnknownNameError` for a protocol that does not exist."""
    if protocol is not None and protocol not in PROTOCOLS:
        raise UnknownNameError(unknown("protocol", protocol, PROTOCOLS))
