"""Pieces of data that are used one after another, the next of them loaded while the present one is in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Source = TypeVar("Source")
Part = TypeVar("Part")
Piece = TypeVar("Piece")


class Ahead(Generic[Source, Part, Piece]):
    """Pieces by their number, which a thread reads part by part and joins.

    The next is asked for as soon as one alone is held, so that two are in memory at most, but where a caller needs
    more at once. Leaving the context ends the thread after the part that it is at.

    Args:
        read: makes a part.
        join: makes a piece of its parts, by its number.
        sources: what the parts of each piece are read from; all these pieces are asked for, in this order.
    """

    def __init__(
        self,
        read: Callable[[Source], Part],
        join: Callable[[list[Part], int], Piece],
        sources: Mapping[int, Sequence[Source]],
    ) -> None:
        self._read, self._join, self._sources = read, join, sources
        self._waiting = deque(sources)
        self._next: Future[Piece] | None = None
        self._held: dict[int, Piece] = {}
        self._thread = ThreadPoolExecutor(1, "window")

    def __enter__(self) -> Ahead[Source, Part, Piece]:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def between(self, first: int, last: int) -> list[Piece]:
        """The pieces from number `first` to `last`; those before are let go. Raises what reading one of them raised."""
        for number in [number for number in self._held if number < first]:
            del self._held[number]
        while self._waiting and self._waiting[0] <= last:
            coming, self._next = self._asked(), None
            self._held[self._waiting.popleft()] = coming.result()
        if self._waiting and len(self._held) == 1:
            self._next = self._asked()
        return [self._held[number] for number in range(first, last + 1)]

    def _asked(self) -> Future[Piece]:
        """The first piece in waiting, which the thread is at or has done."""
        if self._next is not None:
            return self._next
        number = self._waiting[0]
        parts = [self._thread.submit(self._read, source) for source in self._sources[number]]
        return self._thread.submit(lambda: self._join([part.result() for part in parts], number))
