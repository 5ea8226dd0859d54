"""Data cards, and the catalogue that they are made from."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
from PIL import Image

import distoolkit as dt
from distoolkit import registry
from distoolkit.contract import UnknownNameError
from distoolkit.data import card
from distoolkit.data.catalogue import DATASETS
from distoolkit.data.options import options_of

NAMES = [source.name for source in DATASETS]


def test_the_catalogue_is_what_is_installed():
    assert set(NAMES) <= set(dt.datasets())
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_all_that_a_reader_needs(name):
    shown = str(card(name))
    source = registry.find("datasets", name)
    for fact in (name, source.summary, source.licence, source.memory, *source.notes, *source.factors):
        assert fact in shown
    for file in source.files:
        assert file.name in shown
        assert (file.checksum or "no checksum known") in shown
    for option in options_of(source):
        if option not in ("only", "without", "correlate"):
            assert f"{option}=" in shown
    assert source.memory


@pytest.mark.parametrize("name", [s.name for s in DATASETS if s.embedded])
def test_an_embedded_set_is_what_its_record_says(name):
    images = dt.load(name, sample=8)
    factors = registry.find("datasets", name).factors
    if name != "isometric":  # its factors depend on the manifold
        assert dict(zip(images["factor"].values.tolist(), images["factor_size"].values.tolist(), strict=True)) == dict(
            factors
        )
    assert images["image"].dtype == np.uint8
    assert images["image"].values.any()
    assert images.attrs["data"] == name


@pytest.mark.parametrize("name", [s.name for s in DATASETS if s.factors and len(s.factors) > 1])
def test_the_number_of_images_in_the_summary_is_that_of_the_grid(name):
    source = registry.find("datasets", name)
    numbers = [int(n.replace(",", "")) for n in re.findall(r"[\d,]{5,}", source.summary)]
    if numbers:
        assert math.prod(source.factors.values()) in numbers


def test_checksums_have_the_length_of_their_kind():
    for source in DATASETS:
        for file in source.files:
            if file.checksum:
                kind, digest = file.checksum.split(":")
                assert re.fullmatch(r"[0-9a-f]+", digest)
                assert len(digest) == {"md5": 32, "sha256": 64}[kind]


def test_loaders_show_the_licence_that_the_record_names():
    from distoolkit.data import cars3d, celeba, dsprites, mpi3d, nvidia, shapes3d_file, smallnorb

    for module, name in (
        (celeba, "celeba"), (cars3d, "cars3d"), (dsprites, "dsprites"), (mpi3d, "mpi3d"), (nvidia, "isaac3d"),
        (shapes3d_file, "shapes3d_file"),
    ):  # fmt: skip
        assert registry.find("datasets", name).licence == module.LICENCE
    assert smallnorb.LICENCE.startswith(registry.find("datasets", "smallnorb").licence)


def test_a_notebook_shows_a_table_and_pictures():
    shown = card("sprites", pictures=10)._repr_html_()
    data = re.search(r"data:image/png;base64,([^']+)", shown).group(1)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert sheet.shape == (128, 512)  # two rows of eight
    first = dt.load("sprites", sample=10)["image"].values
    np.testing.assert_array_equal(sheet[:64, :64], first[0, ..., 0])
    np.testing.assert_array_equal(sheet[64:, 64:128], first[9, ..., 0])
    assert "<table>" in shown
    assert "dSprites&#x27;" in shown


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'sprites'"):
        card("sprits")
