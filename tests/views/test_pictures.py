from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from distoolkit import schema, views
from distoolkit.contract import DataError
from distoolkit.views.mosaic import Mosaic
from distoolkit.views.pictures import contact_sheet, swap_board, traversal_rows


def test_a_traversal_has_a_row_for_each_unit_and_a_column_for_each_value(traversal):
    mosaic = traversal_rows(traversal)
    assert mosaic.pixels.shape == (3, 5, 8, 8, 3)
    assert (mosaic.pixels[2, 3] == 103).all()
    assert mosaic.rows == ("z0", "z1", "z2")
    assert mosaic.columns == ("−2", "−1", "0", "1", "2")


def test_chosen_units_come_in_the_order_asked_for(traversal):
    mosaic = traversal_rows(traversal, ["z2", "z0"])
    assert mosaic.rows == ("z2", "z0")
    assert (mosaic.pixels[0, 0] == 100).all()
    with pytest.raises(DataError, match="z9"):
        views.traversal(traversal, ["z9"])


def test_values_of_their_own_for_each_unit_stand_beside_the_unit(traversal):
    value = np.outer([1.0, 2.0, 3.0], traversal["value"].values)
    mosaic = traversal_rows(traversal.drop_vars("value").assign_coords(value=(("unit", "step"), value)))
    assert mosaic.rows == ("z0  −2 … 2", "z1  −4 … 4", "z2  −6 … 6")
    assert not any(mosaic.columns)


def test_the_element_holds_the_pixels_the_right_way_up(traversal):
    element = views.traversal(traversal)
    assert isinstance(element, hv.RGB)
    red = element.dimension_values(2, flat=False)
    # HoloViews gives rows from the bottom: the middle of the lowest image is unit 2, that of the highest unit 0
    zoom = element.mosaic.zoom
    assert red[4 * zoom, 4 * zoom] == 100
    assert red[-4 * zoom, 4 * zoom] == 0
    assert element.range("column") == (-0.5, 4.5)


def test_a_contact_sheet_reads_only_what_it_shows_and_fills_the_last_row_with_white(tiny_images):
    sheet = contact_sheet(tiny_images, [5, 6, 7], columns=2)
    assert sheet.pixels.shape[:2] == (2, 2)
    assert (sheet.pixels[0, 1, :, :, 0] == tiny_images["image"].values[6, :, :, 0]).all()
    assert (sheet.pixels[1, 1] == 255).all()
    assert sheet.rows == ("5 – 6", "7")
    with pytest.raises(DataError, match="48 images"):
        views.images(tiny_images, [48])
    with pytest.raises(DataError, match="no samples"):
        views.images(tiny_images, [])


def test_reconstructions_stand_below_their_images(tiny_images):
    dark = tiny_images.assign(image=tiny_images["image"] * 0)
    element = views.reconstructions(tiny_images, {"a": dark, "b": tiny_images}, [10, 20])
    mosaic = element.mosaic
    assert mosaic.rows == ("image", "a", "b")
    assert mosaic.columns == ("10", "20")
    assert (mosaic.pixels[0] == mosaic.pixels[2]).all()
    assert not mosaic.pixels[1].any()
    with pytest.raises(DataError, match="same images"):
        views.reconstructions(tiny_images, tiny_images.isel(sample=slice(5)))


def test_a_swap_board_has_the_originals_at_its_edges_when_it_knows_them():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones((1, 1, 4, 4, 1), np.uint8)
    made = xr.Dataset(
        {"image": (("source", "target", "y", "x", "channel"), image)}, coords={"source": [7, 8], "target": [1, 2, 3]}
    )
    swap = schema.stamp(made, "swap", units=["z0", "z4"])
    board = swap_board(swap)
    assert board.pixels.shape[:2] == (2, 3)
    assert board.rows == ("7", "8")
    assert "z0, z4" in board.title
    edges = swap.assign(
        source_image=(("source", "y", "x", "channel"), np.full((2, 4, 4, 1), 70, np.uint8)),
        target_image=(("target", "y", "x", "channel"), np.full((3, 4, 4, 1), 90, np.uint8)),
    )
    board = swap_board(edges)
    assert board.pixels.shape[:2] == (3, 4)
    assert [board.pixels[0, 0, 0, 0, 0], board.pixels[0, 1, 0, 0, 0], board.pixels[1, 0, 0, 0, 0]] == [255, 90, 70]
    assert board.pixels[2, 3, 0, 0, 0] == 5
    assert isinstance(views.swap(edges), hv.RGB)


def test_thin_lines_part_the_images_and_nothing_stands_outside():
    pixels = np.zeros((2, 3, 4, 4, 3), np.uint8)
    flat = Mosaic(pixels, ("a", "b"), ("", "", "")).composed(zoom=2, gap=1)
    assert flat.shape == (2 * 8 + 1, 3 * 8 + 2, 3)
    assert (flat[8] == flat[8, 0]).all()
    assert flat[8, 0, 0] > 200
    assert not flat[:8, :8].any()


@pytest.mark.parametrize(("cell", "shown"), [(40, [0, 1, 2, 3]), (18, [0, 2])])
def test_column_labels_that_do_not_fit_are_left_out_evenly(cell, shown):
    mosaic = Mosaic(np.zeros((1, 4, 4, 4, 3), np.uint8), ("",), ("0.75", "1.5", "2.2", "3.1"))
    assert [j for j, _ in mosaic.shown_columns(cell)][: len(shown)] == shown


def test_lazy_images_are_asked_for_the_shown_rows_only():
    class Counting:
        shape, dtype, ndim = (1000, 8, 8, 1), np.dtype(np.uint8), 4
        asked = 0

        def __getitem__(self, key):
            picked = np.zeros(self.shape, np.uint8)[key]
            Counting.asked += picked.shape[0]
            return picked

        def __array__(self, dtype=None, copy=None):
            raise AssertionError("all images were read")

    from xarray.core import indexing

    class Backend(xr.backends.BackendArray):
        shape, dtype = Counting.shape, Counting.dtype

        def __getitem__(self, key):
            return indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, lambda k: Counting()[k]
            )

    lazy = xr.Variable(("sample", "y", "x", "channel"), indexing.LazilyIndexedArray(Backend()))
    dataset = schema.stamp(
        xr.Dataset({"image": lazy}, coords={"sample": np.arange(1000)}), "images", data="big", data_hash="0"
    )
    views.images(dataset, [3, 500])
    assert Counting.asked == 2
