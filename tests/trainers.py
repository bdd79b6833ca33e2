"""Several trainers as threads of one process, whose exchanges are lists."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rec.distributed.ranks import Ranks

Found = TypeVar("Found")


class Exchange:
    """What `Transport` does, between threads."""

    def __init__(self, rank: int, count: int, given: list[Any], meet: threading.Barrier) -> None:
        self.rank, self.count, self._given, self._meet = rank, count, given, meet

    def gather(self, array: Any, sizes: Sequence[int] | None = None) -> list[Any]:
        found = self._all(array)
        assert sizes is None or [len(each) for each in found] == list(sizes)
        return found

    def swap(self, arrays: Sequence[Any], sizes: Sequence[Sequence[int]]) -> list[Any]:
        assert [len(array) for array in arrays] == list(sizes[self.rank])
        return [each[self.rank] for each in self._all(list(arrays))]

    def _all(self, value: Any) -> list[Any]:
        self._given[self.rank] = value
        self._meet.wait(20)
        found = list(self._given)
        self._meet.wait(20)
        return found


def _rooms(count: int) -> list[tuple[list[Any], threading.Barrier]]:
    """Of the exchanges of the step, and of those beside it."""
    return [([None] * count, threading.Barrier(count)) for _ in range(2)]


def together(count: int, work: Callable[[Ranks], Found]) -> list[Found]:
    """`work` of each of so many trainers, side by side."""
    first, second = ([Exchange(rank, count, given, meet) for rank in range(count)] for given, meet in _rooms(count))
    everybody = [Ranks(rank, count, first[rank], second[rank]) for rank in range(count)]  # type: ignore[arg-type]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, everybody))
