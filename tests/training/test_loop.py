from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from distoolkit import schema
from distoolkit.contract import Report, TrainingError
from distoolkit.training import Loop, rehearse
from tests.training import toys


def look(images: xr.Dataset, trainer: Callable[[Any, Loop], Any], **options: Any) -> list[Report]:
    """Rehearse a trainer of two arguments and return its reports."""
    method = toys.method(trainer=lambda model, loop, config: trainer(model, loop))
    return list(rehearse(method, images, **options))


def order(images: xr.Dataset, stage: str = "a", steps: int = 24, size: int = 10, seed: int = 0) -> torch.Tensor:
    """Return the positions (step, batch) that a stage hands out."""
    found: list[torch.Tensor] = []

    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        for batch in loop.stage(stage, steps, size):
            found.append(batch["index"])
            yield {"x": 0.0}

    look(images, trainer, seed=seed)
    return torch.stack(found)


def test_an_epoch_takes_each_image_at_most_once(tiny_images: xr.Dataset) -> None:
    epochs = order(tiny_images).reshape(6, 40)  # 48 images give 4 whole batches of 10
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 40
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 6
    assert set(epochs.flatten().tolist()) == set(range(48)), "who sits out changes with the epoch"


def test_the_order_depends_on_seed_and_stage_alone(tiny_images: xr.Dataset) -> None:
    first = order(tiny_images)
    torch.manual_seed(99)
    assert torch.equal(order(tiny_images), first)
    assert not torch.equal(order(tiny_images, seed=1), first)
    assert not torch.equal(order(tiny_images, stage="b"), first)
    assert torch.equal(order(tiny_images, steps=5), first[:5])


def test_batches_are_floats_of_the_right_images(tiny_images: xr.Dataset) -> None:
    pixels = tiny_images["image"].values

    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        for batch in loop.stage("a", 3, 7):
            image, index = batch["image"], batch["index"]
            assert image.shape == (7, 1, 16, 16)
            assert image.dtype == torch.float32
            expected = pixels[index.numpy()].transpose(0, 3, 1, 2) / np.float32(255)
            assert np.array_equal(image.numpy(), expected)
            yield {"x": 0.0}

    assert len(look(tiny_images, trainer)) == 3


def test_colour_batches_are_channels_last_and_kernels_too() -> None:
    images = schema.as_images(np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8))

    def trainer(model: toys.Toy, loop: Loop) -> Iterator[Report]:
        critic = loop.module("critic", nn.Conv2d(3, 5, 3))
        for batch in loop.stage("a", 1):
            for tensor in (batch["image"], model.convolution.weight, critic.weight, critic(batch["image"])):
                assert tensor.is_contiguous(memory_format=torch.channels_last)
                assert not tensor.is_contiguous()
            yield {"x": 0.0}

    look(images, trainer)


def test_the_batch_size_is_that_of_the_config_unless_given(tiny_images: xr.Dataset) -> None:
    sizes: list[int] = []

    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        for name, size in (("a", None), ("b", 3)):
            for batch in loop.stage(name, 1, size):
                sizes.append(len(batch["image"]))
                yield {"x": 0.0}

    look(tiny_images, trainer, batch_size=13)
    assert sizes == [13, 3]


def test_chunks_give_every_image_once_in_order(tiny_images: xr.Dataset) -> None:
    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        chunks = list(loop.chunks(20))
        assert [len(c["image"]) for c in chunks] == [20, 20, 8]
        assert torch.cat([c["index"] for c in chunks]).tolist() == list(range(48))
        picked = loop.gather(torch.tensor([5, 5, 0]))
        assert torch.equal(picked["image"][1], torch.cat([c["image"] for c in chunks])[5])
        yield {"x": loop.step}

    assert look(tiny_images, trainer) == [{"x": 0}]


def test_steps_are_counted(tiny_images: xr.Dataset) -> None:
    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        for stage in ("a", "b"):
            for _ in loop.stage(stage, 2):
                assert loop.pending
                yield {"step": loop.step, "stage_step": loop.stage_step}

    assert look(tiny_images, trainer) == [{"step": s, "stage_step": t} for s, t in ((0, 0), (1, 1), (2, 0), (3, 1))]


# -- breaking the contract


def skips_a_report(model: Any, loop: Loop) -> Iterator[Report]:
    for k, _ in enumerate(loop.stage("a", 4)):
        if k % 2:
            yield {"x": 0.0}


def reports_twice(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in loop.stage("a", 4):
        yield {"x": 0.0}
        yield {"x": 0.0}


def forgets_the_last_report(model: Any, loop: Loop) -> Iterator[Report]:
    for batch in loop.stage("a", 4):
        if loop.stage_step < 3:
            yield {"x": batch["image"].mean()}


def reports_nothing(model: Any, loop: Loop) -> Iterator[Report]:
    yield from ()


def repeats_a_stage(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in range(2):
        for _ in loop.stage("a", 1):
            yield {"x": 0.0}


def wants_too_much(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in loop.stage("a", 1, 49):
        yield {"x": 0.0}


def wants_several_batches(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in loop.stage("a", 1, 7 * 8):
        yield {"x": 0.0}


def repeats_a_module(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in range(2):
        loop.module("critic", nn.Linear(1, 1))
    yield {"x": 0.0}


def repeats_a_state(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in range(2):
        loop.state("memory", {})
    yield {"x": 0.0}


def minimises_many(model: Any, loop: Loop) -> Iterator[Report]:
    sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
    for batch in loop.stage("a", 1):
        loop.minimise(model.encode(batch["image"]), sgd)
        yield {"x": 0.0}


def takes_no_steps(model: Any, loop: Loop) -> Iterator[Report]:
    for _ in loop.stage("a", -1):
        yield {"x": 0.0}


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        (skips_a_report, "asked for another batch before step 1 was reported: yield one report for every batch"),
        (reports_twice, "gave two reports for one batch"),
        (forgets_the_last_report, "never reported step 4"),
        (reports_nothing, "reported nothing: yield one report"),
        (repeats_a_stage, "'a' was begun twice"),
        (wants_too_much, "batches of 49 images and there are only 48: give more images"),
        (wants_several_batches, "batches of 56 images and there are only 48: give batch_size = 6 or less, or more"),
        (repeats_a_module, "'module/critic' was registered twice"),
        (repeats_a_state, "'memory' was asked for twice"),
        (minimises_many, r"shape \(8, 3\); minimise\(\) needs one number"),
        (takes_no_steps, "-1 steps of 8 images; give whole numbers"),
    ],
)
def test_a_trainer_that_breaks_the_contract_is_told(
    trainer: Callable[[Any, Loop], Any], message: str, tiny_images: xr.Dataset
) -> None:
    with pytest.raises(TrainingError, match=message):
        look(tiny_images, trainer)


@pytest.mark.parametrize("value", [{"a": (1, 2)}, {1: "a"}, {"a": torch.zeros(1)}, {"a": float("nan")}, {"a": {2: 0}}])
def test_a_state_that_json_would_change_is_refused(value: Any, tiny_images: xr.Dataset) -> None:
    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        loop.state("memory", value)
        yield {"x": 0.0}

    with pytest.raises(TrainingError, match=r"state 'memory' holds .* give JSON types only"):
        look(tiny_images, trainer)


# -- minimise and descend


def test_minimise_takes_the_step_that_the_optimiser_alone_would(tiny_images: xr.Dataset) -> None:
    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        sgd = loop.optimizer("sgd", torch.optim.SGD([weight], lr=0.1))
        for _ in loop.stage("a", 2):
            loop.minimise((weight**2).sum(), sgd)
            yield {"first": weight[0].item(), "second": weight[1].item()}

    first, second = look(tiny_images, trainer)
    assert first == pytest.approx({"first": 0.8, "second": -1.6})  # w - 0.1 * 2 w
    assert second == pytest.approx({"first": 0.64, "second": -1.28})


def test_the_gradients_that_another_loss_left_do_not_count(tiny_images: xr.Dataset) -> None:
    """As with a critic: the first player's loss sends gradients into it, and then it takes its own step."""

    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        player, critic = nn.Parameter(torch.tensor(3.0)), nn.Parameter(torch.tensor(5.0))
        one = loop.optimizer("one", torch.optim.SGD([player], lr=1.0))
        two = loop.optimizer("two", torch.optim.SGD([critic], lr=1.0))
        for _ in loop.stage("a", 1):
            loop.minimise(player * critic, one)
            assert critic.grad == 3
            loop.minimise(critic * 0.5, two)
            assert critic.grad == 0.5, "the gradients stay to be looked at"
            yield {"player": player.item(), "critic": critic.item()}

    assert look(tiny_images, trainer) == [{"player": -2.0, "critic": 4.5}]


def test_clip_norm_shortens_the_gradient(tiny_images: xr.Dataset) -> None:
    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        weight = nn.Parameter(torch.zeros(2))
        sgd = loop.optimizer("sgd", torch.optim.SGD([weight], lr=1.0))
        for _ in loop.stage("a", 1):
            loop.minimise((weight * torch.tensor([3.0, 4.0])).sum(), sgd, clip_norm=1.0)
            yield {"first": weight[0].item(), "second": weight[1].item()}

    assert look(tiny_images, trainer)[0] == pytest.approx({"first": -0.6, "second": -0.8}, rel=1e-4)


@pytest.mark.parametrize("whole_report", [True, False])
def test_descend_is_the_loop_written_out(whole_report: bool, tiny_images: xr.Dataset) -> None:
    def long(model: toys.Toy, loop: Loop) -> Iterator[Report]:
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
        for batch in loop.stage("a", 4):
            loss = model.encode(batch["image"]).square().mean()
            loop.minimise(loss, sgd)
            yield {"loss": loss}

    def short(model: toys.Toy, loop: Loop) -> Iterator[Report]:
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))

        def loss(batch: dict[str, torch.Tensor]) -> Any:
            value = model.encode(batch["image"]).square().mean()
            return {"loss": value} if whole_report else value

        yield from loop.descend(loss, sgd, "a", 4)

    reports = look(tiny_images, long), look(tiny_images, short)
    losses = [[r["loss"].item() for r in found] for found in reports]
    assert losses[0] == losses[1]
    assert losses[0][0] > losses[0][-1]


def test_stock_optimisers_are_fused_unless_their_maker_chose(tiny_images: xr.Dataset) -> None:
    def trainer(model: Any, loop: Loop) -> Iterator[Report]:
        p = list(model.parameters())
        for number, (optimizer, fused) in enumerate(
            [
                (torch.optim.Adam(p), True),
                (torch.optim.AdamW(p), True),
                (torch.optim.SGD(p, lr=0.1), True),
                (torch.optim.Adam(p, fused=False), False),
                (torch.optim.Adam(p, foreach=True), None),
                (torch.optim.Adam(p, differentiable=True), None),
                (torch.optim.Adam(p, lr=torch.tensor(0.1)), None),
            ]
        ):
            assert loop.optimizer(f"{number}", optimizer).param_groups[0]["fused"] is fused, optimizer
        assert "fused" not in loop.optimizer("other", torch.optim.RMSprop(p)).param_groups[0]
        yield {"x": 0.0}

    look(tiny_images, trainer)


# -- precision


def test_mixed_precision_reaches_all_of_a_step_but_not_the_weights(tiny_images: xr.Dataset) -> None:
    """Not only ``forward``: a trainer calls encode(), decode() and plain functions."""

    def trainer(model: toys.Toy, loop: Loop) -> Iterator[Report]:
        sgd = loop.optimizer("sgd", torch.optim.SGD(model.parameters(), lr=0.1))
        for batch in loop.stage("a", 2):
            code = model.encode(batch["image"])
            assert code.dtype == torch.bfloat16
            assert (code @ code.T).dtype == torch.bfloat16
            with loop.autocast(enabled=False):
                assert (code.float() @ code.float().T).dtype == torch.float32
            before = model.to_code.weight.detach().clone()
            loop.minimise(code.square().mean(), sgd)
            assert model.to_code.weight.dtype == torch.float32
            assert not torch.equal(model.to_code.weight, before)
            used = nn.functional.linear(torch.eye(model.to_code.in_features), model.to_code.weight).T
            assert torch.equal(used, model.to_code.weight.bfloat16()), "the weights of after the step are used"
            yield {"x": 0.0}

    look(tiny_images, trainer, precision="bf16-mixed")


def test_double_precision_reaches_batches_and_weights(tiny_images: xr.Dataset) -> None:
    def trainer(model: toys.Toy, loop: Loop) -> Iterator[Report]:
        for batch in loop.stage("a", 1):
            assert batch["image"].dtype == torch.float64
            assert model.encode(batch["image"]).dtype == torch.float64
            yield {"x": 0.0}

    look(tiny_images, trainer, precision="64-true")
