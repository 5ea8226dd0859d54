"""Apply the closed form to the codes of any other run."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
import xarray as xr

from distoolkit import config as configs
from distoolkit import schema
from distoolkit.contract import ConfigError
from distoolkit_isometry import HessianICAConfig
from distoolkit_isometry.charts import Charts
from distoolkit_isometry.doubts import IsometryWarning
from distoolkit_isometry.spectral import hessian_ica
from distoolkit_isometry.turn import independent_turn

CHUNK = 4096


def recode(codes: xr.Dataset, /, method: str = "hessian", *, seed: int = 0, **settings: Any) -> xr.Dataset:
    """Look for independent factors in a code that another method has found.

    The code takes the place of the pixels: where a wide code (an autoencoder's, or features of a large network) lies
    on a manifold that is locally isometric to the factors, ``"hessian"`` recovers them. Where the code is already
    linear in the factors, ``"ica"`` is enough (an autoencoder followed by ICA is ``ae_ica``).

    Parameters
    ----------
    codes
        What `distoolkit.encode` gives.
    method
        ``"hessian"``, or ``"ica"`` for a rotation of the code alone.
    seed
        Of the starts, and of the choice of landmarks.
    settings
        Those of ``hessian_ica`` that concern the solution: ``latents``, ``neighbours``, ``ridge``, ``components``,
        ``landmarks``, ``contrast``, ``restarts``, ``scale``.

    Returns
    -------
    Dataset
        Of kind ``latents``, with the factors and the provenance of the code that was given; ``method`` then reads
        e.g. ``"vae > hessian_ica"``.

    Raises
    ------
    UnknownNameError, ConfigError
        A setting that does not exist or is outside its range.
    DataError
        A code with too few different points, or in several pieces.
    """
    schema.check(codes, "latents")
    if method not in ("hessian", "ica"):
        raise ConfigError(f"method = {method!r} is not allowed: give 'hessian' or 'ica'")
    config = configs.configure(HessianICAConfig(), **settings)
    code = codes["code"].values.astype(np.float64)
    found = _by_charts(code, config, seed) if method == "hessian" else _by_turn(code, config, seed)
    kept = codes.drop_dims("latent").drop_vars("reconstruction_mse", errors="ignore")
    recoded = schema.as_latents(found, name=str(codes.attrs.get("data", "array")))
    recoded = kept.merge(recoded[["code", "latent", "unit"]].assign_coords(sample=codes["sample"]))
    recoded.attrs = {name: value for name, value in codes.attrs.items() if name not in ("created", "run")}
    before = codes.attrs.get("method", "code")
    return schema.stamp(
        recoded,
        "latents",
        method=f"{before} > {'hessian_ica' if method == 'hessian' else 'ica'}",
        recoded=configs.as_json(config),
        recoded_from=str(codes.attrs.get("run", "")),
    )


def _by_charts(code: np.ndarray[Any, Any], config: HessianICAConfig, seed: int) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    some = code
    if len(code) > config.landmarks:
        some = code[np.sort(generator.choice(len(code), config.landmarks, replace=False))]
    solution = hessian_ica(
        some,
        config.latents,
        neighbours=config.neighbours,
        ridge=config.ridge,
        components=config.components,
        contrast=config.contrast,
        restarts=config.restarts,
        scale=config.scale,
        seed=seed,
    )
    charts = Charts(code.shape[1], config.latents, 1, config.components).double()
    charts.take(solution)
    return np.concatenate([charts.encode(part).numpy() for part in torch.split(torch.from_numpy(code), CHUNK)])


def _by_turn(code: np.ndarray[Any, Any], config: HessianICAConfig, seed: int) -> np.ndarray[Any, Any]:
    shift, matrix, _, sentences = independent_turn(code, config.contrast, config.restarts, seed)
    for sentence in sentences:
        warnings.warn(sentence, IsometryWarning, stacklevel=3)
    return np.asarray((code - shift) @ matrix)
