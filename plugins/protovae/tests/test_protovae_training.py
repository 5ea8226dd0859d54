"""What reaches what, the schedule, and two toys in which the answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews as hv
import pytest
import torch
from distoolkit_protovae import METHOD, Config, prototypes
from distoolkit_protovae.card import _figures as figures
from distoolkit_protovae.episodes import draw
from distoolkit_protovae.model import PairEmbedding, build
from distoolkit_protovae.pictures import episode, plane, query_accuracies, query_accuracy
from distoolkit_protovae.training import play, weight_at

import distoolkit as dt
from distoolkit.config import configure
from distoolkit.contract import ConfigError, DataError, ImageSpec
from distoolkit.nn import kl_standard_normal
from distoolkit.testing import check_devices, check_method, tiny_images
from distoolkit.training import start

SPEC = ImageSpec(1, 16, 16)


def settings(**changes: Any) -> Config:
    return configure(type(METHOD.quick), **{**vars(METHOD.quick), **changes})


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)


@pytest.mark.parametrize(
    "changes",
    [{"value": "prior", "reaches": "decoder", "pooling": "flat"}, {"value": "swap", "pair": "abs_diff"}],
)
def test_every_choice_stays_on_the_device(changes: dict[str, Any]) -> None:
    check_devices(METHOD, steps=12, **changes)


@pytest.mark.parametrize(("reaches", "reached"), [("encoder", "EGP"), ("decoder", "GP"), ("nothing", "P")])
def test_the_gradient_reaches_what_it_is_meant_to(reaches: str, reached: str) -> None:
    torch.manual_seed(0)
    config = settings(reaches=reaches, class_pool="all")
    model = build(config, SPEC)
    image = torch.rand(8, 1, 16, 16)
    mean, _ = model.vae.moments(image)
    logits = model.vae.logits(mean)
    scores, drawn = play(model, mean, logits, torch.ones(4, dtype=torch.bool), config, torch.Generator().manual_seed(0))
    prototypes.loss(scores, drawn.valid).backward()
    parts = {"E": model.vae.encoder, "G": model.vae.decoder, "P": model.embed}
    moved = {
        name: any(p.grad is not None and p.grad.abs().sum() > 0 for p in m.parameters()) for name, m in parts.items()
    }
    assert "".join(name for name, yes in moved.items() if yes) == reached


def forced_idle(idle: list[int], batch: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes (batch, 4) and which of the latents are active; the posterior of the idle ones is the prior."""
    mean, logvar = torch.randn(batch, 4, generator=torch.Generator().manual_seed(0)), torch.full((batch, 4), -2.0)
    mean[:, idle] = 0
    logvar[:, idle] = 0
    return mean, kl_standard_normal(mean, logvar).mean(0) > 0.05


@pytest.mark.parametrize(("class_pool", "playing"), [("active", {1, 2, 3}), ("all", {0, 1, 2, 3})])
def test_an_idle_latent_plays_only_where_all_do(class_pool: str, playing: set[int]) -> None:
    torch.manual_seed(0)
    config = settings(class_pool=class_pool, ways=3)
    model = build(config, SPEC)
    code, active = forced_idle([0])
    assert active.tolist() == [False, True, True, True]
    drawn = [
        play(model, code, model.vae.logits(code), active, config, torch.Generator().manual_seed(seed))[1]
        for seed in range(12)
    ]
    assert {int(latent) for episode in drawn for latent in episode.latents} == playing
    assert all(bool(episode.valid.all()) for episode in drawn)


def test_one_active_latent_alone_is_not_played_with() -> None:
    torch.manual_seed(0)
    config = settings()
    model = build(config, SPEC)
    code, active = forced_idle([0, 1, 3])
    scores, drawn = play(model, code, model.vae.logits(code), active, config, torch.Generator().manual_seed(0))
    assert drawn.latents[drawn.valid].tolist() == [2]
    loss = prototypes.loss(scores, drawn.valid)
    loss.backward()
    assert loss.item() == 0.0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


@pytest.mark.parametrize(("reaches", "decoded"), [("encoder", [8, 16]), ("decoder", [8, 8, 16]), ("nothing", [8, 16])])
def test_the_codes_of_a_batch_are_decoded_once(reaches: str, decoded: list[int], tmp_path: Path) -> None:
    """And once more where the gradient stops at the codes: the first time carries it into the encoder."""
    changes = {"steps": 1, "warmup": 0.0, "ramp": 0.0, "batch_size": 8, "reaches": reaches}
    session = start(METHOD, tiny_images(), quick=True, folder=tmp_path / "run", device="cpu", **changes)
    sizes = []
    session.model.vae.decoder.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    next(session)
    assert sizes == decoded


def weights(tmp_path: Path, name: str, **changes: Any) -> dict[str, torch.Tensor]:
    run = dt.fit(
        METHOD, tiny_images(), quick=True, steps=20, folder=tmp_path / name, progress=False, device="cpu", **changes
    )
    return {key: value for key, value in run.model().state_dict().items() if key.startswith("vae.")}


def test_without_episodes_it_is_the_plain_vae_bit_for_bit(tmp_path: Path) -> None:
    plain = weights(tmp_path, "none", prototype_weight=0.0)
    for name, changes in {"warm": {"warmup": 1.0}, "onlooker": {"reaches": "nothing", "warmup": 0.0}}.items():
        for key, value in weights(tmp_path, name, **changes).items():
            assert torch.equal(value, plain[key]), (name, key)
    taught = weights(tmp_path, "taught", warmup=0.0)
    assert any(not torch.equal(value, plain[key]) for key, value in taught.items())


def test_the_plain_vae_is_that_of_an_independent_loop(tmp_path: Path) -> None:
    vae = dt.fit(
        "vae",
        tiny_images(),
        steps=20,
        latents=4,
        batch_size=16,
        width=8,
        folder=tmp_path / "v",
        progress=False,
        device="cpu",
    )
    for key, value in weights(tmp_path, "none", prototype_weight=0.0).items():
        assert torch.equal(value, vae.model().state_dict()[key.removeprefix("vae.")]), key


def test_the_weight_rises_after_the_warm_up() -> None:
    config = settings(steps=100, warmup=0.2, ramp=0.1, prototype_weight=10.0)
    assert [weight_at(step, config) for step in (0, 19, 20, 24, 29, 30, 99)] == pytest.approx([0, 0, 1, 5, 10, 10, 10])
    assert weight_at(0, settings(warmup=0.0, ramp=0.0, prototype_weight=10.0)) == 10.0
    assert weight_at(99, settings(steps=100, warmup=1.0, ramp=0.0)) == 0.0


@pytest.mark.parametrize("kill", [5, 10, 13])
def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(kill: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"quick": True, "steps": 20, "warmup": 0.4, "ramp": 0.3, "device": "cpu"}
    whole = dt.fit(METHOD, tiny_images(), folder=tmp_path / "whole", progress=False, **options)
    session = start(METHOD, tiny_images(), folder=tmp_path / "broken", checkpoint_every=1, **options)
    for progress in session:
        if progress.step == kill:
            session.stop()
    session.finish()
    again = dt.fit(METHOD, tiny_images(), folder=tmp_path / "broken", resume=True, progress=False, device="cpu")
    for key, value in whole.model().state_dict().items():
        assert torch.equal(again.model().state_dict()[key], value), key


def test_settings_that_are_not_offered_are_refused() -> None:
    with pytest.raises(ConfigError, match="pair = 'difference' is not allowed"):
        settings(pair="difference")


@pytest.mark.parametrize("value", ["local", "prior", "swap"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_episodes_are_played_in_each_precision(precision: str, value: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"quick": True, "steps": 4, "warmup": 0.0, "ramp": 0.0, "log_every": 1, "value": value}
    run = dt.fit(
        METHOD, tiny_images(), folder=tmp_path / "run", progress=False, device="cpu", precision=precision, **options
    )
    assert (run.history["ways"] >= 2).all()
    assert (run.history["prototype_loss"] > 0).all()


# -- toys: each latent drives the brightness of a place of its own


def patches(code: torch.Tensor, effects: torch.Tensor) -> torch.Tensor:
    """Draw codes (..., latent): place k of a 4x4 grid is as bright as the sum of what the latents do to it."""
    light = torch.sigmoid(code @ effects)  # (pair, place)
    return torch.nn.functional.interpolate(light.view(-1, 1, 4, 4), scale_factor=4, mode="nearest")


def learn(effects: torch.Tensor, pair: str, steps: int) -> torch.Tensor:
    """Train an embedding on a decoder that never changes; return the accuracy of each latent."""
    torch.manual_seed(0)
    latents = len(effects)
    embed = PairEmbedding(SPEC, 16, width=8, pair=pair, pooling="flat")
    adam = torch.optim.Adam(embed.parameters(), lr=2e-3)
    found = torch.zeros(latents)
    for step in range(steps):
        code = torch.randn(32, latents)
        generator = torch.Generator().manual_seed(step)
        drawn = draw(
            code, torch.ones(latents, dtype=torch.bool), ways=latents, pairs=8, value="prior", gap=0.5, reach=1.0,
            generator=generator,
        )  # fmt: skip
        before = patches(code[drawn.rows].flatten(0, 1), effects)
        scores = prototypes.logits(embed(before, patches(drawn.codes.flatten(0, 1), effects)).view(latents, 8, -1), 4)
        prototypes.loss(scores, drawn.valid).backward()
        adam.step()
        adam.zero_grad()
        if step >= steps - 30:
            found[drawn.latents] += prototypes.accuracy(scores.detach(), drawn.valid) / 30
    return found


def effects(latents: int = 6) -> torch.Tensor:
    return 2 * torch.eye(latents, 16)


@pytest.mark.parametrize(("pair", "least"), [("concat", 0.95), ("abs_diff", 0.9)])
def test_latents_with_effects_of_their_own_are_recognised(pair: str, least: float) -> None:
    """After 300 steps ``abs_diff`` depends on its start, and 500 bring little more: .88 to .94, and .87 to .96."""
    assert learn(effects(), pair, 300).mean() > least


def test_plain_differences_are_not_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised and lowered, a latent gives opposite differences whose mean is near zero: why they are not offered."""

    def difference(self: Any, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        return self.layers(after) - self.layers(before)

    monkeypatch.setattr(PairEmbedding, "forward", difference)
    assert learn(effects(), "abs_diff", 300).mean() < 0.6


def test_two_idle_latents_are_taken_for_each_other() -> None:
    idle = effects()
    idle[:2] = 0
    accuracy = learn(idle, "concat", 300)
    assert float(accuracy[:2].mean()) == pytest.approx(0.5, abs=0.15)
    assert (accuracy[2:] > 0.9).all()


def test_two_latents_with_the_same_effect_are_taken_for_each_other() -> None:
    same = effects()
    same[1] = same[0]
    accuracy = learn(same, "concat", 400)
    assert accuracy[:2].mean() < 0.75
    assert (accuracy[2:] > 0.9).all()


def test_one_idle_latent_is_recognised_as_well() -> None:
    """Nothing changes: that, too, is an effect of one's own. So a single idle latent costs nothing."""
    idle = effects()
    idle[0] = 0
    assert (learn(idle, "concat", 150) > 0.9).all()


def test_the_embedding_of_the_defaults_learns_kinds_of_change() -> None:
    """Three latents drive three colours of whole pictures; the place of a change plays no part."""
    torch.manual_seed(0)
    c = Config()
    spec, everything = ImageSpec(3, 16, 16), torch.ones(3, dtype=torch.bool)
    embed = PairEmbedding(spec, c.embedding, width=c.embedding_width, pair=c.pair, pooling=c.pooling)
    adam = torch.optim.Adam(embed.parameters(), lr=c.lr)
    right = torch.zeros(())
    for step in range(150):
        code = torch.randn(32, 3)
        drawn = draw(
            code, everything, ways=3, pairs=8, value=c.value, gap=c.gap, reach=c.reach,
            generator=torch.Generator().manual_seed(step),
        )  # fmt: skip
        before, after = (
            torch.sigmoid(z.flatten(0, 1))[:, :, None, None].expand(-1, -1, 16, 16)
            for z in (code[drawn.rows], drawn.codes)
        )
        scores = prototypes.logits(embed(before, after).view(3, 8, -1), 4)
        adam.zero_grad()
        prototypes.loss(scores, everything).backward()
        adam.step()
        if step >= 120:
            right += prototypes.accuracy(scores.detach(), everything).mean() / 30
    assert right > 0.9


# -- pictures


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dt.Run:
    folder = tmp_path_factory.mktemp("proto") / "run"
    return dt.fit(METHOD, tiny_images(), quick=True, folder=folder, progress=False, device="cpu", active_kl=0.0)


def test_the_history_tells_how_the_game_goes(run: dt.Run) -> None:
    history = run.history
    assert {"prototype_loss", "query_accuracy", "ways"} <= set(history.data_vars)
    assert 0 <= float(history["query_accuracy"][-1]) <= 1


def test_accuracies_are_those_of_the_latents_and_come_again(run: dt.Run) -> None:
    accuracy = query_accuracies(run, tiny_images(), episodes=5)
    assert accuracy["unit"].values.tolist() == ["z0", "z1", "z2", "z3"]
    assert ((accuracy >= 0) & (accuracy <= 1)).all()
    assert accuracy.equals(query_accuracies(run, tiny_images(), episodes=5))
    assert len(query_accuracy(run, tiny_images())) == 4


def test_with_fewer_than_two_active_latents_nothing_is_played(tmp_path: Path) -> None:
    settings = {"quick": True, "steps": 10, "active_kl": 9.0, "log_every": 1}
    idle = dt.fit(METHOD, tiny_images(), folder=tmp_path / "run", progress=False, device="cpu", **settings)
    assert idle.history["ways"].dropna("step").values.tolist() == [0.0] * 8
    assert idle.history["query_accuracy"].dropna("step").values.tolist() == [0.0] * 8
    assert bool(query_accuracies(idle, tiny_images()).isnull().all())
    assert len(query_accuracy(idle, tiny_images())) == 0
    assert figures(idle, tiny_images(), tiny_images()) == {"active_latents": 0.0}
    with pytest.raises(DataError, match=r"0 latents of .* carry more than active_kl = 9.0 nats.*train for more steps"):
        episode(idle, tiny_images())


def test_an_episode_shows_a_pair_and_its_chances_for_each_latent(run: dt.Run) -> None:
    layout = list(episode(run, tiny_images()))[:-1]
    assert len(layout) == 8
    bars = [element for element in layout if type(element).__name__ == "Overlay"]
    chances = [sum(part.dimension_values("chance").sum() for part in both) for both in bars]
    assert [float(chance) for chance in chances] == pytest.approx([1.0] * 4, abs=1e-4)
    for pair, (_, true) in zip(layout[::2], bars, strict=True):
        changed = hv.Store.lookup_options("bokeh", pair, "plot").kwargs["title"].split()[0]
        assert [name for name, chance in true.data.itertuples(index=False) if chance] == [changed]


def test_an_episode_shows_its_queries_and_prototypes(run: dt.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a plane nothing is lost to the projection: a cross lies in the middle of what was embedded as its support."""
    seen = []

    def flat(self: Any, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        seen.append(torch.stack([before.flatten(1).mean(1), after.flatten(1).mean(1)], dim=1))
        return seen[-1]

    monkeypatch.setattr(PairEmbedding, "forward", flat)
    queries, crosses, names = list(episode(run, tiny_images()))[-1]
    embedded = seen[-1].view(4, 4, 2)
    latents = [str(name) for name in crosses["latent"]]
    assert sorted(latents) == ["z0", "z1", "z2", "z3"] == sorted(set(queries["latent"]))
    assert queries["latent"].tolist() == [name for name in latents for _ in range(2)]
    assert names["latent"].tolist() == latents
    between = torch.cdist(embedded[:, 2:].flatten(0, 1), embedded[:, :2].mean(1))
    drawn = torch.cdist(torch.from_numpy(queries.array([0, 1])), torch.from_numpy(crosses.array([0, 1])))
    torch.testing.assert_close(drawn.float(), between, rtol=1e-3, atol=1e-5)


def test_the_plane_is_that_of_most_variance_whatever_the_order() -> None:
    embedded = torch.randn(5, 6, 7, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 4, 1, 1, 1, 1, 1])
    queries, means = embedded[:, 2:], prototypes.means(embedded, 2)
    dots, crosses, shares = plane(queries, means)
    spread = torch.linalg.eigvalsh(torch.cat([queries.flatten(0, 1), means]).T.cov()).flip(0)
    torch.testing.assert_close(shares, spread[:2] / spread.sum())
    assert shares.sum() > 0.9
    turned = [4, 2, 0, 1, 3]
    again = plane(queries[turned], means[turned])
    torch.testing.assert_close(again[0], dots[turned], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(again[1], crosses[turned], rtol=1e-3, atol=1e-4)
