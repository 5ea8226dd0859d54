"""What a trainer is given: batches in stages, optimisers, and a memory that survives a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from distoolkit.contract import Batch, ImageSpec, Report, TrainingError
from distoolkit.data.batches import Pixels
from distoolkit.training import checkpoint, optimizers
from distoolkit.training.checkpoint import Checkpoint
from distoolkit.training.devices import precision_of, use_channels_last
from distoolkit.training.randomness import RandomState, number_of, seed_everything

if TYPE_CHECKING:
    from lightning_fabric import Fabric

M = TypeVar("M", bound=torch.nn.Module)
O = TypeVar("O", bound=torch.optim.Optimizer)  # noqa: E741
BATCH_SIZE = 64
_DONE = object()
_DTYPES = {"64-true": torch.float64, "bf16-true": torch.bfloat16}


class Loop:
    """The second argument of a trainer: everything around the mathematics.

    A trainer is a generator that yields one report (name -> one number, as a tensor or a float) for every batch
    that it took. A step is done when its report was yielded. What must survive a stop lives in the model, in
    what `module` and `optimizer` were given, or in `state`; then a run that was killed and resumed ends with
    the same weights, bit for bit on a CPU, as one that never stopped.

    Attributes
    ----------
    device
        Where batches are and where the trainer makes its own tensors.
    spec
        Shape and number of the training images.
    seed
        The seed of the run.
    factors
        (sample, factor) whole numbers on the CPU, the true factors; None for a method that does not need them.
    step
        Steps done so far, in all stages together.
    stage_step
        Steps done so far in the stage that is running: for schedules.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        images: Pixels,
        *,
        config: Any,
        spec: ImageSpec,
        seed: int,
        fabric: Fabric,
        saved: Checkpoint | None = None,
        factors: torch.Tensor | None = None,
    ) -> None:
        self.device: torch.device = fabric.device
        self.spec = spec
        self.seed = seed
        self.factors = factors
        self.step = saved.record["step"] if saved else 0
        self.stage_step = 0
        self.stages: dict[str, int] = {}
        self._batch_size = int(getattr(config, "batch_size", BATCH_SIZE))
        self._images = images
        self._fabric = fabric
        self._precision = fabric.strategy.precision
        self._dtype = _DTYPES.get(precision_of(fabric), torch.float32)
        self._mixed = precision_of(fabric).endswith("mixed")
        self._saved = saved
        self._done: dict[str, int] = dict(saved.record["done"]) if saved else {}
        self._once: list[str] = list(saved.record["once"]) if saved else []
        self._states: dict[str, dict[str, Any]] = {}
        self._parts: dict[str, torch.nn.Module | torch.optim.Optimizer] = {}
        self._stage = ""  # the stage that handed out the latest batch
        self._pending = False  # that batch has not been reported
        self._resumable = False  # the latest report belongs to a stage, so a stopped run can go on from here
        self._closing = False
        self._epoch_key: tuple[str, int, int] | None = None
        self.model: torch.nn.Module = self._ready(model)
        self._register("model", self.model)

    # -- what survives a stop

    def module(self, name: str, module: M) -> M:
        """Move a further module (a critic, a classifier) to the device and keep it across a stop.

        Make its optimiser after this call.
        """
        self._register(f"module/{name}", self._ready(module))
        return module

    def optimizer(self, name: str, optimizer: O) -> O:
        """Keep an optimiser across a stop; where the device has a fused version of it, that one is used."""
        optimizers.prefer_fused(optimizer)
        self._register(f"optimizer/{name}", optimizer)
        return optimizer

    def state(self, name: str, default: Mapping[str, Any]) -> dict[str, Any]:
        """Return a dict that survives a stop: change it in place. It holds JSON types under string keys.

        Parameters
        ----------
        name
            Its name in the checkpoint.
        default
            What it holds when the run begins.
        """
        if name in self._states:
            raise TrainingError(f"state {name!r} was asked for twice; give each its own name")
        value = self._states[name] = dict(default)
        checkpoint.check_json(name, value)
        if self._saved and name in self._saved.record["states"]:
            value.clear()
            value.update(self._saved.copy_of_state(name))
        return value

    def once(self, name: str) -> bool:
        """Tell whether this is the first time that the run comes here: for the code between two stages."""
        if name in self._once:
            return False
        self._once.append(name)
        return True

    # -- images

    def stage(self, name: str, steps: int, batch_size: int | None = None) -> Iterator[Batch]:
        """Hand out the batches of one stage of training.

        Each epoch is a new permutation of the images, taken without replacement; the images left over when
        fewer than a batch remain sit that epoch out. The order depends on the seed, the stage's name and the
        step alone. A stage that was finished before a stop hands out nothing; a half-done one goes on.

        Parameters
        ----------
        name
            Its name in the history; each stage of a run has its own.
        steps
            How many batches to hand out.
        batch_size
            Images in a batch, over all devices; the config's ``batch_size`` (or 64) unless given.

        Yields
        ------
        dict
            ``image`` (batch, channel, y, x) in [0, 1] and ``index`` (batch,), on the device.
        """
        size = self._batch_size if batch_size is None else batch_size
        self._check_stage(name, steps, size)
        self.stages[name] = steps
        done = self._done.setdefault(name, 0)
        self._enter(name, done)
        try:
            for step in range(done, steps):
                if self._pending:
                    raise TrainingError(
                        f"stage {name!r} was asked for another batch before step {self.step + 1} was reported: "
                        "yield one report for every batch"
                    )
                self.stage_step = step
                self._stage, self._pending = name, True
                batch = self._images.batch(self._order(name, step, size))
                yield self._cast(batch)
        except GeneratorExit:
            if not self._closing:  # the trainer left the stage early, for good
                self._done[name] = steps
            raise

    def gather(self, index: torch.Tensor) -> Batch:
        """Return the images at the positions given (batch,): for a trainer that picks its own."""
        return self._cast(self._images.batch(index))

    def chunks(self, size: int = 256) -> Iterator[Batch]:
        """Hand out all images once, in their order: for closed-form methods. No step is counted."""
        for batch in self._images.chunks(size):
            yield self._cast(batch)

    # -- steps

    def minimise(self, loss: torch.Tensor, optimizer: torch.optim.Optimizer, *, clip_norm: float | None = None) -> None:
        """Take one step down: clear the optimiser's gradients, go backward, average over devices, step.

        The gradients are cleared first, because the loss of another optimiser may have left some. They stay
        until the next call, so a trainer can look at them.

        Parameters
        ----------
        loss
            One number.
        optimizer
            Only its parameters are changed.
        clip_norm
            Scale the gradient down to this norm where it is longer.
        """
        if loss.numel() != 1:
            raise TrainingError(f"a loss has shape {tuple(loss.shape)}; minimise() needs one number: take its mean()")
        optimizer.zero_grad(set_to_none=True)
        with self.autocast(enabled=False):
            self._fabric.backward(loss)
            if self._fabric.world_size > 1:
                optimizers.average_gradients(optimizer, self._fabric)
            if clip_norm is not None:
                self._precision.unscale_gradients(optimizer)
                torch.nn.utils.clip_grad_norm_(optimizers.parameters(optimizer), clip_norm)
            self._fabric.strategy.optimizer_step(optimizer)
        if self._mixed:
            torch.clear_autocast_cache()  # it holds half-precision copies of weights that have just changed

    def descend(
        self,
        loss: Callable[[Batch], torch.Tensor | Report],
        optimizer: torch.optim.Optimizer,
        stage: str,
        steps: int,
        **options: Any,
    ) -> Iterator[Report]:
        """Run a whole stage of the simple kind: ``yield from loop.descend(...)``.

        Parameters
        ----------
        loss
            ``batch -> loss``, or ``batch -> report`` whose ``"loss"`` is minimised.
        optimizer
            One that `optimizer` has returned.
        stage, steps
            As in `stage`.
        options
            ``clip_norm``, as in `minimise`.
        """
        for batch in self.stage(stage, steps):
            value = loss(batch)
            report: Report = value if isinstance(value, Mapping) else {"loss": value}
            self.minimise(report["loss"], optimizer, **options)  # type: ignore[arg-type]
            yield report

    def autocast(self, enabled: bool = True) -> AbstractContextManager[Any]:
        """Compute in the run's precision, or in full precision with ``enabled=False``.

        A trainer runs in the run's precision throughout; this is for the sums that need more.
        """
        if not self._mixed:
            return nullcontext()
        return self._fabric.autocast() if enabled else torch.autocast(self.device.type, enabled=False)

    # -- for the session, not for trainers

    def advance(self, reports: Iterator[Report]) -> Report | None:
        """Let the trainer take one step, in the run's precision; None when it is done."""
        with self.autocast():
            report: Any = next(reports, _DONE)
        if report is _DONE:
            return None
        if not isinstance(report, Mapping) or not report:
            raise TrainingError(
                f"the trainer reported {report!r} at step {self.step + 1}; yield a dict of numbers, such as "
                "{'loss': loss}"
            )
        return report

    def reported(self) -> tuple[str, int, int]:
        """Count the step whose report has just come; return its stage, its number there and how many there are."""
        if not self._pending:
            if self._stage and self._done[self._stage] < self.stages[self._stage]:
                raise TrainingError(
                    f"stage {self._stage!r} gave two reports for one batch: yield one report for every batch"
                )
            self.step += 1
            self._resumable = False
            return "closed form", 1, 1
        self._pending = False
        self._resumable = True
        self.step += 1
        self._done[self._stage] += 1
        self.stage_step = self._done[self._stage]
        return self._stage, self._done[self._stage], self.stages[self._stage]

    @property
    def pending(self) -> bool:
        """Whether the trainer has a batch that it has not reported: it is inside a step."""
        return self._pending

    @property
    def resumable(self) -> bool:
        """Whether a run that stops now can go on from here."""
        return self._resumable

    def snapshot(self) -> Checkpoint:
        """Take a checkpoint of everything that survives a stop. The step before must be done."""
        found = checkpoint.take(self._parts, self._states, RandomState.now(self.device))
        found.record |= {
            "step": self.step,
            "stage": self._stage,
            "done": dict(self._done),
            "once": list(self._once),
            "scaler": self._precision.state_dict(),
        }
        return found

    def close(self) -> None:
        """Tell the stages that the trainer is being closed from outside, not leaving by itself."""
        self._closing = True

    @property
    def alone(self) -> bool:
        """Whether there is one device only."""
        return self._fabric.world_size == 1

    def agree(self, stop: bool, now: bool) -> bool:
        """Tell whether to stop. Several devices ask the first of them, and only ``now`` and then."""
        if self.alone:
            return stop
        return bool(self._fabric.broadcast(stop)) if now else False

    def wait(self) -> None:
        """Wait until all devices have come here."""
        if not self.alone:
            self._fabric.barrier()

    def check_end(self) -> None:
        """Refuse a trainer that ended without a report, or resumed and never came back to its stage."""
        if self._pending or self.step == 0:
            what = f"never reported step {self.step + 1}" if self._pending else "reported nothing"
            raise TrainingError(
                f"the trainer ended and {what}: yield one report, such as {{'loss': loss}}, for every batch"
            )
        if self._saved and self._saved.record["stage"] not in self.stages:
            raise TrainingError(
                f"the run was stopped in stage {self._saved.record['stage']!r}, and the trainer, resumed, has only "
                f"{', '.join(self.stages) or 'no stage'}: resume with the version of the plugin that began the run"
            )

    # -- inside

    def _ready(self, module: M) -> M:
        module = self._precision.convert_module(module).to(self.device)  # type: ignore[assignment]
        use_channels_last(module)
        if self._fabric.world_size > 1:
            for tensor in module.state_dict().values():
                tensor.copy_(self._fabric.broadcast(tensor))
        return module

    def _register(self, name: str, part: torch.nn.Module | torch.optim.Optimizer) -> None:
        if name in self._parts:
            raise TrainingError(f"{name!r} was registered twice; give each its own name")
        self._parts[name] = part
        if self._saved:
            self._saved.restore(name, part)

    def _check_stage(self, name: str, steps: int, size: int) -> None:
        if name in self.stages:
            raise TrainingError(f"stage {name!r} was begun twice; give each stage its own name")
        if steps < 0 or size < 1:
            raise TrainingError(f"stage {name!r} has {steps} steps of {size} images; give whole numbers from 1")
        if size > len(self._images):
            factor, rest = divmod(size, self._batch_size)  # a stage may take several batches at a time
            most = 0 if rest else len(self._images) // factor
            raise TrainingError(
                f"stage {name!r} takes batches of {size} images and there are only {len(self._images)}: "
                + (f"give batch_size = {most} or less, or more images" if most else "give more images")
            )
        if size % self._fabric.world_size:
            raise TrainingError(f"batches of {size} images cannot be shared by {self._fabric.world_size} devices")

    def _enter(self, name: str, done: int) -> None:
        """Bring everything back to where it was, as the stage of the checkpoint is come to again."""
        if self._saved and self._saved.record["stage"] == name:
            for key, part in self._parts.items():
                self._saved.restore(key, part)
            for key, state in self._states.items():
                if key in self._saved.record["states"]:
                    state.clear()
                    state.update(self._saved.copy_of_state(key))
            self._precision.load_state_dict(self._saved.record["scaler"])
            self._saved.random.apply(self.device)
            self._stage, self._resumable = name, True
        if self._fabric.world_size > 1:  # each device draws its own noise
            seed_everything(self.seed, name, done, self._fabric.global_rank)

    def _order(self, stage: str, step: int, size: int) -> torch.Tensor:
        """Return the positions of the images of one batch, this device's share of them."""
        epoch, place = divmod(step, len(self._images) // size)
        key = (stage, epoch, size)
        if self._epoch_key != key:
            generator = torch.Generator().manual_seed(number_of(self.seed, stage, epoch))
            permutation = torch.randperm(len(self._images), generator=generator)
            self._epoch_key = key
            self._epoch = permutation.to(self.device) if self._images.complete else permutation
        batch = self._epoch[place * size : (place + 1) * size]
        return batch if self.alone else batch[self._fabric.global_rank :: self._fabric.world_size]

    def _cast(self, batch: Batch) -> Batch:
        return batch if self._dtype is torch.float32 else {**batch, "image": batch["image"].to(self._dtype)}
