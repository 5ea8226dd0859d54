from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import xarray as xr

from distoolkit.training import rehearse
from distoolkit.training.devices import make_fabric
from tests.training import toys


def test_a_trainer_can_be_rehearsed_on_a_device_without_data(tiny_images: xr.Dataset) -> None:
    """Batch norm, two optimisers, clipping and noise on ``meta``: everything is where the model is."""
    reports = list(rehearse(toys.method(), tiny_images, device="meta"))
    assert len(reports) == 5
    assert all(isinstance(v, torch.Tensor) and v.device.type == "meta" for r in reports for v in r.values())


def test_batches_modules_and_chunks_are_on_the_device(tiny_images: xr.Dataset) -> None:
    def trainer(model: toys.Toy, loop: Any, config: Any) -> Iterator[Any]:
        critic = loop.module("critic", torch.nn.Linear(2, 2))
        assert loop.device.type == critic.weight.device.type == model.to_code.weight.device.type == "meta"
        for batch in (*loop.chunks(20), *loop.stage("a", 1), loop.gather(torch.tensor([1, 2]))):
            assert batch["image"].device.type == batch["index"].device.type == "meta"
        yield {"x": 0.0}

    list(rehearse(toys.method(trainer=trainer), tiny_images, device="meta"))


def test_a_rehearsal_takes_the_steps_of_the_run(tiny_images: xr.Dataset, train: Any) -> None:
    history = train(quick=True, log_every=1).history
    reports = list(rehearse(toys.method(), tiny_images))
    assert [r["loss"].item() for r in reports] == history["loss"].values.tolist()  # type: ignore[union-attr]


def test_mixed_precision_trains(train: Any) -> None:
    run = train(precision="bf16-mixed")
    assert run.record["precision"] == "bf16-mixed"
    assert {t.dtype for t in run.model().state_dict().values()} == {torch.float32, torch.int64}


def test_mixed_precision_resumes_exactly(train: Any, begin: Any) -> None:
    whole = train("whole", precision="bf16-mixed")
    session = begin("stopped", precision="bf16-mixed")
    for progress in session:
        if progress.step == 9:
            session.stop()
    session.finish()
    resumed = train("stopped", precision="bf16-mixed", resume=True)
    theirs = whole.model().state_dict()
    assert all(torch.equal(t, theirs[k]) for k, t in resumed.model().state_dict().items())


def test_a_ready_fabric_is_used(train: Any) -> None:
    assert train(fabric=make_fabric("cpu", "64-true")).record["precision"] == "64-true"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_a_compiled_model_computes_the_same(train: Any) -> None:
    plain, compiled = train("plain", quick=True), train("compiled", quick=True, compile=True)
    assert list(compiled.model().state_dict()) == list(plain.model().state_dict())
    for ours, theirs in zip(compiled.model().parameters(), plain.model().parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)
