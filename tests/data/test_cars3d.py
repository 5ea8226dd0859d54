"""Cars3D, on small files in its exact layout."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

import distoolkit as dt
from distoolkit.contract import DataError

RNG = np.random.default_rng(0)
VIEWS = {name: RNG.integers(0, 256, (128, 128, 3, 24, 4), dtype=np.uint8) for name in ("car_002", "car_001")}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive as it is published, with two cars."""
    root = tmp_path_factory.mktemp("cars")
    (root / "data" / "cars").mkdir(parents=True)
    for name, views in VIEWS.items():  # car_002 is written first: the order of the disk must not matter
        savemat(root / "data" / "cars" / f"{name}_mesh.mat", {"im": views, "mask": views[:, :, 0]}, do_compression=True)
    (root / "data" / "cars" / "list.txt").write_text("car_002_mesh.mat\ncar_001_mesh.mat\n")
    with tarfile.open(root / "nips2015-analogy-data.tar.gz", "w:gz", compresslevel=1) as file:
        file.add(root / "data", "data")
    return root / "nips2015-analogy-data.tar.gz"


def test_the_grid_is_elevation_azimuth_object(archive):
    images = dt.load("cars3d", path=archive, size=128, progress=False)
    assert images["factor_size"].values.tolist() == [4, 24, 2]
    assert images["factor_kind"].values.tolist() == ["ordered", "circular", "categorical"]
    for elevation, azimuth, car, name in ((0, 0, 0, "car_001"), (3, 17, 1, "car_002"), (1, 23, 0, "car_001")):
        found = images.sel(elevation=elevation, azimuth=azimuth, object=car)["image"].values[0]
        np.testing.assert_array_equal(found, VIEWS[name][..., azimuth, elevation])


def test_64_pixels_are_pils_lanczos_and_a_folder_will_do(archive):
    images = dt.load("cars3d", path=archive.parent / "data", sample=5, progress=False)
    elevation, azimuth, car = images["factors"].values[0]
    picture = np.ascontiguousarray(VIEWS[f"car_00{car + 1}"][..., azimuth, elevation])
    expected = Image.fromarray(picture).resize((64, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(images["image"].values[0], np.asarray(expected))


def test_truncated_and_foreign_files_are_refused(archive, tmp_path, cache):
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:1_000_000])
    with pytest.raises(DataError, match="cannot be unpacked"):
        dt.load("cars3d", path=cut, progress=False)
    with pytest.raises(DataError, match="holds no car_"):
        dt.load("cars3d", path=tmp_path, progress=False)
    (tmp_path / "car_001_mesh.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b" " * 200)
    with pytest.raises(DataError, match="cannot be read as a car"):
        dt.load("cars3d", path=tmp_path, progress=False)
    savemat(tmp_path / "car_001_mesh.mat", {"im": np.zeros((4, 4), dtype=np.uint8)})
    with pytest.raises(DataError, match="expected uint8"):
        dt.load("cars3d", path=tmp_path, progress=False)
    assert not list(cache.rglob("*.npy"))


def test_an_archive_that_climbs_out_is_refused(tmp_path):
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as file:
        file.addfile(tarfile.TarInfo("../car_001_mesh.mat"))
    with pytest.raises(DataError, match="climbs out"):
        dt.load("cars3d", path=tmp_path / "evil.tar.gz", progress=False)


def test_a_wrong_checksum_is_refused(cache):
    cache.mkdir()
    (cache / "nips2015-analogy-data.tar.gz").write_bytes(b"wrong")
    with pytest.raises(DataError, match="is not the published nips2015"):
        dt.load("cars3d", progress=False)
