from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from distoolkit_disdiff import card

from distoolkit import registry
from distoolkit.runs import Run
from distoolkit.testing import tiny_images

from .disdiff_cases import shaken_model

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
    assert {(one["pretrained"], one["autoencoder"]) for one in told} == {("ddpm", "")}, "and no folder of this machine"
    assert {"factor_vae", "dci_disentanglement", "mig", "factor_vae_all_units"} <= set(untrained.scores)
    swaps = {f"swap_{what}{end}" for what in ("best", "mean", "faithful") for end in card.WALKS}
    assert set(full.scores) - set(untrained.scores) == swaps | {"judge"}
    scored: list[Any] = []
    evaluate = card.evaluate
    monkeypatch.setattr(card, "evaluate", lambda latents, asked: scored.append(asked) or evaluate(latents, asked))
    assert list(card.measured(tmp_path, images, [1], **TINY)) == measured
    assert scored == [], "what was measured is not measured again"
    monkeypatch.setattr(card, "WALKS", {"": (False, 1.0)})
    again = list(card.measured(tmp_path, images, [1], **TINY))
    assert {name for name in again[0].scores if name.startswith("swap_best")} == {"swap_best"}, "unless otherwise"


def test_swaps_are_drawn_from_one_noise_or_as_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the card for the picture of each image with unit 1 of another, on each of its walks."""
    images, model = tiny_images(), shaken_model()
    drawn: list[torch.Tensor] = []

    def swap_one_unit(draw: Any, code: torch.Tensor, chosen: Any, judge: Any) -> Any:
        mixed = code.clone()
        mixed[:, 1] = code[:, 1].roll(2, 0)
        drawn.append(torch.cat([draw(mixed[rows], rows) for rows in torch.arange(len(code)).split(3)]))
        return SimpleNamespace(matched=lambda: {"a": (0, 0.25), "b": (1, 0.75)}, faithful=lambda: 0.5)

    monkeypatch.setattr(card, "SWAPPED", 6)
    monkeypatch.setattr(card, "train_judge", lambda images, steps: None)
    monkeypatch.setattr(card, "judged_rightly", lambda judge, chosen: np.ones(2))
    monkeypatch.setattr(card, "swap_units", swap_one_unit)
    with torch.inference_mode():
        found = card.swapped(cast(Run, SimpleNamespace(model=lambda: model)), images, 2)
        target = torch.from_numpy(images["image"].values[:6]).permute(0, 3, 1, 2) / 255
        source = target.roll(2, 0)
        mixed = model.by_unit(model.encode(target)).clone()
        mixed[:, 1] = model.by_unit(model.encode(source))[:, 1]
        expected = [
            model.decode(mixed.flatten(1)),
            model.swap(target, source, [1]),
            model.swap(target, source, [1], strength=2.0),
        ]
    for one, by_hand in zip(drawn, expected, strict=True):
        torch.testing.assert_close(one, by_hand, rtol=0, atol=1e-4)
    assert float((expected[1] - expected[2]).abs().max()) > 1e-3
    assert (found["swap_best"], found["swap_mean_inverted"], found["swap_faithful_inverted_twice"]) == (0.75, 0.5, 0.5)


def test_the_card_is_on_the_record_and_measures_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(card, "load", lambda name, **options: asked.update({name: options}) or "images")
    monkeypatch.setattr(card, "measured", lambda *given: iter([given]))
    ref = registry.methods()["disdiff"].card
    assert ref is not None
    rows = registry.resolve(ref)
    assert list(rows([3], tmp_path)) == [(tmp_path, "images", [3])]
    assert asked == {"shapes3d": {"size": 32, "sample": 10_000}}
