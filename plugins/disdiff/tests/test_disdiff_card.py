from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from distoolkit_disdiff import card

from distoolkit import registry
from distoolkit.testing import tiny_images

TINY: dict[str, Any] = {
    "first_stage": {**card.FIRST_STAGE, "steps": 2, "batch_size": 4},
    "below": {**card.BELOW, "width": 8, "multipliers": (1, 1), "attention": (), "steps": 2, "batch_size": 4},
    "settings": {**card.SETTINGS, "encoder_width": 8, "sampling_steps": 1, "steps": 2, "batch_size": 4},
    "judge_steps": 2,
}


def test_every_arm_is_measured_on_one_diffusion_model_and_not_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "SWAPPED", 24)
    images = tiny_images()
    state = torch.random.get_rng_state()
    measured = list(card.measured(tmp_path, images, [1], **TINY))
    assert torch.equal(torch.random.get_rng_state(), state), "an untrained arm draws no random numbers of others"
    assert [(row.seed, row.arm) for row in measured] == [(1, arm) for arm in card.ARMS]
    full, twin, untrained = measured[:3]
    told = [row.provenance["config"] for row in (full, twin, untrained)]
    assert [one["dis_weight"] for one in told] == [card.SETTINGS["dis_weight"], 0.0, card.SETTINGS["dis_weight"]]
    assert [one["steps"] for one in told] == [2, 2, 0]
    assert {one["pretrained"] for one in told} == {str(tmp_path / "ddpm")}
    assert {"factor_vae", "dci_disentanglement", "mig", "factor_vae_all_units"} <= set(untrained.scores)
    swaps = {f"swap_{what}{end}" for what in ("best", "mean", "faithful") for end in card.STRENGTHS}
    assert set(full.scores) - set(untrained.scores) == swaps | {"judge"}
    monkeypatch.setattr(card, "evaluate", None)  # what was measured is not measured again
    assert list(card.measured(tmp_path, images, [1], **TINY)) == measured


def test_the_card_is_on_the_record_and_measures_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(card, "load", lambda name, **options: asked.update({name: options}) or "images")
    monkeypatch.setattr(card, "measured", lambda *given: iter([given]))
    ref = registry.methods()["disdiff"].card
    assert ref is not None
    rows = registry.resolve(ref)
    assert list(rows([3], tmp_path)) == [(tmp_path, "images", [3])]
    assert asked == {"shapes3d": {"size": 32, "sample": 10_000}}
