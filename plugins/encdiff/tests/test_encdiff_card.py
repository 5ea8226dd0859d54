from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from distoolkit_encdiff import card

from distoolkit import registry
from distoolkit.testing import tiny_images

TINY: dict[str, Any] = {
    "first_stage": {**card.FIRST_STAGE, "steps": 2, "batch_size": 4},
    "settings": {**card.SETTINGS, "width": 8, "encoder_width": 8, "sampling_steps": 1, "steps": 2, "batch_size": 4},
}


def test_every_arm_is_measured_on_one_first_stage_and_not_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tiny_images()
    state = torch.random.get_rng_state()
    measured = list(card.measured(tmp_path, images, [1], **TINY))
    assert torch.equal(torch.random.get_rng_state(), state), "an untrained arm draws no random numbers of others"
    assert [(row.seed, row.arm) for row in measured] == [(1, arm) for arm in card.ARMS]
    full, twin, untrained = measured
    told = [row.provenance["config"] for row in measured]
    assert [one["inject"] for one in told] == ["attention", "adagn", "attention"]
    assert [one["steps"] for one in told] == [2, 2, 0]
    assert {one["autoencoder"] for one in told} == {"autoencoder"}
    assert {"factor_vae", "dci_disentanglement", "mig", "factor_vae_all_units"} <= set(untrained.scores)
    assert set(full.scores) - set(untrained.scores) == {"noise_error", "noise_error_wrong_code"}
    assert set(twin.scores) == set(full.scores)
    assert str(tmp_path) not in json.dumps([dict(row.provenance) for row in measured])
    scored: list[object] = []
    evaluate = card.evaluate
    monkeypatch.setattr(card, "evaluate", lambda latents, asked: scored.append(asked) or evaluate(latents, asked))
    assert list(card.measured(tmp_path, images, [1], **TINY)) == measured
    assert scored == [], "what was measured is not measured again"
    monkeypatch.setattr(card, "METRICS", ("mig",))
    assert "dci_disentanglement" not in next(card.measured(tmp_path, images, [1], **TINY)).scores, "unless otherwise"


def test_it_runs_in_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = list(card.measured(Path("card"), tiny_images(), [1], **TINY))
    assert len(rows) == 3
    assert list(card.measured(Path("card"), tiny_images(), [1], **TINY)) == rows


def test_the_card_is_on_the_record_and_measures_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(card, "load", lambda name, **options: asked.update({name: options}) or "images")
    monkeypatch.setattr(card, "measured", lambda *given: iter([given]))
    ref = registry.methods()["encdiff"].card
    assert ref is not None
    rows = registry.resolve(ref)
    assert list(rows([3], tmp_path)) == [(tmp_path, "images", [3])]
    assert asked == {"shapes3d": {"size": 32, "sample": 10_000}}
