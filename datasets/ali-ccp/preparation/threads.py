"""Work spread over threads: everything heavy here (zlib, numba, Parquet, disk) runs without the interpreter lock."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(items: Iterator[Item], reader: Executor) -> Iterator[Item]:
    """The items, the next one being made by ``reader`` while the current one is worked on."""
    future: Future[Item | None] = reader.submit(next, items, None)
    while (item := future.result()) is not None:
        future = reader.submit(next, items, None)
        yield item


def ordered_map(
    pool: Executor, work: Callable[[Item], Result], items: Iterator[Item], in_flight: int
) -> Iterator[Result]:
    """``work(item)`` for every item, in order, by the pool; at most ``in_flight`` items are under way.

    If ``items`` fails, what it gave before is finished and yielded first.
    """
    pending: deque[Future[Result]] = deque()
    failure = None
    try:
        while failure is None:
            try:
                pending.append(pool.submit(work, next(items)))
            except StopIteration:
                break
            except Exception as error:
                failure = error
            if len(pending) >= in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure:
            raise failure
    finally:
        for future in pending:
            future.cancel()
