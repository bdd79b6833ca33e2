"""One fuzz case: a target, a seed, a temporary folder, a time limit."""

from __future__ import annotations

import signal
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

SECONDS = 30
"""A case that takes longer hangs."""


def run(target: str, seed: int) -> tuple[str, str]:
    """`refused` with the line, `done`, or `FOUND` with a traceback."""
    from targets import TARGETS

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, _time_limit():
        try:
            line = TARGETS[target](Random(f"{target} {seed}"), Path(folder))
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
