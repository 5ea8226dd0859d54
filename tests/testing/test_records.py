from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import xarray as xr

import distoolkit as dt
from distoolkit import registry
from distoolkit.contract import DataSource, Panel
from distoolkit.testing import ContractError, check_datasource, check_panel, tiny_images

SOURCE = DataSource(name="tiny", summary="Squares", load=tiny_images, licence="Apache-2.0")
PANEL = Panel(name="spread", summary="Spread of the code", build=lambda data: data["latents"].attrs["kind"])
DATA = {"latents": dt.as_latents(np.eye(3)), "images": tiny_images()}


def faults_of(check: Any, *args: Any) -> str:
    with pytest.raises(ContractError) as caught:
        check(*args)
    return str(caught.value)


def test_good_records_pass() -> None:
    check_datasource(SOURCE, side=8)
    check_panel(PANEL, DATA)


def drawn_anew() -> xr.Dataset:
    return dt.as_images(np.random.default_rng().integers(0, 255, (4, 8, 8, 1), dtype=np.uint8))


def drawn_anew_under_one_hash() -> xr.Dataset:
    return drawn_anew().assign_attrs(data_hash="same")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "3D"}, "name '3D'"),
        ({"summary": " "}, "give one line"),
        ({"licence": "unknown"}, "licence is not given"),
        ({"load": "nowhere:load"}, "cannot resolve 'nowhere:load'"),
        ({"load": lambda: 1 / 0}, "load() fails: ZeroDivisionError"),
        ({"load": lambda: DATA["latents"]}, "load() fails: SchemaError"),
        ({"load": lambda: tiny_images().assign_attrs(data_hash="")}, "have no data_hash"),
        ({"load": drawn_anew}, "another data_hash the second time"),
        ({"load": drawn_anew_under_one_hash}, "other images the second time under the same data_hash"),
    ],
)
def test_faults_of_a_data_set(change: dict[str, Any], says: str) -> None:
    assert says in faults_of(check_datasource, dataclasses.replace(SOURCE, **change))


def spoil(data: dict[str, xr.Dataset]) -> str:
    data["latents"]["code"][:] = 0
    return "a picture"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "a b"}, "name 'a b'"),
        ({"summary": ""}, "give one line"),
        ({"build": "nowhere:draw"}, "cannot resolve"),
        ({"build": lambda data: None}, "build() returned None"),
        ({"build": lambda data: data["images"]}, "build() fails: KeyError: 'images'"),
        ({"build": spoil}, "build() changed the latents"),
        ({"needs": frozenset({"codes"})}, "it needs codes; a run has images, latents"),
        ({"needs": frozenset({"history"})}, "it needs history, which the check was not given"),
    ],
)
def test_faults_of_a_panel(change: dict[str, Any], says: str) -> None:
    data = {kind: dataset.copy(deep=True) for kind, dataset in DATA.items()}
    assert says in faults_of(check_panel, dataclasses.replace(PANEL, **change), data)


@pytest.mark.parametrize("name", [name for name, record in registry.datasets().items() if record.embedded])
def test_every_embedded_data_set_keeps_the_contract(name: str) -> None:
    check_datasource(name)
