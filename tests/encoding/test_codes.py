from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError, ImageSpec, RunError
from distoolkit.data.lazy import lazily
from distoolkit.encoding import Codec, decode, encode
from tests.encoding.conftest import Drawing, Probabilistic, Row


def row(images: xr.Dataset) -> Any:
    return images["image"].values[:, 0, :, 0] / np.float32(255)


def test_codes_come_with_units_factors_and_samples(fitted: Any, images: xr.Dataset) -> None:
    latents = encode(fitted(), images, batch_size=7)
    schema.check(latents, "latents")
    assert latents["code"].dtype == np.float32
    assert np.array_equal(latents["code"], row(images)), "in evaluation mode: dropout would show"
    assert latents["latent"].values.tolist() == ["left", "middle.0", "middle.1", "right"]
    assert latents["unit"].values.tolist() == ["left", "middle", "middle", "right"]
    assert latents["sample"].values.tolist() == list(range(100, 120))
    assert latents["factors"].equals(images["factors"])
    assert latents["factor_size"].values.tolist() == [4, 6]
    assert latents["factor_kind"].values.tolist() == ["categorical", "ordered"]
    assert "code_std" not in latents


def test_the_reconstruction_error_is_the_mean_over_pixels(fitted: Any, images: xr.Dataset) -> None:
    latents = encode(fitted(), images)
    pixels = images["image"].values[..., 0] / 255
    expected = (pixels[:, 1:] ** 2).sum(axis=(1, 2)) / 16  # the first row is drawn, the rest is black
    np.testing.assert_allclose(latents["reconstruction_mse"], expected, rtol=1e-5)
    assert "reconstruction_mse" not in encode(fitted(name="again"), images, reconstruct=False)


def test_a_posterior_gives_its_deviation(fitted: Any, images: xr.Dataset) -> None:
    latents = encode(fitted(Probabilistic), images)
    np.testing.assert_allclose(latents["code_std"], row(images) + 1, rtol=1e-6)


@pytest.mark.parametrize(
    "distribution",
    [
        lambda mean: torch.distributions.Normal(mean[:, :2], 1.0),  # of a part of the code
        lambda mean: torch.distributions.Cauchy(mean, 1.0),  # its deviation is NaN
    ],
    ids=["other shape", "NaN"],
)
def test_a_posterior_without_a_deviation_of_the_codes_shape(distribution: Any, fitted: Any, images: xr.Dataset) -> None:
    class Odd(Drawing):
        def posterior(self, image: torch.Tensor) -> torch.distributions.Distribution:
            return distribution(self.encode(image))

    assert "code_std" not in encode(fitted(Odd), images)


def test_a_posterior_whose_deviation_is_not_defined(fitted: Any, images: xr.Dataset) -> None:
    class Undefined(torch.distributions.Normal):
        @property
        def stddev(self) -> torch.Tensor:
            raise NotImplementedError

    class Odd(Drawing):
        def posterior(self, image: torch.Tensor) -> torch.distributions.Distribution:
            return Undefined(self.encode(image), 1.0)

    assert "code_std" not in encode(fitted(Odd), images)


def test_provenance_names_run_training_data_and_encoded_data(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    other = schema.as_images(images["image"].values[:5], name="others")
    latents = encode(run, other)
    assert (latents.attrs["method"], latents.attrs["run"], latents.attrs["seed"]) == ("row", "run", 0)
    assert (latents.attrs["data"], latents.attrs["data_hash"]) == ("others", other.attrs["data_hash"])
    assert (latents.attrs["train_data"], latents.attrs["train_data_hash"]) == ("rows", images.attrs["data_hash"])
    assert schema.attribute(latents, "config") == {"latents": 3, "steps": 1}
    assert "factors" not in latents


def test_lazy_images_are_read_a_batch_at_a_time(fitted: Any, images: xr.Dataset) -> None:
    most: list[int] = []

    def read(index: Any) -> Any:
        most.append(len(index))
        return images["image"].values[index]

    lazy = schema.as_images(lazily(read, images["image"].shape), data_hash="made up")
    most.clear()
    latents = encode(fitted(), lazy, batch_size=6)
    assert np.array_equal(latents["code"], row(images))
    assert most == [6, 6, 6, 2]


def test_progress_is_shown_if_asked_for(fitted: Any, images: xr.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    run = fitted()
    encode(run, images)
    assert capsys.readouterr().err == ""
    encode(run, images, batch_size=7, progress=True)
    assert "3/3" in capsys.readouterr().err


def test_images_of_another_size_are_refused(fitted: Any) -> None:
    larger = schema.as_images(np.zeros((3, 5, 4, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"the images are 5x4x3 and the run was fitted on 4x4x1"):
        encode(fitted(), larger)


def test_codes_that_are_not_finite_are_counted(fitted: Any, images: xr.Dataset) -> None:
    class Broken(Row):
        def encode(self, image: torch.Tensor) -> torch.Tensor:
            code = super().encode(image)
            return torch.where(image[:, 0, 0, :1] > 0.5, torch.nan, code)

    bad = int((row(images)[:, 0] > 0.5).sum())
    assert 0 < bad < 20
    with pytest.raises(DataError, match=f"{bad} of 20 codes hold NaN or infinity"):
        encode(fitted(Broken), images)


def test_codes_of_the_wrong_shape_are_refused(fitted: Any, images: xr.Dataset) -> None:
    class Flat(Row):
        def encode(self, image: torch.Tensor) -> torch.Tensor:
            return image[:, 0, 0, 0]

    with pytest.raises(
        RunError, match=r"encode\(\) returned shape \(20,\) for 20 images; it must be \(batch, latent\)"
    ):
        encode(fitted(Flat), images)


def test_decode_draws_codes(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    latents = encode(run, images)
    drawn = decode(run, latents, batch_size=6)
    schema.check(drawn, "images")
    assert np.array_equal(drawn["image"].values[:, 0], images["image"].values[:, 0])
    assert not drawn["image"].values[:, 1:].any()
    assert drawn["sample"].values.tolist() == list(range(100, 120))
    assert drawn.attrs["data"] == "decoded codes"
    assert drawn.attrs["data_hash"] not in ("", images.attrs["data_hash"])
    assert drawn.attrs["train_data"] == "rows"
    assert np.array_equal(decode(run, latents["code"].values)["image"], drawn["image"])


def test_codes_outside_of_the_range_are_clipped(fitted: Any) -> None:
    drawn = decode(fitted(), [[-1.0, 2.0, 0.5, 1.0]])
    assert drawn["image"].values[0, 0, :, 0].tolist() == [0, 255, 128, 255]


def test_codes_that_cannot_be_this_models_are_refused(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    with pytest.raises(DataError, match="the codes have 3 entries and the model's have 4"):
        decode(run, np.zeros((2, 3)))
    with pytest.raises(DataError, match="1 of 2 codes hold NaN"):
        decode(run, [[0.0, 0.0, 0.0, np.nan], [0.0, 0.0, 0.0, 0.0]])
    foreign = encode(run, images).assign_attrs(created="2020-01-01T00:00:00+00:00", run="older")
    with pytest.raises(DataError, match=r"by another run \(older\) than run: encode\(\) the images"):
        decode(run, foreign)


def test_a_model_that_cannot_draw_says_so(fitted: Any, images: xr.Dataset) -> None:
    run = fitted(Row)
    latents = encode(run, images)
    assert "reconstruction_mse" not in latents
    with pytest.raises(RunError, match=r"'row' cannot draw a code: its model has no decode\(\)"):
        decode(run, latents)
    with pytest.raises(RunError, match="cannot draw a code"):
        encode(run, images, reconstruct=True)


def test_a_codec_of_a_live_model_leaves_its_modes_and_gradients_alone() -> None:
    model = Drawing(None, None)
    model.dropout.eval()
    assert model.training
    codec = Codec(model, spec=ImageSpec(1, 4, 4))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    assert np.array_equal(codec.encode(pixels), pixels[:, 0, :, 0] / np.float32(255))
    assert np.array_equal(codec.decode(codec.encode(pixels))[:, 0], pixels[:, 0])
    assert codec.width == 4
    assert (model.training, model.dropout.training) == (True, False)
    assert model.encode(torch.rand(1, 1, 4, 4)).requires_grad
    with pytest.raises(RunError, match="shape of this model's images is not known"):
        _ = Codec(model).width


def test_opening_a_model_disturbs_no_random_numbers(fitted: Any, images: xr.Dataset) -> None:
    run = fitted()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    encode(run, images)
    assert torch.equal(torch.rand(2), expected)
