"""Batches of data of any size: a window of rows is in memory, and the next one is loaded beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from rec.data.ahead import Ahead
from rec.data.plan import ReadPlan
from rec.numeric import Array


class Window(Protocol):
    """Some rows, and the order in which an epoch visits them, int64 [n]."""

    @property
    def order(self) -> Array: ...


Source = TypeVar("Source")
Part = TypeVar("Part")
W = TypeVar("W", bound=Window)


def in_windows(
    plan: ReadPlan,
    windows: Sequence[Sequence[Source]],
    size: Callable[[Source], int],
    read: Callable[[Source], Part],
    join: Callable[[list[Part], int], W],
) -> Iterator[list[tuple[W, Array]]]:
    """Of each of a plan's batches the windows that it lies in and its rows there, int64.

    Of a batch that several trainers divide it is this one's part. It needs only the windows that it lies in, so a
    resumed epoch starts reading there.

    Args:
        windows: what each window of the epoch is read from, in its order.
        size: how many rows a source has.
        read: reads a source.
        join: makes a window of its parts, by its number.
    """
    begins = np.cumsum([0, *(sum(map(size, sources)) for sources in windows)])
    total, count = int(begins[-1]), plan.num_batch(int(begins[-1]))
    shares = [plan.share(index, total) for index in range(count) if plan.mine(index)]
    starts = np.array([first for first, _ in shares], np.int64)
    stops = np.array([max(end, first + 1) for first, end in shares], np.int64)
    # Python's numbers: an epoch has tens of thousands of batches, and indexing an array makes an object each time.
    firsts = (np.searchsorted(begins, starts, "right") - 1).tolist()
    lasts = (np.searchsorted(begins, stops, "left") - 1).tolist()
    needed = sorted({n for first, last in zip(firsts, lasts, strict=True) for n in range(first, last + 1)})
    with Ahead(read, join, {number: windows[number] for number in needed}) as ahead:
        for start, stop, first, last in zip(starts.tolist(), stops.tolist(), firsts, lasts, strict=True):
            found: Any = zip(begins[first:].tolist(), ahead.between(first, last), strict=False)
            # No name keeps a window that is over: the one after next is loaded into its place.
            yield _pieces(found, start, stop)


def _pieces(found: Any, start: int, stop: int) -> list[tuple[Any, Array]]:
    """Windows with their rows of a batch, from pairs of a window's first row and itself; without those that have none,
    as where a plan keeps no row of a window."""
    pieces = [(window, window.order[max(start - begin, 0) : stop - begin]) for begin, window in found]
    return [(window, rows) for window, rows in pieces if len(rows)]


def windows_of(
    sources: Sequence[Source], size: Callable[[Source], int], plan: ReadPlan, most: int
) -> list[list[Source]]:
    """Sources by window, of `most` rows but where one alone has more; shuffled as the plan says."""
    order = np.arange(len(sources))
    if plan.shuffle:
        np.random.default_rng([plan.seed, plan.epoch]).shuffle(order)
    found: list[list[Source]] = [[]]
    for source in (sources[number] for number in order.tolist()):
        if found[-1] and sum(map(size, found[-1])) + size(source) > most:
            found.append([])
        found[-1].append(source)
    return found
