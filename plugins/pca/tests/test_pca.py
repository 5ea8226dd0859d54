from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import xarray as xr
from distoolkit_pca import METHOD, Config
from distoolkit_pca.model import PCA
from distoolkit_pca.training import fix_signs
from sklearn.decomposition import PCA as Reference

import distoolkit as dt
from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.testing import check_method, tiny_images


def blobs(count: int, side: int, channels: int) -> xr.Dataset:
    """Draw soft coloured blobs: images whose variances fall off, as those of natural images do."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    centre, size, colour = rng.random((2, count, 1, 1)), rng.random((count, 1, 1)), rng.random((count, 1, 1, channels))
    blob = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (0.02 + 0.1 * size))[..., None]
    return dt.as_images((blob * colour).astype(np.float32))


def pixels(images: xr.Dataset) -> npt.NDArray[np.float64]:
    """Flatten the images as the model does: channel, y, x."""
    return images["image"].values.transpose(0, 3, 1, 2).reshape(images.sizes["sample"], -1) / 255.0


def fit(images: xr.Dataset, folder: Path, **config: Any) -> Any:
    run = dt.fit("pca", images, folder=folder / "run", device="cpu", progress=False, **config)
    return run.model()


@pytest.mark.parametrize(
    ("count", "side", "channels"),
    [(700, 16, 3), (300, 8, 1), (40, 32, 3)],  # more pixels than images, fewer, and several chunks (512)
)
def test_it_agrees_with_scikit_learn(count: int, side: int, channels: int, tmp_path: Path) -> None:
    images = blobs(count, side, channels)
    x = pixels(images)
    reference = Reference(5, svd_solver="full").fit(x)
    model = fit(images, tmp_path, latents=5, steps=10)
    np.testing.assert_allclose(model.mean.numpy(), reference.mean_, atol=1e-6)
    np.testing.assert_allclose(model.variance.numpy(), reference.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(float(model.total_variance), x.var(axis=0, ddof=1).sum(), rtol=1e-5)
    cosine = np.abs((model.components.numpy() * reference.components_).sum(1))  # the sign is free
    np.testing.assert_allclose(cosine, 1, atol=1e-4)
    image = torch.from_numpy(x.reshape(count, channels, side, side)).float()
    code = model.encode(image)
    np.testing.assert_allclose(code.abs().numpy(), np.abs(reference.transform(x)), atol=5e-3)
    redrawn = reference.inverse_transform(reference.transform(x)).clip(0, 1)
    np.testing.assert_allclose(model.decode(code).flatten(1).numpy(), redrawn, atol=5e-3)


def test_all_components_give_the_images_back(tmp_path: Path) -> None:
    images = blobs(30, 8, 1)
    model = fit(images, tmp_path, latents=29, steps=20)
    image = torch.from_numpy(pixels(images).reshape(30, 1, 8, 8)).float()
    torch.testing.assert_close(model.decode(model.encode(image)), image, atol=1e-3, rtol=0)


def test_components_are_orthonormal_and_their_largest_entry_is_positive(tmp_path: Path) -> None:
    components = fit(blobs(200, 16, 3), tmp_path, latents=6).components
    torch.testing.assert_close(components @ components.T, torch.eye(6), atol=1e-5, rtol=0)
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()


def test_signs_by_hand() -> None:
    rows = torch.tensor([[1.0, -3.0, 2.0], [1.0, 3.0, -2.0], [0.0, 0.0, 0.0]])
    assert fix_signs(rows).tolist() == [[-1.0, 3.0, -2.0], [1.0, 3.0, -2.0], [0.0, 0.0, 0.0]]


def test_whitened_codes_have_unit_variance_and_draw_the_same_images(tmp_path: Path) -> None:
    images = blobs(300, 16, 3)
    image = torch.from_numpy(pixels(images).reshape(300, 3, 16, 16)).float()
    white = fit(images, tmp_path / "a", latents=4, whiten=True)
    plain = fit(images, tmp_path / "b", latents=4)
    code = white.encode(image)
    torch.testing.assert_close(torch.cov(code.T), torch.eye(4), atol=2e-3, rtol=0)
    torch.testing.assert_close(white.decode(code), plain.decode(plain.encode(image)), atol=1e-4, rtol=0)


def test_the_error_falls_to_nothing_and_the_variance_rises(tmp_path: Path) -> None:
    images = blobs(300, 16, 3)
    run = dt.fit("pca", images, folder=tmp_path / "run", device="cpu", progress=False, log_every=1, steps=8)
    error, explained = run.history["error"].values, run.history["explained_variance"].values
    assert error[0] > 0.1
    assert error[-1] < 1e-3
    assert explained[-1] == pytest.approx(Reference(10).fit(pixels(images)).explained_variance_ratio_.sum(), abs=1e-4)
    assert (np.diff(explained) > -1e-5).all()


def test_images_that_are_all_alike_have_no_variance_and_no_nan(tmp_path: Path) -> None:
    images = dt.as_images(np.full((20, 8, 8, 1), 100, dtype=np.uint8))
    model = fit(images, tmp_path, latents=2, whiten=True)
    image = torch.full((2, 1, 8, 8), 100 / 255)
    assert model.encode(image).isfinite().all()
    torch.testing.assert_close(model.decode(model.encode(image)), image, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("latents", "count", "most"), [(10, 10, 9), (65, 1000, 64)])
def test_more_components_than_there_can_be_are_refused(latents: int, count: int, most: int) -> None:
    with pytest.raises(ConfigError, match=rf"latents = {latents} .* have at most {most} principal components"):
        PCA(Config(latents=latents), ImageSpec(1, 8, 8, count))


def test_the_pictures_show_every_component_and_the_share(tmp_path: Path) -> None:
    images = tiny_images()
    run = dt.fit("pca", images, folder=tmp_path / "run", device="cpu", progress=False, latents=4)
    from distoolkit_pca.pictures import eigenimages, explained_variance

    sheet = eigenimages(run, images)
    assert sheet.mosaic.pixels.shape[:2] == (1, 5)
    curve = explained_variance(run, images).get(0)
    share = curve.dimension_values("share")
    np.testing.assert_allclose(share, run.model().variance.cumsum(0) / run.model().total_variance, rtol=1e-6)


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)
