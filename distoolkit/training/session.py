"""One fit, driven step by step: a notebook can pause it, look at it, stop it and go on."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import xarray as xr

from distoolkit.contract import Report, TrainingError
from distoolkit.runs import Run
from distoolkit.training import checkpoint
from distoolkit.training.history import History
from distoolkit.training.loop import Loop
from distoolkit.training.randomness import RandomState

_NO_WEIGHTS = "the run has no weights: it broke off before its first checkpoint"
_PUBLISH_SECONDS = 10.0  # how often the history on disk follows, for those who watch from outside


@dataclass(frozen=True)
class Progress:
    """Where a run is after a step.

    Attributes
    ----------
    step
        Steps done, in all stages together.
    stage, stage_step, stage_steps
        The stage of this step, its number there (from 1), and how many the stage has.
    seconds
        Time spent training so far, pauses left out.
    values
        What was last read back from the trainer's reports; it changes every ``log_every`` steps.
    """

    step: int
    stage: str
    stage_step: int
    stage_steps: int
    seconds: float
    values: Mapping[str, float] = field(default_factory=dict)


class Session:
    """A run that is being trained. Each ``next`` takes one step and returns a `Progress`.

    A loop over it may be left and taken up again: between two steps the run rests. When the trainer is done,
    when `stop` or the time limit ends it, or when it fails, the run folder is complete.

    Attributes
    ----------
    run
        The run, with its status as it is now.
    model
        The model that is being trained.
    progress
        The latest `Progress`; None before the first step.
    """

    def __init__(
        self,
        run: Run,
        loop: Loop | None,
        reports: Generator[Report, None, None] | None,
        history: History,
        *,
        random: RandomState | None = None,
        seconds: float = 0.0,
        time_limit: float | None = None,
        checkpoint_every: int = 500,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.run = run
        self.progress: Progress | None = None
        self._loop = loop
        self._reports = reports
        self._history = history
        self._random = random
        self._inside = False
        self._seconds = seconds
        self._deadline = None if time_limit is None else seconds + time_limit
        self._checkpoint_every = checkpoint_every
        self._writes = release is not None  # the folder is claimed
        self._release = weakref.finalize(self, release or (lambda: None))  # at the latest when nobody drives it
        self._asked_to_stop = False
        self._stopping = False  # several devices have to agree on it
        self._published = time.perf_counter()
        self._next_checkpoint = self._after(loop.step) if loop else 0

    @property
    def model(self) -> torch.nn.Module:
        """The model as it is now."""
        return self._live.model

    @property
    def leads(self) -> bool:
        """Whether this process writes the run folder: with several devices, only the first does."""
        return self._writes

    @property
    def over(self) -> bool:
        """Whether the run has ended: finished, stopped or failed."""
        return self._reports is None

    @property
    def history(self) -> xr.Dataset:
        """What the trainer reported so far, along ``step``."""
        if self._loop is None:
            return self.run.history
        return self._history.dataset(**self.run.provenance, stages=self._loop.stages)

    def __iter__(self) -> Session:
        """Return itself: a loop that was left goes on where it was."""
        return self

    def __next__(self) -> Progress:
        """Take one step.

        Raises
        ------
        TrainingError
            A value of the report is NaN or infinite, or the trainer broke its contract. The run is then
            ``failed`` and keeps the weights of its latest checkpoint.
        """
        if self._reports is None:
            raise StopIteration
        if self._stopping or (self._asked_to_stop and self._live.alone):
            self._end("stopped")
            raise StopIteration
        try:
            with self.own_randomness():
                done = self._step()
                if done is not None:
                    return done
                self._live.check_end()
        except BaseException as error:
            self._abandon(error)
            raise
        self._end("finished")
        raise StopIteration

    def stop(self) -> None:
        """Ask the run to stop; it does so before its next step."""
        self._asked_to_stop = True

    def finish(self) -> Run:
        """End the run if it has not ended, write what there is, and return it.

        A run that is ended before its trainer is done is ``stopped``: usable as it is, and
        ``fit(..., folder=..., resume=True)`` goes on with it.
        """
        if self._reports is not None:
            self._end("stopped")
        return self.run

    def __repr__(self) -> str:
        """Say which run, and how far it is."""
        where = f"step {self._loop.step}" if self._loop else "nothing left to do"
        return f"<Session of {self.run!r}, {where}>"

    @contextmanager
    def own_randomness(self) -> Iterator[None]:
        """Draw random numbers from the run's own generators: what others draw between steps changes nothing."""
        if self._inside or self._random is None:
            yield
            return
        device = self._live.device
        outside = RandomState.now(device)
        self._random.apply(device)
        self._inside = True
        try:
            yield
        finally:
            self._inside = False
            self._random = RandomState.now(device)
            outside.apply(device)

    # -- one step

    @property
    def _live(self) -> Loop:
        if self._loop is None:
            raise TrainingError(f"{self.run!r} was finished before; open its weights with run.model()")
        return self._loop

    def _step(self) -> Progress | None:
        """Let the trainer take one step and do what falls due after it; None when the trainer is done."""
        loop, begun = self._live, time.perf_counter() - self._seconds
        report = loop.advance(self._reports)  # type: ignore[arg-type]
        if report is None:
            return None
        stage, stage_step, stage_steps = loop.reported()
        self._history.add(loop.step, stage, report)
        logged = self._history.due(loop.step, stage_step == stage_steps)
        if logged:
            self._history.read(time.perf_counter() - begun)
            if time.perf_counter() - self._published > _PUBLISH_SECONDS:
                self._publish()
        if loop.resumable and loop.step >= self._next_checkpoint:
            self._history.read()
            self._checkpoint()
            self._next_checkpoint = self._after(loop.step)
        self._seconds = time.perf_counter() - begun
        late = self._deadline is not None and self._seconds >= self._deadline
        self._stopping = loop.agree(self._asked_to_stop or late, logged)
        self.progress = Progress(loop.step, stage, stage_step, stage_steps, self._seconds, self._history.latest)
        return self.progress

    def _after(self, step: int) -> int:
        """Return the step of the next checkpoint: after 10, 20, 40, ... and then every so many."""
        return step + min(max(step, self._history.every), self._checkpoint_every)

    # -- what is written

    def _checkpoint(self) -> None:
        self._check_weights()
        found = self._live.snapshot()
        tensors, record = self._history.pack()
        found.tensors |= tensors
        found.record |= {"history": record, "seconds": self._seconds}
        if self._writes:
            found.write(self.run.folder)

    def _check_weights(self) -> None:
        """Refuse NaN; infinite buffers may be meant, as in a mask."""
        odd = [name for name, tensor in self.model.named_parameters() if not bool(tensor.isfinite().all())]
        odd += [name for name, tensor in self.model.named_buffers() if bool(tensor.isnan().any())]
        if odd:
            raise TrainingError(
                f"the model's {', '.join(odd[:3])} became NaN or infinite by step {self._live.step}, though every "
                "reported value was finite. Try a lower learning rate, clip_norm in minimise(), or precision='32-true'"
            )

    def _publish(self) -> None:
        """Write the history so far into the run folder."""
        if self._writes:
            self.run.save(self.history)
            self._published = time.perf_counter()

    def _end(self, status: str) -> None:
        """Write a run whose latest step is whole."""
        try:
            with self.own_randomness():
                self._history.read()
                if status == "stopped" and self._live.resumable:
                    self._checkpoint()
            self._check_weights()
            self._close()
            if self._writes:
                self.run.save_weights(self.model)
            self._publish()
            self._mark(status, self._live.step)
        except BaseException as error:
            self._abandon(error)
            raise
        if self._writes and status == "finished":
            (self.run.folder / checkpoint.FILE).unlink(missing_ok=True)
        self._release()
        self._live.wait()

    def _abandon(self, error: BaseException) -> None:
        """Write a run that broke off inside a step: what is in memory is not to be trusted, the checkpoint is."""
        self._close()
        if self._writes:
            interrupted = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
            try:
                step = self._fall_back()
                error.add_note(
                    f"the run in {self.run.folder} keeps the weights of step {step}" if step else _NO_WEIGHTS
                )
                self._publish()
                self._mark("stopped" if interrupted else "failed", step, error=f"{type(error).__name__}: {error}")
            except Exception as second:  # a full disk, say: the first error is the one to tell
                error.add_note(f"and the run folder could not be brought up to date: {second}")
        self._release()

    def _fall_back(self) -> int:
        """Give the run the weights of its latest checkpoint; return the step of it, 0 without one."""
        saved = checkpoint.read(self.run.folder)
        if saved is None:
            return 0
        saved.restore("model", self.model)
        self.run.save_weights(self.model)
        return int(saved.record["step"])

    def _close(self) -> None:
        """Let the trainer go."""
        reports, self._reports = self._reports, None
        self._live.close()
        if reports is not None:
            reports.close()

    def _mark(self, status: str, steps: int, **fields: Any) -> None:
        fields |= {"steps": steps, "seconds": round(self._seconds, 3)}
        if self._writes:
            self.run = self.run.mark(status, **fields)
        else:
            self.run = replace(self.run, record={**self.run.record, **fields, "status": status})
