from __future__ import annotations

import itertools
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import RunError, TrainingError
from distoolkit.runs import open_run
from distoolkit.training import checkpoint
from tests.training import toys
from tests.training.test_resume import same, weights


def test_progress_tells_where_the_run_is(begin: Any) -> None:
    session = begin(log_every=5)
    told = list(session)
    assert [p.step for p in told] == list(range(1, 21))
    assert [(p.stage, p.stage_step, p.stage_steps) for p in told[11:13]] == [("first", 12, 12), ("second", 1, 8)]
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(told))
    assert set(told[0].values) == {"loss", "critic_loss"}
    assert told[1].values is told[0].values, "nothing is read back between two rows"
    assert told[4].values is not told[3].values
    assert session.progress is told[-1]
    assert session.over
    assert session.finish().status == "finished"


def test_history_has_the_first_every_so_many_and_the_last_of_each_stage(begin: Any) -> None:
    session = begin(log_every=5)
    for progress in session:
        if progress.step == 6:
            assert session.history["step"].values.tolist() == [1, 5], "it can be looked at during the run"
            assert session.history["loss"].values[-1] == progress.values["loss"]
    history = session.finish().history
    schema.check(history, "history")
    assert history["step"].values.tolist() == [1, 5, 10, 12, 15, 20]
    assert history["stage"].values.tolist() == ["first"] * 4 + ["second"] * 2
    assert np.isnan(history["critic_loss"].values).tolist() == [False] * 4 + [True] * 2
    assert schema.attribute(history, "stages") == {"first": 12, "second": 8}
    assert history.attrs["method"] == "toy"


def test_nothing_is_read_back_between_two_rows(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(steps=25, log_every=10)
    reads: list[int] = []
    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__"):
        real = getattr(torch.Tensor, name)

        def counted(self: Any, *args: Any, _real: Any = real, **kwargs: Any) -> Any:
            reads.append(1)
            return _real(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, counted)

    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        adam = loop.optimizer("adam", torch.optim.Adam(model.parameters()))
        yield from loop.descend(lambda b: model.encode(b["image"]).square().mean(), adam, "a", 25)

    session = begin("other", toys.method(trainer=trainer), log_every=10)
    quiet = [p for p in range(1, 26) if p not in (1, 10, 20, 25)]
    for _ in range(25):
        reads.clear()
        progress = next(session)
        assert not reads or progress.step not in quiet, f"{len(reads)} values were read in step {progress.step}"


def test_a_pause_changes_nothing(begin: Any, train: Any, tiny_images: xr.Dataset) -> None:
    whole = train("whole")
    session = begin("paused")
    for progress in session:
        torch.randn(5), np.random.rand(3), random.random()  # noqa: NPY002 - whatever others do between two steps
        if progress.step in (3, 13):
            break
    for progress in session:
        torch.manual_seed(progress.step)
    assert same(weights(session.finish()), weights(whole))


def test_training_leaves_the_random_numbers_of_others_alone(train: Any, begin: Any) -> None:
    def drawn() -> tuple[Any, ...]:
        return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002

    def seed() -> None:
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)

    seed()
    expected = drawn()
    seed()
    train("one")
    assert drawn() == expected
    seed()
    session = begin("two")
    next(session)
    session.finish()
    assert drawn() == expected


def test_numpy_and_python_numbers_resume_too(train: Any, begin: Any) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for _ in loop.stage("a", 8):
            yield {"numpy": np.random.normal(), "python": random.gauss(0, 1), "torch": torch.randn(())}  # noqa: NPY002

    method = toys.method(trainer=trainer)
    whole = train("whole", method, log_every=1).history
    session = begin("stopped", method, log_every=1)
    for progress in session:
        if progress.step == 3:
            session.stop()
    session.finish()
    resumed = train("stopped", method, resume=True, log_every=1).history
    assert resumed.drop_vars("seconds").equals(whole.drop_vars("seconds"))


def test_the_seed_decides(train: Any) -> None:
    assert same(weights(train("a", seed=3)), weights(train("b", seed=3)))
    assert not same(weights(train("c", seed=4)), weights(train("b2", seed=3)))


def test_stop_ends_the_run_after_the_step(begin: Any) -> None:
    session = begin()
    for progress in session:
        if progress.step == 7:
            session.stop()
    run = session.finish()
    assert (run.status, run.record["steps"], session.over) == ("stopped", 7, True)
    assert open_run(run.folder, toys.method()).status == "stopped"
    assert same(weights(run), session.model.state_dict())
    assert checkpoint.read(run.folder).record["step"] == 7  # type: ignore[union-attr]
    assert session.finish() is run
    with pytest.raises(StopIteration):
        next(session)


def test_a_session_may_be_finished_before_it_began(begin: Any, train: Any) -> None:
    run = begin().finish()
    assert (run.status, run.record["steps"]) == ("stopped", 0)
    assert run.model() is not None
    assert same(weights(train(resume=True)), weights(train("whole")))


def test_a_time_limit_stops_a_run_that_can_go_on(train: Any) -> None:
    def slow(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for _ in loop.stage("a", 50):
            time.sleep(0.05)
            yield {"x": loop.step}

    method = toys.method(trainer=slow)
    run = train(method=method, time_limit=0.2)
    assert run.status == "stopped"
    assert 3 <= run.record["steps"] <= 6
    again = train(method=method, time_limit=0.2, resume=True)
    assert again.record["steps"] > run.record["steps"], "the limit counts from the resumption"


def test_pauses_do_not_count(begin: Any) -> None:
    session = begin(time_limit=1.0)
    next(session)
    time.sleep(1.1)
    assert len(list(session)) == 19
    assert session.finish().record["seconds"] < 1.0


# -- what goes wrong


def diverging(model: toys.Toy, loop: Any, config: toys.Config) -> Iterator[Any]:
    sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
    for batch in loop.stage("first", 3):
        loop.minimise(model.encode(batch["image"]).square().mean(), sgd)
        yield {"loss": 1.0}
    for batch in loop.stage("second", 40):
        loss = model.encode(batch["image"]).square().mean()
        if loop.step == 26:
            loss = loss * float("inf")
        loop.minimise(loss, sgd)
        yield {"loss": loss, "other": 1.0}


def test_nan_stops_the_run_and_names_step_stage_and_value(begin: Any) -> None:
    session = begin(method=toys.method(trainer=diverging), log_every=10)
    with pytest.raises(TrainingError) as caught:
        for _ in session:
            pass
    message = str(caught.value)
    assert "loss = inf at step 27 of stage 'second'; everything was finite at step 26" in message
    assert "Try a lower learning rate" in message
    assert caught.value.__notes__ == [f"the run in {session.run.folder} keeps the weights of step 20"]
    run = session.finish()
    assert run.status == "failed"
    assert run.record["steps"] == 20, "those that the weights have had"
    assert "loss = inf at step 27" in run.record["error"]
    assert all(bool(t.isfinite().all()) for t in weights(run).values())
    assert run.history["step"].values.tolist() == [1, 3, 10, 20]
    assert open_run(run.folder, toys.method()).status == "failed"


def test_the_weights_that_are_kept_are_those_of_the_checkpoint(begin: Any) -> None:
    session = begin(method=toys.method(trainer=diverging), log_every=10)
    while next(session).step < 20:
        pass
    kept = {k: t.clone() for k, t in session.model.state_dict().items()}
    with pytest.raises(TrainingError):
        list(session)
    assert same(weights(session.finish()), kept)


def test_nan_in_the_weights_is_noticed_though_no_value_shows_it(train: Any) -> None:
    def trainer(model: toys.Toy, loop: Any, config: Any) -> Iterator[Any]:
        for _ in loop.stage("a", 5):
            with torch.no_grad():
                model.to_image.bias[0] = float("nan")
            yield {"x": 1.0}

    with pytest.raises(TrainingError, match=r"to_image.bias became NaN or infinite by step 5") as caught:
        train(method=toys.method(trainer=trainer))
    assert caught.value.__notes__ == ["the run has no weights: it broke off before its first checkpoint"]


def test_an_infinite_buffer_may_be_meant(train: Any) -> None:
    def build(config: Any, spec: Any) -> Any:
        model = toys.Toy(config, spec)
        model.register_buffer("mask", torch.full((2,), float("-inf")))
        return model

    assert train(method=toys.method(model=build)).status == "finished"


def test_an_error_of_the_trainer_is_passed_on_and_the_run_failed(train: Any, tmp_path: Path) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for _ in loop.stage("a", 50):
            if loop.step == 15:
                raise ZeroDivisionError("by the trainer")
            yield {"x": 1.0}

    with pytest.raises(ZeroDivisionError, match="by the trainer") as caught:
        train(method=toys.method(trainer=trainer))
    assert "keeps the weights of step 10" in caught.value.__notes__[0]
    run = open_run(tmp_path / "run", toys.method())
    assert (run.status, run.record["error"]) == ("failed", "ZeroDivisionError: by the trainer")


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({"loss": torch.zeros(3)}, r"'loss' has shape \(3,\); report one number: take its mean\(\)"),
        ({"loss": "low"}, "'loss' is 'low'; report one number"),
        ({}, r"reported \{\} at step 1; yield a dict of numbers"),
        (None, "reported None at step 1"),
        (1.0, "reported 1.0 at step 1"),
        ({"loss": float("nan")}, "loss = nan at step 1 of stage 'a'"),
    ],
)
def test_a_report_that_is_none_is_refused(report: Any, message: str, train: Any) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for _ in loop.stage("a", 1):
            yield report

    with pytest.raises(TrainingError, match=message):
        train(method=toys.method(trainer=trainer))


def test_reports_hold_no_graph(begin: Any) -> None:
    """Else the memory of ten steps would be held at once."""
    import weakref

    class Kept(torch.autograd.Function):
        alive: list[Any] = []  # noqa: RUF012

        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            Kept.alive.append(weakref.ref(ctx))
            return x.clone()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return gradient

    def trainer(model: toys.Toy, loop: Any, config: Any) -> Iterator[Any]:
        for batch in loop.stage("a", 8):
            yield {"loss": Kept.apply(model.encode(batch["image"])).mean()}  # type: ignore[no-untyped-call]

    session = begin(method=toys.method(trainer=trainer))
    for _ in range(6):
        next(session)
    assert sum(ref() is not None for ref in Kept.alive) <= 1
    session.finish()


# -- disks


def full(path: Any, content: bytes) -> int:
    import errno

    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(checkpoint_every=4, log_every=4)
    for progress in session:
        if progress.step == 7:
            break
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(Exception, match=r"no space left while saving .*checkpoint.safetensors") as caught:
            for _ in session:
                pass
    assert type(caught.value).__name__ == "DistoolkitError"
    assert any("could not be brought up to date" in note for note in caught.value.__notes__)
    run = session.finish()
    assert checkpoint.read(run.folder).record["step"] == 4  # type: ignore[union-attr]
    assert sorted(p.name for p in run.folder.iterdir()) == ["checkpoint.safetensors", "run.json"]
    assert session.over


def test_a_run_whose_disk_was_full_resumes(begin: Any, train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(checkpoint_every=4, log_every=4)
    with monkeypatch.context() as patch:
        for progress in session:
            if progress.step == 7:
                patch.setattr(Path, "write_bytes", full)
            if progress.step == 8:
                pytest.fail("the checkpoint of step 8 was written")
            if progress.step > 6:
                with pytest.raises(Exception, match="no space left"):
                    next(session)
    whole = train("whole", checkpoint_every=4, log_every=4)
    assert same(weights(train(resume=True, checkpoint_every=4, log_every=4)), weights(whole))


def test_a_folder_that_is_not_empty_is_refused(train: Any) -> None:
    train()
    with pytest.raises(RunError, match=r"is not empty; choose another folder, or resume the run"):
        train()


def test_the_history_on_disk_follows(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a panel can watch a run of another process."""
    monkeypatch.setattr("distoolkit.training.session._PUBLISH_SECONDS", 0.0)
    session = begin(log_every=5)
    for progress in session:
        if progress.step == 10:
            seen = open_run(session.run.folder, toys.method())
            assert seen.history["step"].values.tolist() == [1, 5, 10]
            break
    session.finish()


def test_run_json_holds_what_was_asked(train: Any, tmp_path: Path) -> None:
    run = train(seed=7, lr=0.5)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["config"] == {"latents": 3, "steps": 12, "later": 8, "lr": 0.5, "batch_size": 8}
    assert (record["seed"], record["precision"], record["device"], record["steps"]) == (7, "32-true", "cpu", 20)
    assert re.fullmatch(r"<Run toy on tiny: finished, in .*run>", repr(run))


def test_a_session_of_a_finished_run_has_nothing_to_do(train: Any, begin: Any) -> None:
    run = train()
    session = begin(resume=True)
    assert list(session) == []
    assert session.finish().status == "finished"
    assert session.history.identical(run.history)
    assert "nothing left to do" in repr(session)
    with pytest.raises(TrainingError, match="was finished before"):
        _ = session.model
