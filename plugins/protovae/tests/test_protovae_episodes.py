"""Episodes and prototypes against hand-made cases and an independent cross-entropy."""

from __future__ import annotations

import math

import pytest
import torch
from distoolkit_protovae import prototypes
from distoolkit_protovae.episodes import draw, guard


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes(batch: int = 40, latents: int = 6, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, latents, generator=generator(seed))


def an_episode(code: torch.Tensor, active: torch.Tensor | None = None, **changes: object):
    settings = {"ways": 5, "pairs": 8, "value": "prior", "gap": 0.5, "reach": 1.0, **changes}
    active = torch.ones(code.shape[1], dtype=torch.bool) if active is None else active
    return draw(code, active, generator=generator(3), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["prior", "swap", "local"])
def test_one_latent_changes_by_the_gap_at_least_and_the_codes_are_left_alone(value: str) -> None:
    code = codes()
    before = code.clone()
    episode = an_episode(code, value=value)
    change = episode.codes - code[episode.rows]
    for way, latent in enumerate(episode.latents.tolist()):
        others = [k for k in range(6) if k != latent]
        assert (change[way][:, others] == 0).all()
        assert (change[way][:, latent].abs() >= 0.5 - 1e-6).all()
    assert torch.equal(code, before)


def test_local_values_go_both_ways_and_no_further_than_asked() -> None:
    code = codes(400)
    change = (an_episode(code, value="local", pairs=300).codes - code[an_episode(code, pairs=300).rows]).abs().amax(2)
    assert change.max() <= 1.5
    assert change.mean() == pytest.approx(1.0, abs=0.03)


def test_swapped_values_are_those_of_the_batch() -> None:
    code = codes()
    episode = an_episode(code, value="swap")
    for way, latent in enumerate(episode.latents.tolist()):
        assert torch.isin(episode.codes[way, :, latent], code[:, latent]).all()


def test_where_no_value_is_far_enough_the_change_is_the_gap() -> None:
    code = torch.zeros(10, 3)
    episode = an_episode(code, value="swap", ways=3)
    assert torch.equal(episode.codes.abs().amax(2), torch.full((3, 8), 0.5))


@pytest.mark.parametrize("value", ["prior", "swap", "local"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_changed_codes_and_guarded_pictures_keep_their_type(dtype: torch.dtype, value: str) -> None:
    code = codes().to(dtype)
    assert an_episode(code, value=value).codes.dtype == dtype
    picture = torch.rand(2, 1, 8, 8, dtype=dtype)
    assert guard(picture, 0.05, torch.tensor([True, False]), generator()).dtype == dtype


def test_each_way_has_its_own_latent_and_no_image_twice() -> None:
    episode = an_episode(codes(batch=8))
    assert len(set(episode.latents.tolist())) == 5
    for rows in episode.rows.tolist():
        assert sorted(rows) == list(range(8))


def test_a_small_batch_repeats_images() -> None:
    assert an_episode(codes(batch=3), pairs=8).rows.max() == 2


def test_idle_latents_take_part_only_where_active_ones_are_too_few() -> None:
    active = torch.tensor([True, False, True, True, False, False])
    for seed in range(20):
        episode = draw(codes(), active, ways=3, pairs=4, value="prior", gap=0.5, reach=1.0, generator=generator(seed))
        assert sorted(episode.latents.tolist()) == [0, 2, 3]
        assert episode.valid.all()
    episode = an_episode(codes(), active, ways=5)
    assert sorted(episode.latents[episode.valid].tolist()) == [0, 2, 3]
    assert int(episode.valid.sum()) == 3


# -- prototypes


def embedded(ways: int = 4, pairs: int = 6, size: int = 5) -> torch.Tensor:
    return torch.randn(ways, pairs, size, generator=generator(5))


def loss_of(vectors: torch.Tensor, support: int = 3, valid: torch.Tensor | None = None) -> float:
    valid = torch.ones(len(vectors), dtype=torch.bool) if valid is None else valid
    return float(prototypes.loss(prototypes.logits(vectors, support), valid))


def test_equal_embeddings_leave_chance() -> None:
    assert loss_of(torch.ones(4, 6, 5)) == pytest.approx(math.log(4), abs=1e-6)


def test_the_loss_is_the_cross_entropy_on_squared_distances() -> None:
    vectors = embedded()
    total = 0.0
    for way in range(4):
        for query in vectors[way, 3:]:
            distances = [float(((query - vectors[k, :3].mean(0)) ** 2).sum()) for k in range(4)]
            total += distances[way] + math.log(sum(math.exp(-d) for d in distances))
    assert loss_of(vectors) == pytest.approx(total / 12, rel=1e-6)


def test_distances_of_half_precision_keep_their_digits() -> None:
    """Squared in bfloat16, with 8 bits, distances of neighbours would be the same."""
    vectors = embedded().bfloat16()
    torch.testing.assert_close(prototypes.logits(vectors, 3), prototypes.logits(vectors.float(), 3), rtol=0, atol=0)
    assert prototypes.logits(vectors.double(), 3).dtype == torch.float64


def test_clusters_far_apart_are_told_apart() -> None:
    vectors = 0.01 * embedded()
    for way in range(4):
        vectors[way, :, way] += 20
    assert loss_of(vectors) < 1e-6
    scores = prototypes.logits(vectors, 3)
    assert torch.equal(prototypes.accuracy(scores, torch.ones(4, dtype=torch.bool)), torch.ones(4))


def test_plain_differences_would_leave_chance() -> None:
    """Raised and lowered by turns, a latent's differences have the prototype 0: why the plain one is not offered."""
    difference = 9.0 * torch.eye(4)
    vectors = difference[:, None, :] * torch.tensor([1.0, -1.0] * 4)[:, None]
    assert loss_of(vectors, support=4) == pytest.approx(math.log(4), abs=1e-6)
    assert loss_of(vectors.abs(), support=4) < 1e-6


def test_order_of_the_support_and_names_of_the_ways_do_not_matter() -> None:
    vectors = embedded()
    shuffled = torch.cat([vectors[:, [2, 0, 1]], vectors[:, 3:]], dim=1)
    assert loss_of(shuffled) == pytest.approx(loss_of(vectors), rel=1e-6)
    assert loss_of(vectors[[3, 1, 0, 2]]) == pytest.approx(loss_of(vectors), rel=1e-6)


def test_a_common_shift_changes_nothing_and_a_scale_of_two_gives_four() -> None:
    vectors = embedded()
    scores = prototypes.logits(vectors, 3)
    torch.testing.assert_close(prototypes.logits(vectors + 7.0, 3), scores, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(prototypes.logits(2 * vectors, 3), 4 * scores)


def test_ways_that_take_no_part_are_as_good_as_absent() -> None:
    vectors = embedded()
    valid = torch.tensor([True, False, True, True])
    assert loss_of(vectors, valid=valid) == pytest.approx(loss_of(vectors[[0, 2, 3]]), rel=1e-6)
    accuracy = prototypes.accuracy(prototypes.logits(vectors, 3), valid)
    assert accuracy.isnan().tolist() == [False, True, False, False]


@pytest.mark.parametrize("count", [0, 1])
def test_with_fewer_than_two_ways_nothing_is_named_rightly(count: int) -> None:
    accuracy = prototypes.accuracy(prototypes.logits(embedded(), 3), torch.arange(4) < count)
    assert accuracy.isnan().all()


@pytest.mark.parametrize("count", [0, 1])
def test_with_fewer_than_two_ways_there_is_no_loss(count: int) -> None:
    vectors = embedded().requires_grad_()
    valid = torch.arange(4) < count
    value = prototypes.loss(prototypes.logits(vectors, 3), valid)
    value.backward()
    assert value.item() == 0.0
    assert torch.equal(vectors.grad, torch.zeros_like(vectors))


def test_the_guard_blurs_whole_pictures_and_adds_noise() -> None:
    picture = torch.zeros(2, 1, 8, 8)
    picture[:, :, 4, 4] = 9.0
    seen = guard(picture, 0.0, torch.tensor([True, False]), generator())
    assert seen[0, 0, 3:6, 3:6].flatten().tolist() == pytest.approx([1.0] * 9)
    assert torch.equal(seen[1], picture[1])
    noisy = guard(torch.zeros(50, 1, 16, 16), 0.05, torch.zeros(50, dtype=torch.bool), generator())
    assert float(noisy.std()) == pytest.approx(0.05, rel=0.05)
