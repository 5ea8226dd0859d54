"""The rendered 3D-Shapes-like grid, against landmarks measured on the published animation."""

from __future__ import annotations

import numpy as np
import pytest

import distoolkit as dt
from distoolkit.data import shapes3d


@pytest.fixture(scope="module")
def shapes():
    return dt.load("shapes3d")


def silhouette(shape, scale, angle=0.0):
    """Return top and bottom row and width of the object, in fractions of a pixel."""
    cover = shapes3d.cast(shape, scale, np.deg2rad(angle))[shapes3d.OBJECT] > 0
    rows, columns = (np.flatnonzero(cover.any(axis=a)) for a in (1, 0))
    return rows[0], rows[-1] + 1, len(columns)


def test_the_grid(shapes):
    assert shapes["image"].shape == (480000, 64, 64, 3)
    assert dict(zip(shapes["factor"].values.tolist(), shapes["factor_size"].values.tolist(), strict=True)) == {
        "floor_hue": 10, "wall_hue": 10, "object_hue": 10, "scale": 8, "shape": 4, "orientation": 15,
    }  # fmt: skip
    index = ((((3 * 10 + 1) * 10 + 7) * 8 + 2) * 4 + 1) * 15 + 11
    assert shapes["factors"].values[index].tolist() == [3, 1, 7, 2, 1, 11]


def test_the_hues_go_around_the_colour_circle():
    import colorsys

    expected = [[round(255 * c) for c in colorsys.hsv_to_rgb(k / 10, 1, 1)] for k in range(10)]
    assert shapes3d.HUES.tolist() == expected


@pytest.mark.parametrize(
    ("shape", "scale", "top", "bottom", "width"),
    [
        (0, 0.75, 37.8, 54.1, 16.7),
        (1, 0.75, 36.7, 54.1, 14.7),
        (2, 0.75, 34.7, 52.2, None),
        (3, 0.75, 25.7, 52.2, None),
        (3, 1.25, 7.9, 52.2, None),
    ],
)
def test_the_silhouettes_are_where_they_were_measured(shape, scale, top, bottom, width):
    found = silhouette(shape, scale)
    assert found[0] == pytest.approx(top, abs=1.0)  # whole pixels against fractions of one
    assert found[1] == pytest.approx(bottom, abs=1.0)
    assert width is None or found[2] == pytest.approx(width, abs=1.5)


def test_the_back_wall_and_the_corners_are_where_they_were_measured():
    wall = shapes3d.cast(2, 0.75, 0.0)[shapes3d.WALL][:, 8] > 0
    assert (np.flatnonzero(wall)[0], np.flatnonzero(wall)[-1] + 1) == (18, 41)
    left, right = (shapes3d.cast(2, 0.75, np.deg2rad(a)) for a in (30, -30))
    np.testing.assert_array_equal(left[shapes3d.AIR], right[shapes3d.AIR][:, ::-1])
    sky = (right[shapes3d.AIR] > 0.5).sum(axis=0)  # rows of sky over each column
    corner = np.flatnonzero(sky == sky.max()).mean()  # the far corner is where the wall looks lowest
    assert corner == pytest.approx(44, abs=1)
    floor = 64 - (right[shapes3d.FLOOR] > 0).sum(axis=0)
    assert floor[44] == pytest.approx(39.8, abs=1)
    assert (sky[0], floor[0]) == (pytest.approx(15, abs=1), pytest.approx(41.7, abs=1))


def test_sky_floor_and_shadow(shapes):
    picture = shapes.sel(floor_hue=0, wall_hue=5, object_hue=3, scale=7, shape=2, orientation=7)["image"].values[0]
    assert picture[0, 0].tolist() == [153, 226, 249]
    assert picture[45, 2].tolist() == [253, 0, 0] or picture[45, 2, 0] >= 250  # the lit floor is almost pure red
    floor = picture[56:64, :, 0].astype(int)
    assert floor.min() < 0.45 * floor.max()  # the shadow
    dark = np.argwhere(floor < 0.5 * floor.max())[:, 1]
    assert dark.mean() > 32  # lies to the right of the object


def test_surfaces_take_their_own_hue_and_no_other(shapes):
    first = shapes.sel(floor_hue=1, wall_hue=4, object_hue=7, scale=3, shape=0, orientation=2)["image"].values[0]
    shares = shapes3d.cast(0, shapes3d.SCALES[3], shapes3d.ORIENTATIONS[2])
    for name, surface in (("floor_hue", 0), ("wall_hue", 1), ("object_hue", 2)):
        changed = {"floor_hue": 1, "wall_hue": 4, "object_hue": 7, "scale": 3, "shape": 0, "orientation": 2, name: 9}
        other = shapes.sel(**changed)["image"].values[0]
        np.testing.assert_array_equal((first != other).any(axis=-1), shares[surface] > 1 / 256)


def test_scenes_differ_even_when_everything_has_one_hue(shapes):
    one = shapes.sel(floor_hue=6, wall_hue=6, object_hue=6)["image"].values
    assert len({picture.tobytes() for picture in one}) == 480


def test_shares_never_overflow():
    for scene in [(0, 0.75, -0.5), (1, 1.0, 0.1), (2, 1.25, 0.5), (3, 1.1, 0.0)]:
        shares = shapes3d.cast(*scene)
        assert shares.min() >= 0
        assert shares.sum(axis=0).max() <= 1 + 1e-9


def test_at_32_pixels_the_picture_is_the_area_mean_of_the_one_at_64(shapes):
    small = dt.load("shapes3d", size=32, sample=20, seed=1)
    large = shapes["image"][small["sample"].values].values.astype(float)
    mean = large.reshape(20, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(small["image"].values - mean).max() <= 4.0  # each share is rounded down to 1/256, at both sizes
