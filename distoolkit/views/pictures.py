"""Views made of images: contact sheets, reconstructions, traversals and swaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit.views.backend import ready, signed, styled
from distoolkit.views.mosaic import Mosaic, rgb


def images(dataset: xr.Dataset, samples: int | Sequence[int] = 32, *, columns: int = 8) -> hv.RGB:
    """Show images as a contact sheet, row by row.

    Parameters
    ----------
    dataset
        Images. Only those shown are read.
    samples
        Which ones, by position; a number means that many from the beginning.
    columns
        Images in a row.
    """
    return board(contact_sheet(dataset, samples, columns=columns), dataset)


def reconstructions(
    dataset: xr.Dataset, decoded: xr.Dataset | Mapping[str, xr.Dataset], samples: int | Sequence[int] = 10
) -> hv.RGB:
    """Show images and, below them, what one model or several make of them.

    Parameters
    ----------
    dataset
        The images that were encoded.
    decoded
        The decoded images in the same order, or several such Datasets by name.
    samples
        Which ones, by position; a number means that many from the beginning.

    Raises
    ------
    DataError
        A decoded Dataset has another number of images.
    """
    if isinstance(decoded, xr.Dataset):
        decoded = {"reconstruction": decoded}
    return board(reconstruction_rows(dataset, decoded, samples), dataset, *decoded.values())


def traversal(dataset: xr.Dataset, units: Sequence[str] | None = None) -> hv.RGB:
    """Show a traversal: one row for each unit, one column for each value that the unit was set to.

    Parameters
    ----------
    dataset
        What `distoolkit.traverse` returns.
    units
        The units to show, in this order; all without it.
    """
    return board(traversal_rows(dataset, units), dataset)


def swap(dataset: xr.Dataset) -> hv.RGB:
    """Show a swap: each column is a target whose chosen units were taken from the source of the row.

    Where the Dataset holds the images themselves (``source_image``, ``target_image``), they stand at the edges.
    """
    return board(swap_board(dataset), dataset)


def contact_sheet(dataset: xr.Dataset, samples: int | Sequence[int] = 32, *, columns: int = 8) -> Mosaic:
    """Arrange images in rows of ``columns``; the last row is filled up with white."""
    schema.check(dataset, "images")
    chosen = _positions(samples, dataset.sizes["sample"])
    pixels = rgb(_read(dataset["image"], "sample", chosen))
    names = [str(v) for v in _values(dataset, "sample")[chosen]]
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    sheet = np.full((rows * columns, *pixels.shape[1:]), 255, dtype=np.uint8)
    sheet[: len(chosen)] = pixels
    groups = [names[i : i + columns] for i in range(0, len(names), columns)]
    labels = tuple(g[0] if len(g) == 1 else f"{g[0]} – {g[-1]}" for g in groups)
    title = f"{len(chosen)} of {dataset.sizes['sample']:,} images of {dataset.attrs.get('data', 'a data set')}"
    return Mosaic(sheet.reshape(rows, columns, *pixels.shape[1:]), labels, ("",) * columns, "sample", "", title)


def reconstruction_rows(
    dataset: xr.Dataset, decoded: Mapping[str, xr.Dataset], samples: int | Sequence[int] = 10
) -> Mosaic:
    """Arrange images in the first row and each decoded Dataset in a row of its own."""
    schema.check(dataset, "images")
    chosen = _positions(samples, dataset.sizes["sample"])
    rows = {"image": dataset, **decoded}
    for name, other in decoded.items():
        schema.check(other, "images")
        if other["image"].shape[:3] != dataset["image"].shape[:3]:
            raise DataError(
                f"{name!r} has images of shape {other['image'].shape[:3]}, the data {dataset['image'].shape[:3]}; "
                "decode the codes of these same images"
            )
    pixels = np.stack([rgb(_read(d["image"], "sample", chosen)) for d in rows.values()])
    labels = tuple(str(v) for v in _values(dataset, "sample")[chosen])
    return Mosaic(pixels, tuple(rows), labels, "", "sample", "Images and their reconstructions")


def traversal_rows(dataset: xr.Dataset, units: Sequence[str] | None = None) -> Mosaic:
    """Arrange a traversal in rows of units and columns of steps; of several samples, unit by unit."""
    schema.check(dataset, "traversal")
    known = [str(u) for u in dataset["unit"].values]
    asked = known if units is None else [str(u) for u in units]
    if missing := [u for u in asked if u not in known]:
        raise DataError(f"the traversal has no unit {missing}; it has {known}")
    dataset = dataset.isel(unit=[known.index(u) for u in asked])
    if "sample" in dataset["image"].dims:
        dataset = _unit_by_unit(dataset)
    pixels = rgb(dataset["image"].values)
    rows = [str(u) for u in dataset["unit"].values]
    value = dataset["value"].values if "value" in dataset.variables else np.arange(pixels.shape[1], dtype=float)
    if value.ndim == 2 and np.allclose(value, value[0]):
        value = value[0]
    if value.ndim == 1:
        columns, below = tuple(f"{v:.2g}".replace("-", "−") for v in value), "value of the unit"
    else:
        columns, below = ("",) * pixels.shape[1], "value of the unit, from low to high"
        rows = [f"{row}  {_span(v)}" for row, v in zip(rows, value, strict=True)]
    return Mosaic(pixels, tuple(rows), columns, "unit", below, "One unit changes, the others stay")


def _unit_by_unit(dataset: xr.Dataset) -> xr.Dataset:
    """Turn a traversal of several samples into one with a row for each unit of each sample."""
    samples, units = _values(dataset, "sample"), [str(u) for u in dataset["unit"].values]
    image = dataset["image"].transpose("unit", "sample", ...).values
    rows = xr.Dataset(
        {"image": (("unit", "step", "y", "x", "channel"), image.reshape(-1, *image.shape[2:]))},
        coords={"unit": [f"{u}, sample {s}" for u in units for s in samples]},
    )
    if "value" in dataset.variables:
        value = dataset["value"]
        rows = rows.assign_coords(
            value=value if value.ndim == 1 else (("unit", "step"), value.values.repeat(len(samples), axis=0))
        )
    return rows


def swap_board(dataset: xr.Dataset) -> Mosaic:
    """Arrange a swap in rows of sources and columns of targets, with the originals at the edges if they are there."""
    schema.check(dataset, "swap")
    pixels = rgb(dataset["image"].values)
    rows = [str(v) for v in _values(dataset, "source")]
    columns = [str(v) for v in _values(dataset, "target")]
    if "source_image" in dataset and "target_image" in dataset:
        corner = np.full((1, 1, *pixels.shape[2:]), 255, dtype=np.uint8)
        top = np.concatenate([corner, rgb(dataset["target_image"].values)[None]], axis=1)
        pixels = np.concatenate([rgb(dataset["source_image"].values)[:, None], pixels], axis=1)
        pixels = np.concatenate([top, pixels])
        rows, columns = ["target", *rows], ["source", *columns]
    units = schema.attribute(dataset, "units", [])
    units = [units] if isinstance(units, str) else list(units)
    what = ", ".join(map(str, units)) or "the chosen units"
    return Mosaic(pixels, tuple(rows), tuple(columns), "source", "target", f"Targets with {what} of the source")


def board(mosaic: Mosaic, *sources: xr.Dataset) -> hv.RGB:
    """Turn a board of images into a HoloViews element, one unit of length an image."""
    ready()
    rows, columns = mosaic.pixels.shape[:2]
    element = hv.RGB(
        mosaic.composed(mosaic.zoom),
        bounds=(-0.5, -0.5, columns - 0.5, rows - 0.5),
        kdims=["column", "row"],
    )
    height, width = (s * mosaic.zoom for s in mosaic.pixels.shape[2:4])
    shrink = min(1.0, 900 / (columns * width))
    cell = max(1, round(width * shrink)), max(1, round(height * shrink))
    shown = mosaic.shown_columns(cell[0])
    element = styled(
        element,
        title=mosaic.title,
        xlabel=mosaic.column_title,
        ylabel="",
        yticks=[(rows - 1 - i, label) for i, label in enumerate(mosaic.rows)],
        xticks=[(j, label) for j, label in shown] or [(-9, "")],  # out of sight: none at all would mean numbers
        bokeh={
            "frame_width": columns * cell[0],
            "frame_height": rows * cell[1],
            "toolbar": None,
            "xaxis": "bottom" if shown or mosaic.column_title else None,
            "fontsize": {"title": "11pt", "labels": "9pt", "ticks": "9pt"},
        },
        matplotlib={"fig_inches": 7, "aspect": columns * cell[0] / (rows * cell[1])},
    )
    element.mosaic = mosaic
    return signed(element, *sources)


def _positions(samples: int | Sequence[int], count: int) -> npt.NDArray[np.intp]:
    if isinstance(samples, int | np.integer):
        return np.arange(min(int(samples), count))
    chosen = np.asarray(samples, dtype=np.intp)
    if chosen.size == 0:
        raise DataError("no samples to show: give at least one position")
    if chosen.min() < 0 or chosen.max() >= count:
        raise DataError(f"samples reach from {chosen.min()} to {chosen.max()}; there are {count} images, from 0")
    return chosen


def _read(image: xr.DataArray, dim: str, places: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """Read some images; lazy ones are asked for those rows only."""
    return np.asarray(image.isel({dim: places}).values)


def _values(dataset: xr.Dataset, dim: str) -> npt.NDArray[Any]:
    return np.asarray(dataset[dim].values) if dim in dataset.coords else np.arange(dataset.sizes[dim])


def _span(values: npt.NDArray[Any]) -> str:
    return f"{values.min():.2g} … {values.max():.2g}".replace("-", "−")
