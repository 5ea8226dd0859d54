"""Selections that a study needs: correlated factors, and combinations held out of the training.

Each image is kept or left out by its factors and its number alone, so the order in which selections are made does
not matter, and each is written into the provenance: `distoolkit.load` with the same options makes it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import config, schema
from distoolkit.contract import ConfigError, DataError, UnknownNameError
from distoolkit.data.grid import option_hash
from distoolkit.factors import matches


def hold_out(images: xr.Dataset, **conditions: Any) -> tuple[xr.Dataset, xr.Dataset]:
    """Split images in two: those for training, and the combinations that are held out.

    Parameters
    ----------
    images
        Images (or latents) with known factors.
    conditions
        Factor values as `sel` takes them; an image that meets all conditions is held out:
        ``train, held = hold_out(images, shape="heart", scale=[4, 5])``.

    Raises
    ------
    DataError
        No factors are known, or one of the two sides would be empty.
    """
    return select(images, {"without": conditions}), select(images, {"only": conditions})


def correlate(images: xr.Dataset, first: str, second: str, sigma: float = 0.2, *, seed: int = 0) -> xr.Dataset:
    """Thin images out so that two factors are correlated.

    Each image stays with probability exp(-(a - b)^2 / (2 sigma^2)), a and b being the two factors scaled to [0, 1].
    Images drawn uniformly from the rest follow the correlated distribution; none occurs twice.

    Parameters
    ----------
    images
        Images (or latents) with known factors.
    first, second
        Names of two factors, ordered ones as a rule.
    sigma
        Width of the band about the diagonal. 0.2 is a strong correlation, 0.7 a weak one.
    seed
        Fixes which images stay.

    Raises
    ------
    UnknownNameError
        No such factor.
    ConfigError
        ``sigma`` is not above 0, or both factors are the same.

    References
    ----------
    Träuble et al., On Disentangled Representations Learned from Correlated Data, ICML 2021.
    """
    return select(images, {"correlate": (first, second, sigma, seed)})


def select(images: xr.Dataset, selection: Mapping[str, Any]) -> xr.Dataset:
    """Make the selections ``only``, ``without`` and ``correlate`` and write them into the provenance."""
    if not selection:
        return images
    options = dict(schema.attribute(images, "data_options", {}))
    if again := sorted(selection.keys() & options.keys()):
        raise DataError(f"{', '.join(again)} was applied to these images before: give all its conditions at once")
    plain = {name: _plain(value) for name, value in selection.items()}
    keep = np.ones(images.sizes["sample"], dtype=bool)
    if "only" in plain:
        keep &= matches(images, plain["only"])
    if "without" in plain:
        keep &= ~matches(images, plain["without"])
    if "correlate" in plain:
        plain["correlate"] = _pair(plain["correlate"])
        keep &= _correlated(images, *plain["correlate"])
    if not keep.any():
        raise DataError(f"no image is left by {plain}; loosen the conditions")
    digest = option_hash(str(images.attrs.get("data_hash", "")), **plain)
    part = images.isel(sample=np.flatnonzero(keep))
    return schema.stamp(part, images.attrs["kind"], data_hash=digest, data_options=options | plain)


def _pair(correlate: list[Any]) -> tuple[str, str, float, int]:
    """Read ``(factor, factor, sigma = 0.2, seed = 0)``."""
    if not 2 <= len(correlate) <= 4:
        raise ConfigError(f"correlate = {correlate}: give two factors, a width and a seed, ('scale', 'posX', 0.2, 0)")
    first, second, sigma, seed = correlate + [0.2, 0][len(correlate) - 2 :]
    usable = isinstance(sigma, int | float) and sigma > 0 and isinstance(seed, int) and seed >= 0
    if not usable or first == second:
        raise ConfigError(f"correlate = {correlate}: give two different factors, a width above 0 and a seed from 0 up")
    return str(first), str(second), float(sigma), seed


def _correlated(images: xr.Dataset, first: str, second: str, sigma: float, seed: int) -> npt.NDArray[np.bool_]:
    a, b = (_scaled(images, name) for name in (first, second))
    return np.asarray(_uniform(images["sample"].values, seed) < np.exp(-((a - b) ** 2) / (2 * sigma**2)))


def _scaled(images: xr.Dataset, name: str) -> npt.NDArray[np.float64]:
    names = [str(n) for n in images["factor"].values] if "factors" in images else []
    if name not in names:
        raise UnknownNameError(config.unknown("factor", str(name), names))
    column = names.index(name)
    return np.asarray(images["factors"].values[:, column] / max(1, int(images["factor_size"][column]) - 1))


def _uniform(numbers: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """Return one number in [0, 1) for each image number: SplitMix64, which needs no other image to be known."""
    with np.errstate(over="ignore"):
        mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= np.uint64(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)) * 2.0**-53)


def _plain(value: Any) -> Any:
    """Turn conditions into what JSON holds: it is written into the provenance."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, slice):
        raise ConfigError(
            f"{value} is not allowed here: give the values as a list, since they are written down as JSON"
        )
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value
