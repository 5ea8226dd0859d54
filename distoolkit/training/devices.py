"""The engine under the loop: Lightning Fabric, for one device or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import ConfigError
from distoolkit.data.batches import pick_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true")


def make_fabric(device: str | torch.device = "auto", precision: str = "32-true") -> Fabric:
    """Return a Fabric for one device.

    Raises
    ------
    ConfigError
        A device that is not here, a precision that does not exist or that the device cannot do.
    """
    from lightning_fabric import Fabric  # seconds to import: only when something is trained

    if precision not in PRECISIONS:
        raise ConfigError(f"precision = {precision!r} is not allowed: give {', '.join(PRECISIONS)}")
    chosen = pick_device(device)
    if chosen.type == "cpu" and precision == "16-mixed":
        raise ConfigError("precision = '16-mixed' needs a GPU; on a CPU give '32-true' or 'bf16-mixed'")
    if chosen.type not in ("cpu", "cuda", "mps"):
        return Fabric(strategy=_bare_strategy(chosen), devices=1, precision=precision)  # type: ignore[arg-type]
    devices: Any = [chosen.index or 0] if chosen.type == "cuda" else 1
    return Fabric(accelerator=chosen.type, devices=devices, precision=precision)  # type: ignore[arg-type]


def precision_of(fabric: Fabric) -> str:
    """Return the name of the precision in which a Fabric computes."""
    return str(fabric.strategy.precision.precision)


def _bare_strategy(device: torch.device) -> Any:
    """Return a strategy for a device that Fabric has no accelerator for, such as ``meta``."""
    from lightning_fabric.accelerators.cpu import CPUAccelerator
    from lightning_fabric.strategies.single_device import SingleDeviceStrategy

    class Untouched(CPUAccelerator):
        def setup_device(self, device: torch.device) -> None:
            pass

    return SingleDeviceStrategy(device=device, accelerator=Untouched())


def use_channels_last(module: torch.nn.Module) -> torch.nn.Module:
    """Lay the convolution kernels of a module out channels last, in place: the layout of our batches."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def compile_forwards(module: torch.nn.Module) -> None:
    """Compile the forward of a module and of each of its direct parts, in place: trainers call either."""
    module.compile()
    for part in module.children():
        part.compile()
