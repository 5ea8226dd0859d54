from __future__ import annotations

import numpy as np
import torch

from distoolkit.training.history import History


def test_numbers_of_every_kind_are_read() -> None:
    history = History(1)
    report = {
        "float32": torch.tensor(0.1),
        "float64": torch.tensor(0.1, dtype=torch.float64),
        "half": torch.tensor(0.5, dtype=torch.bfloat16),
        "whole": torch.tensor(7),
        "flag": torch.tensor(True),
        "one": torch.tensor([[2.0]]),
        "python": 3,
        "numpy": np.float32(4.0),
    }
    history.add(1, "a", report)
    history.read(1.5)
    expected = dict(zip(report, [float(np.float32(0.1)), 0.1, 0.5, 7.0, 1.0, 2.0, 3.0, 4.0], strict=True))
    assert history.latest == expected
    assert history.rows == [(1, "a", 1.5, expected)]


def test_only_the_latest_report_becomes_a_row_but_all_are_checked() -> None:
    history = History(10)
    for step in (1, 2, 3):
        history.add(step, "a", {"loss": torch.tensor(float(step))})
    history.read(0.5)
    assert history.rows == [(3, "a", 0.5, {"loss": 3.0})]
    history.add(4, "a", {"loss": 4.0})
    history.read()
    assert len(history.rows) == 1
    assert history.latest == {"loss": 4.0}


def test_a_history_comes_back_from_the_checkpoint() -> None:
    history = History(1)
    for step, stage, report in ((1, "a", {"x": 1.0}), (2, "a", {"x": 2.0}), (5, "b", {"y": 3.0}), (9, "a", {"x": 4.0})):
        history.add(step, stage, report)
        history.read(step / 10)
    tensors, record = history.pack()
    again = History(1)
    again.unpack({name.removeprefix("history/"): t for name, t in tensors.items()}, record)
    assert again.rows == history.rows
    assert again.latest == history.latest
    assert again.dataset().identical(history.dataset())


def test_an_empty_history_is_a_dataset_too() -> None:
    dataset = History(10).dataset(method="toy")
    assert dict(dataset.sizes) == {"step": 0}
    tensors, record = History(10).pack()
    again = History(10)
    again.unpack({name.removeprefix("history/"): t for name, t in tensors.items()}, record)
    assert again.rows == []
