"""What a fit in the foreground shows and hears: progress bars, and the reader's interrupt."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from distoolkit.training.session import Progress, Session


@contextmanager
def interruptible(session: Session) -> Iterator[list[int]]:
    """Let the first interrupt stop the session after its step; yield the list of interrupts so far."""
    heard: list[int] = []

    def hear(number: int, frame: Any) -> None:
        heard.append(number)
        if len(heard) > 1:
            raise KeyboardInterrupt
        print("stopping after this step; interrupt again to stop at once", file=sys.stderr)
        session.stop()

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield heard  # somebody else hears interrupts here
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def bars(shown: bool) -> Iterator[Callable[[Progress], None]]:
    """Show one progress bar for each stage; yield the function that takes each `Progress`."""
    from tqdm.auto import tqdm

    # a log keeps every line that a screen would overwrite
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    bar: Any = None
    before: Progress | None = None

    def show(done: Progress) -> None:
        nonlocal bar, before
        if before is None or before.stage != done.stage:
            if bar is not None:
                bar.close()
            bar = tqdm(
                total=done.stage_steps,
                initial=done.stage_step - 1,
                desc=done.stage,
                unit="step",
                mininterval=0.1 if watched else 10,
            )
        bar.update()
        if before is None or before.values is not done.values:
            bar.set_postfix({name: f"{value:.4g}" for name, value in done.values.items()}, refresh=False)
        before = done

    try:
        yield show if shown else lambda done: None
    finally:
        if bar is not None:
            bar.close()
