from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch

from distoolkit.testing import ContractError, check_devices, one_device
from distoolkit.testing.devices import DeviceMistakeError, WaitsForDeviceError


def on_device(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape, device="meta")


MIXED: dict[str, Callable[[], Any]] = {
    "add": lambda: on_device(4, 3) + torch.zeros(3),
    "matmul": lambda: torch.zeros(2, 4) @ on_device(4, 3),
    "cat": lambda: torch.cat([on_device(2), torch.zeros(2)]),
    "gather": lambda: on_device(2, 3).gather(0, torch.zeros(1, 3, dtype=torch.long)),
    "embedding": lambda: torch.nn.functional.embedding(torch.zeros(2, dtype=torch.long), on_device(5, 3)),
    "cross entropy": lambda: torch.nn.functional.cross_entropy(on_device(2, 3), torch.zeros(2, dtype=torch.long)),
    "in place": lambda: on_device(3).add_(torch.zeros(3)),
    "put": lambda: on_device(3).index_put_((torch.tensor([0]),), torch.zeros(1)),
    "a device index into a CPU tensor": lambda: torch.zeros(3)[on_device(1).long()],
}


@pytest.mark.parametrize("name", MIXED)
def test_a_cpu_tensor_may_not_meet_the_device(name: str) -> None:
    with (
        one_device(),
        pytest.raises(DeviceMistakeError, match=r"mixes a CPU tensor of shape .* on the device: make it"),
    ):
        MIXED[name]()


ALLOWED: dict[str, Callable[[], Any]] = {
    "a number": lambda: on_device(3) * torch.tensor(2.0),
    "a CPU index": lambda: on_device(5, 3)[torch.tensor([0, 2])],
    "a copy to the device": lambda: on_device(3).copy_(torch.zeros(3)),
    "moving to the device": lambda: torch.zeros(3).to("meta"),
    "the CPU by itself": lambda: torch.zeros(3) + torch.ones(3),
    "reading a CPU value": lambda: torch.zeros(3).sum().item(),
    "the device by itself": lambda: (on_device(4, 3) @ on_device(3, 2)).relu().mean(),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_cuda_allows_is_allowed(name: str) -> None:
    with one_device():
        ALLOWED[name]()


READS: dict[str, Callable[[], Any]] = {
    "item": lambda: on_device(3).sum().item(),
    "float": lambda: float(on_device(3).sum()),
    "if": lambda: bool(on_device(3).sum() > 0),
    "cpu": lambda: on_device(3).cpu(),
    "tolist": lambda: on_device(3).tolist(),
    "mask": lambda: on_device(3)[on_device(3) > 0],
    "nonzero": lambda: on_device(3).nonzero(),
    "equal": lambda: torch.equal(on_device(3), on_device(3)),
    "copy to the CPU": lambda: torch.zeros(3).copy_(on_device(3)),
}


@pytest.mark.parametrize("name", READS)
def test_a_value_may_not_be_read(name: str) -> None:
    with one_device(), pytest.raises(WaitsForDeviceError, match="the host waits for the device each time"):
        READS[name]()


def test_nothing_is_refused_outside() -> None:
    with one_device():
        pass
    assert (torch.zeros(2) + torch.ones(2)).sum().item() == 2


# -- whole methods


def test_a_good_method_passes(linear: ModuleType) -> None:
    check_devices(linear.METHOD)


@pytest.mark.parametrize("name", ["pca", "factor_vae"])
def test_the_methods_here_pass(name: str) -> None:
    check_devices(name, steps=2)


def faults_of(method: Any) -> str:
    with pytest.raises(ContractError) as caught:
        check_devices(method)
    return str(caught.value)


def test_a_cpu_tensor_in_the_loss_is_caught_in_any_stage(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        yield from linear.train(model, loop, config)
        for batch in loop.stage("late", 1):
            yield {"loss": (model.encode(batch["image"]) * torch.ones(config.latents)).mean()}

    told = faults_of(dataclasses.replace(linear.METHOD, trainer=trainer))
    assert (
        "off the CPU, training fails after 12 steps: DeviceMistakeError: mul() mixes a CPU tensor of shape (3,)" in told
    )


def test_a_plain_attribute_that_should_be_a_buffer_is_caught(linear: ModuleType) -> None:
    class Planted(linear.Linear):  # type: ignore[name-defined,misc]
        def __init__(self, config: Any, spec: Any) -> None:
            super().__init__(config, spec)
            self.offset = torch.zeros(config.latents)

        def encode(self, image: torch.Tensor) -> torch.Tensor:
            return super().encode(image) + self.offset

    told = faults_of(dataclasses.replace(linear.METHOD, model=Planted))
    assert "off the CPU, training fails after 0 steps: DeviceMistakeError: add() mixes" in told
    assert "off the CPU, the model fails: DeviceMistakeError: add() mixes" in told
    assert "keep it in the model as a buffer or parameter" in told


def test_a_result_on_the_wrong_device_is_caught(linear: ModuleType) -> None:
    class Planted(linear.Linear):  # type: ignore[name-defined,misc]
        def decode(self, code: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(code), *self.shape)

    told = faults_of(dataclasses.replace(linear.METHOD, model=Planted))
    assert "decode() gives a tensor on cpu for one on the device" in told


def test_a_step_that_reads_a_value_is_caught(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        for batch in loop.stage("train", config.steps):
            yield {"loss": model.encode(batch["image"]).mean().item()}

    told = faults_of(dataclasses.replace(linear.METHOD, trainer=trainer))
    assert "training fails after 0 steps: WaitsForDeviceError: item() brings values of a tensor back" in told


def test_reading_a_value_between_two_stages_is_fine(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        yield from linear.train(model, loop, config)
        if loop.once("look") and float(next(model.parameters()).mean()) > 0:
            yield from loop.descend(lambda batch: model.encode(batch["image"]).mean(), None, "more", 1)

    check_devices(dataclasses.replace(linear.METHOD, trainer=trainer))


def test_a_further_module_that_the_loop_was_not_given_is_caught(linear: ModuleType) -> None:
    def trainer(model: Any, loop: Any, config: Any) -> Iterator[Any]:
        critic = torch.nn.Linear(config.latents, 1)  # stays on the CPU
        for batch in loop.stage("train", config.steps):
            yield {"loss": critic(model.encode(batch["image"])).mean()}

    assert "mixes a CPU tensor" in faults_of(dataclasses.replace(linear.METHOD, trainer=trainer))
