"""What a worker's requests share: the model, the thread that it answers in, and the state that probes ask for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias, TypeVar

from rec.serving.served import Served
from rec.serving.settings import Settings

_T = TypeVar("_T")

Look: TypeAlias = tuple[tuple[str, int, int, int], ...]


def look(folder: Path) -> Look:
    """What tells a folder's files from others: name, time, size and number of each; nothing where it is absent."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except OSError:  # between two folders of that name
        return ()
    return tuple(sorted((name, of.st_mtime_ns, of.st_size, of.st_ino) for name, of in found))


class Service:
    """A worker's model.

    Args:
        settings: of the service.

    Attributes:
        served: the model that answers now.
        seen: what the folder looked like that it was read from.
        refused: why a newer export was not taken; empty: none was refused since the last that was taken.
        draining: whether it is about to end.

    Raises:
        UserError: there is no model that can be served.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seen = look(settings.export)
        self.served = Served.load(settings.export)
        self.refused = ""
        self.draining = False
        # One thread: a model's reader has scratch memory, and the runtime computes on one core.
        self._thread = ThreadPoolExecutor(1, "model")

    async def ask(self, work: Callable[[Served], _T]) -> _T:
        """What the model answers, after those who asked before. Who no longer waits is passed over."""
        return await asyncio.wrap_future(self._thread.submit(lambda: work(self.served)))
