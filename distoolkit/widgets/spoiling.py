"""Codes made worse on purpose, one fault at a time, to see which scores notice."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.config import configure, knob
from distoolkit.contract import DataError

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Damage:
    """What is done to a code, in this order. The defaults leave it as it is."""

    rotation: float = knob(0.0, (0.0, 90.0, 5.0), "turn the code in every plane of neighbouring units, in degrees")
    noise: float = knob(0.0, (0.0, 2.0, 0.1), "noise added to each unit, in its standard deviations")
    off: int = knob(0, (0, 100, 1), "units that are switched off: the last ones, set to their mean")
    copies: int = knob(0, (0, 100, 1), "units that are there twice: the first ones")
    extra: int = knob(0, (0, 100, 1), "units of pure noise that are added, as large as the others on average")
    scale: float = knob(1.0, (0.01, 1.0, 0.01), "what the whole code is multiplied by")


def spoil(latents: xr.Dataset, *, seed: int = 0, **damage: Any) -> xr.Dataset:
    """Make a code worse in known ways.

    Parameters
    ----------
    latents
        Latents; units of several entries are reduced to one number first.
    seed
        Fixes the noise.
    **damage
        Fields of `Damage`: ``rotation``, ``noise``, ``off``, ``copies``, ``extra``, ``scale``.

    Returns
    -------
    Latents with the same factors. The settings are in the attribute ``damage_json``.

    Raises
    ------
    UnknownNameError, ConfigError
        A fault that there is not, or one out of range.
    DataError
        More units to copy or to switch off than there are.
    """
    chosen = configure(Damage(), **damage)
    scalars = schema.scalars(latents)
    names = list(map(str, scalars["latent"].values))
    for what in ("off", "copies"):
        if getattr(chosen, what) > len(names):
            raise DataError(f"{what} = {getattr(chosen, what)}, but this code has {len(names)} units only")
    code = damaged(scalars["code"].values.astype(np.float64), chosen, seed=seed)
    names += _new_names(names, chosen)
    # the rest speaks of the code as it was: its posterior, the pictures that it gave
    spoilt = (
        scalars.drop_vars("reconstruction_mse", errors="ignore")
        .drop_dims("latent")
        .assign_coords(latent=names, unit=("latent", names))
    )
    spoilt["code"] = ("sample", "latent"), code.astype(np.float32)
    return schema.stamp(spoilt, "latents", damage=dataclasses.asdict(chosen))


def damaged(code: Floats, damage: Damage, *, seed: int) -> Floats:
    """Do to a code (sample, unit) what `Damage` says. Units come in the order: old ones, copies, noise."""
    generator = np.random.default_rng(seed)
    code = rotate(code, damage.rotation)
    code = code + damage.noise * code.std(axis=0) * generator.standard_normal(code.shape)
    code = switch_off(code, damage.off)
    extra = code.std(axis=0).mean() * generator.standard_normal((len(code), damage.extra))
    return damage.scale * np.concatenate([code, code[:, : damage.copies], extra], axis=1)


def rotate(code: Floats, degrees: float) -> Floats:
    """Turn a code (sample, unit) by the same angle in the plane of the first two units, then of the next two, ...

    All distances stay as they are, so nothing is lost. At 90 degrees the units are themselves again, in another order
    and with other signs.
    """
    turned = code.copy()
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    for j in range(code.shape[1] - 1):
        turned[:, j], turned[:, j + 1] = (
            c * turned[:, j] - s * turned[:, j + 1],
            s * turned[:, j] + c * turned[:, j + 1],
        )
    return turned


def switch_off(code: Floats, count: int) -> Floats:
    """Set the last ``count`` units of a code (sample, unit) to their mean."""
    kept = code.copy()
    if count:
        kept[:, -count:] = code[:, -count:].mean(axis=0)
    return kept


def _new_names(names: list[str], damage: Damage) -> list[str]:
    """Name the copies and the noise units; a code that was spoilt before has some already."""
    taken, found = set(names), []
    for name in [f"{name} copy" for name in names[: damage.copies]] + [f"noise{j}" for j in range(damage.extra)]:
        while name in taken:
            name += "'"
        taken.add(name)
        found.append(name)
    return found
