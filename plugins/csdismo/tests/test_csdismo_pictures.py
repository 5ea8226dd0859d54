"""The clickable board and the interpolation, by their data and their traits."""

from __future__ import annotations

import base64
from pathlib import Path

import holoviews as hv
import numpy as np
import pytest
import xarray as xr
from distoolkit_csdismo import METHOD, transfer
from distoolkit_csdismo.interpolation import Interpolation, interpolation
from distoolkit_csdismo.pictures import clickable, enlarge, transfer_board

import distoolkit as dt
from distoolkit.testing import tiny_images
from distoolkit.views.pictures import swap_board


@pytest.fixture(scope="module")
def images() -> xr.Dataset:
    return tiny_images()


@pytest.fixture(scope="module")
def run(images: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> dt.Run:
    return dt.fit(
        METHOD, images, quick=True, folder=tmp_path_factory.mktemp("runs") / "run", device="cpu", progress=False
    )


def pixels(shown: hv.RGB) -> np.ndarray:
    return np.stack([shown.dimension_values(band, flat=False)[::-1] for band in "RGB"], axis=-1)


def test_a_click_enlarges_a_picture_beside_what_it_was_made_from(run: dt.Run, images: xr.Dataset) -> None:
    drawn = transfer(run, images, content_from=[0, 1, 2], style_from=[50, 60])
    board = clickable(drawn)
    assert board[1].id is None  # options of its own would replace those of what it draws
    (stream,) = board[1].streams
    stream.event(x=2.9, y=-0.3)  # the third content, in the last row
    shown = board[1][()]
    assert shown.opts.get("plot", backend="bokeh").kwargs["title"] == "content of 2, style of 60, and both"
    found = pixels(shown)
    assert found.shape == (160, 3 * 160 + 16, 3)
    content, style, both = (images["image"].values[2], images["image"].values[60], drawn["image"].values[1, 2])
    for place, part in enumerate((content, style, both)):
        np.testing.assert_array_equal(found[::10, place * 168 : place * 168 + 160 : 10], part)


@pytest.mark.parametrize(
    ("x", "y", "title"), [(0, 2, "content of 0, style of 50"), (9, -4, "content of 1, style of 60")]
)
def test_a_click_beyond_the_pictures_takes_the_nearest(
    run: dt.Run, images: xr.Dataset, x: float, y: float, title: str
) -> None:
    shown = enlarge(swap_board(transfer(run, images, content_from=[0, 1], style_from=[50, 60])), x, y)
    assert shown.opts.get("plot", backend="bokeh").kwargs["title"].startswith(title)


def test_the_board_takes_contents_and_styles_from_other_images(run: dt.Run, images: xr.Dataset) -> None:
    board = transfer_board(run, images, count=2)
    assert board[0].mosaic.columns == ("source", "0", "1")
    assert board[0].mosaic.rows == ("target", "2", "3")
    assert transfer_board(run, images.isel(sample=[5]))[0].mosaic.rows == ("target", "5")
    assert dt.views.static(board).image.width > 100


def test_sliders_mix_content_and_style(run: dt.Run, images: xr.Dataset) -> None:
    shown = interpolation(run, images)
    shown.start, shown.end = 3, 70
    codes = dt.encode(run, images, reconstruct=False, device="cpu")["code"].values[[3, 70]]
    half = codes[0].copy()
    half[:8] += 0.5 * (codes[1] - codes[0])[:8]
    shown.content, shown.style = 0.5, 0.0
    expected = dt.decode(run, half[None], device="cpu")["image"].values[0]
    assert np.abs(shown.mixed.astype(int) - expected).max() <= 1
    shown.style = 1.0
    assert not np.array_equal(shown.mixed, expected)
    shown.content = 1.0
    np.testing.assert_array_equal(shown.mixed, shown.walk[2, -1])


def test_the_ways_begin_alike_and_end_at_swaps(run: dt.Run, images: xr.Dataset) -> None:
    shown = interpolation(run, images)
    before = shown.walk
    shown.end = 95
    assert not np.array_equal(before, shown.walk)
    assert (shown.walk[:, 0] == shown.walk[0, 0]).all()
    swapped = transfer(run, images, content_from=[95], style_from=[0], device="cpu")["image"].values[0, 0]
    assert np.abs(shown.walk[0, -1].astype(int) - swapped).max() <= 1
    assert base64.b64decode(shown._repr_mimebundle_()["image/png"]).startswith(b"\x89PNG")


def test_one_image_is_enough(run: dt.Run, images: xr.Dataset) -> None:
    assert Interpolation(run, images.isel(sample=[4])).end == 0


def test_the_widgets_are_registered(run: dt.Run, images: xr.Dataset) -> None:
    from distoolkit.registry import resolve

    assert set(METHOD.widgets) == {"transfer board", "interpolation", "loss terms"}
    assert isinstance(resolve(METHOD.widgets["interpolation"])(run, images), Interpolation)


def test_a_folder_of_grey_pictures_can_be_shown(tmp_path: Path) -> None:
    grey = tiny_images(channels=1)
    run = dt.fit(METHOD, grey, quick=True, folder=tmp_path / "run", device="cpu", progress=False)
    assert transfer_board(run, grey, count=2)[1][()] is not None
    assert interpolation(run, grey).mixed.shape == (16, 16, 1)
