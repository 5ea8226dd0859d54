"""The episode viewer of a session that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distoolkit_protovae import live as live_module
from distoolkit_protovae.live import live_episodes

import distoolkit as dt
from distoolkit.testing import tiny_images
from distoolkit.training import start

SETTINGS: dict[str, Any] = {"steps": 30, "warmup": 0.0, "ramp": 0.0, "active_kl": 0.0}


def test_it_shows_each_latent_and_changes_nothing_in_the_training(tmp_path: Path) -> None:
    images = tiny_images()
    options: dict[str, Any] = {"quick": True, "seed": 3, "device": "cpu", **SETTINGS}
    alone = dt.fit("proto_vae", images, folder=tmp_path / "alone", progress=False, **options)
    session = start("proto_vae", images, folder=tmp_path / "watched", **options)
    live = live_episodes(session, images, every=10)
    seen = []
    for _ in live.watch(session):
        if live.step and live.step not in seen:
            seen.append(live.step)
    assert seen == [10, 20, 30]
    shown = dict(live.rows)
    latents = session.run.config.latents
    assert list(shown) == ["before", "after", "recognised"]
    assert {pictures.shape for pictures in shown.values()} == {(latents, 16, 16, 3)}
    assert (shown["before"] != shown["after"]).any()
    watched = session.finish().model().state_dict()
    assert all(torch.equal(tensor, watched[name]) for name, tensor in alone.model().state_dict().items())


def test_the_bar_is_as_high_as_the_share_that_is_recognised(tmp_path: Path) -> None:
    images = tiny_images()
    session = start("proto_vae", images, folder=tmp_path / "run", quick=True, device="cpu", **SETTINGS)
    live = live_episodes(session, images, every=30)
    for _ in live.watch(session):
        pass
    middle = dict(live.rows)["recognised"][:, :, 8]
    heights = (middle == (213, 94, 0)).all(-1).sum(1) / 16
    told = [int(part.split()[1]) / 100 for part in live.label.value.split("recognised ")[1].split(", ")]
    np.testing.assert_allclose(heights, told, atol=0.04)


@pytest.mark.parametrize("active", [0, 1])
def test_with_fewer_than_two_active_latents_it_says_so(
    active: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def codes(model: Any, images: Any, config: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(8, config.latents), torch.arange(config.latents) < active

    monkeypatch.setattr(live_module, "codes", codes)
    images = tiny_images()
    session = start("proto_vae", images, folder=tmp_path / "run", quick=True, device="cpu", **{**SETTINGS, "steps": 5})
    live = live_episodes(session, images, every=5)
    for _ in live.watch(session):
        pass
    assert list(live.rows) == []
    assert live.label.value.endswith("fewer than two latents carry 0.0 nats yet: nothing to tell apart")
