"""One case: a fuzz target or a fault, a seed, a temporary folder, a time limit."""

from __future__ import annotations

import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

SECONDS = 30
"""A fuzz case that takes longer hangs; faults watch the processes they start."""


def run(target: str, seed: int) -> tuple[str, str]:
    """`refused` with the line, `done`, or `FOUND` with a traceback."""
    from targets import TARGETS

    with _time_limit():
        return _outcome(TARGETS[target], target, seed)


def run_fault(fault: str, seed: int) -> tuple[str, str]:
    """The same for a fault."""
    from faults import FAULTS

    return _outcome(FAULTS[fault], fault, seed)


def _outcome(case: Callable[[Random, Path], str | None], name: str, seed: int) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        try:
            line = case(Random(f"{name} {seed}"), Path(folder))
        except Exception:
            return "FOUND", traceback.format_exc()
    return ("done", "") if line is None else ("refused", line)


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"no end after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
