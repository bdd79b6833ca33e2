"""The stages of a run as bars with rates on a terminal, and as one line each elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text


def _amount(count: float, unit: str) -> str:
    return f"{count / 1e6:,.1f} MB" if unit == "bytes" else f"{count:,.0f} {unit}"


class _Rate(ProgressColumn):
    """A task's speed in its own unit."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed or 0.0
        return Text(f"{_amount(speed, task.fields['unit'])}/s")


class Stages:
    """Reports stages to stderr; use as a context."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)

    def __enter__(self) -> "Stages":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, title: str, total: int, unit: str) -> Iterator[Callable[[float], object]]:
        """A stage of ``total`` bytes, tokens or exposures; yields what any thread tells how many more are done."""
        task = self._progress.add_task(title, total=total, unit=unit)
        start = time.perf_counter()
        yield lambda count: self._progress.advance(task, count)
        self._progress.update(task, completed=total)
        if not self._console.is_terminal:
            seconds = time.perf_counter() - start
            rate = _amount(total / seconds, unit)
            self._console.print(f"{title}: {_amount(total, unit)} in {seconds:.1f} s ({rate}/s)", highlight=False)
