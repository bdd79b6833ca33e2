"""Batches made by a thread while the step computes."""

import contextlib
import queue
import threading
from collections.abc import Generator
from typing import Any

_READY = 4
"""How many batches may wait for the step."""

_END = object()


def prefetch(batches: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The same batches, made by a thread; what it raises is raised here, in its place."""
    ready: queue.Queue[Any] = queue.Queue(_READY)
    stopped = threading.Event()

    def put(item: Any) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def work() -> None:
        try:
            with contextlib.closing(batches):  # it may have a thread of its own
                for batch in batches:
                    put(batch)
                    if stopped.is_set():
                        return
            put(_END)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="reader", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
