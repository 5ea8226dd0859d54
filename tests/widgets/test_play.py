"""The playground, by its traits: which scores are new, which wait for the slider to rest, and what is said of them."""

from __future__ import annotations

import asyncio
import base64
import io
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import distoolkit as dt
from distoolkit.contract import ConfigError, DataError, UnknownNameError
from distoolkit.testing import known_code
from distoolkit.widgets import Playground, play, playground, spoil

METRICS = {"mig": {}, "modularity": {"bins": 10}, "sap_regression": {}}


@pytest.fixture
def latents() -> xr.Dataset:
    return known_code("perfect", "small", 300)


@pytest.fixture
def ground(latents: xr.Dataset) -> Playground:
    return playground(latents, METRICS)


def expected(latents: xr.Dataset, **damage: Any) -> dict[str, float]:
    found = dt.evaluate(spoil(latents, **damage), METRICS)
    return dict(zip(found["metric"].values.tolist(), found["score"].values.tolist(), strict=True))


def test_it_starts_with_the_scores_of_the_code_beside_those_of_the_perfect_one(latents: xr.Dataset) -> None:
    noisy = spoil(latents, noise=0.5)
    ground = playground(noisy, METRICS, rotation=30)
    assert ground.scores == expected(noisy, rotation=30)
    assert ground.perfect == pytest.approx(expected(latents), abs=1e-6)
    assert ground.waiting == []
    assert repr(ground) == "<Playground of 3 scores: rotation 30>"


def test_a_slider_changes_the_code_the_scores_and_the_picture(ground: Playground, latents: xr.Dataset) -> None:
    before, seen = ground.picture.value, []
    ground.observe(lambda change: seen.append(change["new"]["rotation"]), "damage")
    ground.sliders["rotation"].value = 45
    assert seen == [45]
    np.testing.assert_array_equal(ground.latents["code"], spoil(latents, rotation=45)["code"])
    assert ground.scores == expected(latents, rotation=45)
    assert ground.picture.value != before
    ground.sliders["copies"].value = 2
    assert ground.scores == expected(latents, rotation=45, copies=2)
    ground.reset.click()
    assert ground.scores == pytest.approx(ground.perfect)
    assert ground.picture.value == before
    assert repr(ground) == "<Playground of 3 scores: nothing changed>"


def test_what_takes_long_waits_until_the_slider_rests(
    ground: Playground, latents: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "REST", 0.3)
    old, new = expected(latents), expected(latents, rotation=45)

    async def drag() -> None:
        for angle in (15, 30, 45):
            ground._seconds = {"mig": 0.0, "modularity": 0.0, "sap_regression": 1.0}
            ground.sliders["rotation"].value = angle
            await asyncio.sleep(0.01)
        assert ground.waiting == ["sap_regression"]
        assert ground.scores["mig"] == new["mig"]
        assert ground.scores["sap_regression"] == pytest.approx(old["sap_regression"])
        assert "Waiting for the slider to rest: sap_regression." in ground.summary.value
        hollow = ground.picture.value
        for _ in range(100):
            await asyncio.sleep(0.1)
            if not ground.waiting:
                break
        assert ground.scores == new
        assert ground.picture.value != hollow
        assert "Waiting" not in ground.summary.value

    asyncio.run(drag())


def test_all_sliders_can_be_set_at_once(ground: Playground, latents: xr.Dataset) -> None:
    seen: list[Any] = []
    ground.observe(lambda change: seen.append(change["new"]), "damage")
    ground.set(rotation=30, copies=2)
    ground.set(noise=1)
    assert [(d["rotation"], d["copies"], d["noise"]) for d in seen] == [(30, 2, 0), (0, 0, 1)]
    assert ground.scores == expected(latents, noise=1.0)
    with pytest.raises(UnknownNameError, match="'noise'"):
        ground.set(noises=1)
    assert ground.sliders["noise"].value == 1


def test_settle_does_not_wait(ground: Playground, latents: xr.Dataset) -> None:
    async def move() -> None:
        ground._seconds = dict.fromkeys(METRICS, 1.0)
        ground.sliders["noise"].value = 1.0
        assert ground.waiting == list(METRICS)
        ground.settle()
        assert ground.scores == expected(latents, noise=1.0)
        assert ground._timer is None

    asyncio.run(move())


def test_the_cheapest_metrics_that_fit_into_the_budget_follow_the_slider(ground: Playground) -> None:
    budget = play.BUDGET
    ground._seconds = {"mig": 0.6 * budget, "modularity": 0.3 * budget, "sap_regression": 0.2 * budget}
    assert ground._quick() == ["sap_regression", "modularity"]


def test_it_says_which_scores_notice(ground: Playground) -> None:
    ground.sliders["copies"].value = 4
    assert ground.scores["mig"] == 0
    assert ground.told() == (
        "Like the perfect code: modularity. "
        "Not like it (in brackets: the perfect code): "  # what fell most comes first
        f"sap_regression 0.00 ({ground.perfect['sap_regression']:.2f}), mig 0.00 ({ground.perfect['mig']:.2f})."
    )
    assert "mig 0.00" in ground.summary.value
    assert 'role="status"' in ground.summary.value


def test_a_code_of_nothing_has_no_scores(ground: Playground) -> None:
    ground.sliders["off"].value = 4
    assert all(math.isnan(value) for value in ground.scores.values())
    assert "Cannot be computed: mig, modularity, sap_regression." in ground.told()
    ground.sliders["off"].value = 3
    assert not any(math.isnan(value) for value in ground.scores.values())


def test_scores_that_need_no_factors_have_nothing_to_be_compared_with(latents: xr.Dataset) -> None:
    ground = playground(latents, ["dependence"], copies=1)
    assert ground.scores["total_correlation"] > 10
    assert math.isnan(ground.perfect["total_correlation"])
    assert ground.told() == "Like the perfect code: no score."


def test_it_has_a_still_picture_for_a_reader_without_a_kernel(ground: Playground) -> None:
    ground.sliders["rotation"].value = 30
    bundle = ground._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    still = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    np.testing.assert_array_equal(np.asarray(still), np.asarray(ground.still()))
    assert bundle["text/plain"] == "<Playground of 3 scores: rotation 30>"


def test_without_latents_it_plays_with_the_perfect_code_of_shapes3d() -> None:
    ground = playground(metrics="mig")
    assert ground.latents.sizes == {"sample": 1500, "latent": 6, "factor": 6}
    assert ground.scores == ground.perfect
    assert set(play.METRICS) <= set(dt.metrics())


def test_sliders_go_as_far_as_the_code_does(ground: Playground) -> None:
    assert ground.sliders["off"].max == ground.sliders["copies"].max == 4
    assert all(slider.description and slider.tooltip for slider in ground.sliders.values())
    assert not ground.picture.tooltip  # ipywidgets 8.1.9 shows an error in place of an Image that has one


def test_what_cannot_be_played_with_is_refused(latents: xr.Dataset) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mig'"):
        playground(latents, ["migg"])
    with pytest.raises(UnknownNameError, match="no setting of mig 'bin'"):
        playground(latents, {"mig": {"bin": 3}})
    with pytest.raises(DataError, match="reconstruction needs more than a code"):
        playground(latents, ["reconstruction"])
    with pytest.raises(DataError, match="these latents have none"):
        playground(dt.as_latents(np.eye(3)))
    with pytest.raises(ConfigError, match="rotation = 100"):
        playground(latents, METRICS, rotation=100.0)
    with pytest.raises(DataError, match="no metric was named"):
        playground(latents, [])
