"""Batches made by a thread while the step computes."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any

_READY = 4
"""How many batches may wait for the step."""

_END = object()


def prefetch(batches: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The same batches, made by a thread from the first that is asked for on."""
    with contextlib.closing(Prefetched(batches)) as ahead:
        yield from ahead


class Prefetched(Iterator[Any]):
    """The same batches, made by a thread that begins at once; what it raises is raised here, in its place.

    Args:
        batches: they, which may have a thread of their own.
        waiting: how many may wait to be taken.
    """

    def __init__(self, batches: Generator[Any, None, None], waiting: int = _READY) -> None:
        self._batches, self._ready = batches, queue.Queue[Any](waiting)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reader", daemon=True)
        self._thread.start()

    def __next__(self) -> Any:
        item = _END if self._stopped.is_set() else self._ready.get()
        if isinstance(item, BaseException):
            self.close()
            raise item
        if item is _END:
            self.close()
            raise StopIteration
        return item

    def close(self) -> None:
        """End the thread after the batch that it is at."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with contextlib.closing(self._batches):
                for batch in self._batches:
                    self._put(batch)
                    if self._stopped.is_set():
                        return
            self._put(_END)
        except BaseException as error:
            self._put(error)

    def _put(self, item: Any) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(item, timeout=0.1)
                return
