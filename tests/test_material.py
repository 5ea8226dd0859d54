"""What is gathered about a run: from its folder, loaded again, made anew, or missing with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from distoolkit import data, schema
from distoolkit.config import knob
from distoolkit.contract import DataError, Fidelity, Method, Paper, RunError
from distoolkit.dashboards import dashboard
from distoolkit.encoding import encode
from distoolkit.material import gather
from distoolkit.reports import report
from distoolkit.runs import Run
from distoolkit.training import fit


@dataclass(frozen=True)
class Config:
    latents: int = knob(4, (4, 4, 1), "the first four pixels")
    steps: int = knob(1, (1, 16, 1), "steps")


class Corner(nn.Module):
    """The code is the first four pixels, and it is all that is drawn."""

    def __init__(self, config: Any, spec: Any) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.side = spec.height

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, 0].flatten(1)[:, 8:12] * self.scale


class Drawing(Corner):
    def decode(self, code: torch.Tensor) -> torch.Tensor:
        image = torch.zeros(len(code), 1, self.side, self.side)
        image[:, 0, 0, :4] = code
        return image


def train(model: Any, loop: Any, config: Any) -> Iterator[Any]:
    yield {"x": 1.0}


def fitted(images: xr.Dataset, folder: Path, model: Any = Drawing, seed: int = 0) -> Run:
    method = Method(
        name="corner",
        summary="a corner",
        paper=Paper(title="none", authors="none"),
        config=Config,
        quick=Config(),
        model=model,
        trainer=train,
        fidelity=Fidelity(source="none", deviations=("it is <made up>",)),
    )
    return fit(method, images, folder=folder, seed=seed, device="cpu", progress=False)


@pytest.fixture
def digits() -> xr.Dataset:
    return data.load("digits", size=8, sample=30)


def test_images_are_loaded_again_by_name_and_encoded(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    (found,) = gather(run)
    assert set(found.data) == {"images", "latents", "traversal", "history"}
    xr.testing.assert_equal(found.data["images"]["image"], digits["image"])
    np.testing.assert_array_equal(found.data["latents"]["code"], encode(run, digits)["code"])
    assert "run.save" in found.missing["scores"]
    assert found.name == "corner, seed 0"


def test_what_was_saved_is_taken_as_it_is(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    latents = encode(run, digits)
    latents["code"] = latents["code"] + 1
    run.save(latents)
    np.testing.assert_array_equal(gather(run)[0].data["latents"]["code"], latents["code"])


def test_given_images_win_over_codes_of_others(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    run.save(encode(run, digits))
    others = data.load("digits", size=8, sample=20, seed=5)
    found = gather(run, others)[0].data
    assert found["latents"].sizes["sample"] == found["images"].sizes["sample"] == 20
    np.testing.assert_array_equal(found["latents"]["code"], encode(run, others)["code"])


def test_saved_codes_of_other_images_are_kept_and_shown_without_images(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    others = data.load("digits", size=8, sample=20, seed=5)
    run.save(encode(run, others))
    (found,) = gather(run)
    assert "images" not in found.data
    assert "other images" in found.missing["images"]
    drawn = found.reconstructions([3, 4])
    np.testing.assert_allclose(drawn[:, 0, :4, 0], found.data["latents"]["code"].values[[3, 4]] * 255, atol=0.51)


def test_images_that_changed_since_are_not_taken_for_the_same(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    record = json.loads((run.folder / "run.json").read_text())
    changed = Run(run.folder, {**record, "data_hash": "another"}, run.method)
    (found,) = gather(changed)
    assert "another data hash" in found.missing["images"]
    assert "latents" in found.missing


def test_images_of_no_data_set_are_asked_for(tmp_path, tiny_images):
    run = fitted(tiny_images, tmp_path / "run")
    (found,) = gather(run)
    assert "give images=" in found.missing["images"]
    assert set(gather(run, tiny_images)[0].data) == {"images", "latents", "traversal", "history"}


def test_a_model_that_cannot_draw_has_no_traversal_and_says_why(digits, tmp_path):
    (found,) = gather(fitted(digits, tmp_path / "run", model=Corner))
    assert "latents" in found.data
    assert "decode" in found.missing["traversal"]
    assert found.codec is None
    assert found.reconstructions([0]) is None


def test_a_run_without_weights_is_still_shown(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    (run.folder / "weights.safetensors").unlink()
    (found,) = gather(run)
    assert set(found.data) == {"images", "history"}
    assert "no weights" in found.missing["latents"]
    assert report(run, tmp_path / "r.html").exists()
    dashboard(run)


def test_a_damaged_file_in_the_folder_costs_only_itself(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    (run.folder / "scores.nc").write_bytes(b"not a file")
    (found,) = gather(run)
    assert "scores.nc" in found.missing["scores"]
    assert "latents" in found.data


def test_runs_of_one_name_are_told_apart(digits, tmp_path):
    runs = [fitted(digits, tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0))]
    assert [m.name for m in gather(runs)] == ["corner, seed 0 (a)", "corner, seed 0 (b)"]
    assert [m.name for m in gather([runs[0], runs[0]])] == ["corner, seed 0 (a) #1", "corner, seed 0 (a) #2"]
    codes = {"latents": schema.as_latents(np.eye(3))}
    assert [m.name for m in gather([codes, codes])] == ["array #1", "array #2"]


def test_codes_from_anywhere_go_with_images_of_their_number(digits):
    codes = schema.as_latents(np.zeros((30, 2)))  # numbered from 0, unlike the sample of the digits
    assert digits["sample"].values.tolist() != list(range(30))
    assert set(gather({"latents": codes}, digits)[0].data) == {"latents", "images"}
    with pytest.raises(DataError, match="row by row"):
        gather({"latents": codes.isel(sample=slice(9))}, digits)


def test_codes_of_the_same_data_in_another_order_are_refused(digits, tmp_path):
    latents = encode(fitted(digits, tmp_path / "run"), digits)
    with pytest.raises(DataError, match="row by row"):
        gather({"latents": latents.isel(sample=slice(None, None, -1)), "images": digits})


def test_faults_are_named(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    with pytest.raises(RunError, match=r"run\.json"):
        gather(tmp_path / "nowhere")
    with pytest.raises(DataError, match="2 latents for 1 runs"):
        gather(run, latents=[encode(run, digits)] * 2)
    with pytest.raises(DataError, match="row by row"):
        gather(run, latents=encode(run, digits.isel(sample=slice(9))), images=digits)
    with pytest.raises(DataError, match="empty"):
        gather({})


def test_a_report_on_a_run_names_what_it_was_built_from(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    path = report(run)
    assert path == run.folder / "report.html"
    text = path.read_text()
    assert "it is &lt;made up&gt;" in text
    assert "built from no paper" in text
    assert text.count("<img") == 2 + 4  # images and reconstructions, and one row for each unit


def test_selected_samples_are_decoded_where_there_are_no_images(digits, tmp_path):
    run = fitted(digits, tmp_path / "run")
    run.save(encode(run, data.load("digits", size=8, sample=20, seed=5)))
    selection = dashboard(run).shown[0].selection
    selection.selected = [0, 1]
    assert "Decoded from their codes" in selection.caption.object
    assert selection.pictures.object is not None
