"""Find device mistakes on a machine without a GPU.

The classic two: a tensor made on the CPU that meets the images in a loss, and a result kept as a plain attribute
that ``.to(device)`` leaves behind. On the ``meta`` device (tensors with shape but no data) PyTorch lets some of them
pass, so `one_device` refuses every operation in which a CPU tensor meets a tensor of the device, as CUDA would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
import xarray as xr
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from distoolkit import registry
from distoolkit.contract import Decodes, HasPosterior, Method, Report
from distoolkit.runs import spec_of
from distoolkit.testing.data import tiny_images
from distoolkit.testing.faults import one_line, raise_all
from distoolkit.training import Loop, rehearse

DEVICE = torch.device("meta")
_READS = ("_local_scalar_dense", "equal", "nonzero", "masked_select", "_unique2", "unique_dim")
_TRANSFERS = ("copy_", "_to_copy", "_copy_from")  # what moves data between devices is meant to see two


def check_devices(method: str | Method[Any], images: xr.Dataset | None = None, **config: Any) -> None:
    """Train a method's quick settings, and use its model, on a device that is not the CPU.

    No number is computed, so this shows where tensors live and nothing else.

    Parameters
    ----------
    method
        Its name, or its record.
    images
        What to train on; `tiny_images` unless given.
    config
        Changes to the quick settings.

    Raises
    ------
    ContractError
        A CPU tensor meets a tensor of the device, a tensor is left behind, or a step waits for a value.
    """
    record = registry.find("methods", method) if isinstance(method, str) else method
    images = tiny_images() if images is None else images
    raise_all(f"method {record.name!r}", device_faults(record, images, **config))


def device_faults(method: Method[Any], images: xr.Dataset, **config: Any) -> Iterator[str]:
    """Yield what goes wrong in training and, apart from it, in encode, decode and posterior."""
    yield from _training_faults(method, images, config)
    try:
        with one_device():
            _use(registry.resolve(method.model)(method.quick, spec_of(images)).to(DEVICE), images)
    except Exception as error:
        yield "off the CPU, the model fails: " + one_line(error)


def _training_faults(method: Method[Any], images: xr.Dataset, config: dict[str, Any]) -> Iterator[str]:
    loops: list[Loop] = []

    def trainer(model: Any, loop: Loop, config: Any) -> Iterator[Report]:
        loops.append(loop)
        yield from registry.resolve(method.trainer)(model, loop, config)

    steps = 0
    try:
        with one_device():
            for _ in rehearse(dataclasses.replace(method, trainer=trainer), images, device=DEVICE, **config):
                steps += 1
    except Exception as error:
        if isinstance(error, WaitsForDeviceError) and loops and not loops[0].pending:
            return  # between two steps a trainer may look at its results; what it then does cannot be foreseen here
        yield f"off the CPU, training fails after {steps} steps: {one_line(error)}"


def _use(model: Any, images: xr.Dataset) -> None:
    spec = spec_of(images)
    with torch.no_grad():
        image = torch.empty(4, spec.channels, spec.height, spec.width, device=DEVICE)
        code = model.eval().encode(image)
        results = {"encode()": code}
        if isinstance(model, Decodes):
            results["decode()"] = model.decode(code)
        if isinstance(model, HasPosterior):
            results["posterior()"] = model.posterior(image).mean
    for name, result in results.items():
        if result.device != DEVICE:
            raise DeviceMistakeError(f"{name} gives a tensor on {result.device} for one on the device")


class DeviceMistakeError(RuntimeError):
    """A CPU tensor met a tensor of the device."""


class WaitsForDeviceError(RuntimeError):
    """A value of a tensor was read: on a GPU the host waits there until all work is done."""


class one_device(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, refuse operations that mix a CPU tensor with a ``meta`` tensor, or read a value of one.

    Allowed, because CUDA allows it: a CPU tensor of no dimension (a number), a CPU index into a tensor of the device,
    and copies to the device.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Check the devices of all arguments, then run the operation."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        tensors = _operands(name, args, kwargs)
        if name in _TRANSFERS:
            _refuse_return(name, tensors, kwargs)
        else:
            _refuse_mixed(name, tensors)
        return func(*args, **kwargs)


def _operands(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """List the tensors among the arguments that have to be on one device."""
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    if name in ("index", "index_put", "index_put_") and args[0].device == DEVICE:
        places = [id(place) for place in args[1] if place is not None]
        return [leaf for leaf in leaves if id(leaf) not in places or leaf.device == DEVICE]
    return leaves


def _refuse_return(name: str, tensors: list[torch.Tensor], kwargs: dict[str, Any]) -> None:
    """Refuse a copy from the device to the CPU: ``x.cpu()``, ``y.copy_(x)``."""
    target = kwargs.get("device") or tensors[0].device
    if tensors[-1].device == DEVICE and torch.device(target).type == "cpu":
        raise WaitsForDeviceError(_waits(name))


def _waits(name: str) -> str:
    return (
        f"{name}() brings values of a tensor back to the CPU, and the host waits for the device each time: keep them "
        "on the device, and report those that are to be seen"
    )


def _refuse_mixed(name: str, tensors: list[torch.Tensor]) -> None:
    masked = name == "index" and any(tensor.dtype in (torch.bool, torch.uint8) for tensor in tensors[1:])
    if (masked or name in _READS) and any(tensor.device == DEVICE for tensor in tensors):
        raise WaitsForDeviceError(_waits({"_local_scalar_dense": "item", "_unique2": "unique"}.get(name, name)))
    shapes: dict[str, tuple[int, ...]] = {}
    for tensor in tensors:
        if tensor.device == DEVICE:
            shapes.setdefault("device", tuple(tensor.shape))
        elif tensor.dim() > 0:
            shapes.setdefault("cpu", tuple(tensor.shape))
    if len(shapes) == 2:
        raise DeviceMistakeError(
            f"{name}() mixes a CPU tensor of shape {shapes['cpu']} with a tensor of shape {shapes['device']} on the "
            "device: make it with device=image.device, or keep it in the model as a buffer or parameter"
        )
