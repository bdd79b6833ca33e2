"""Jobs side by side on the cores, for work that releases the interpreter's lock: kernels and NumPy's products."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np


@cache
def threads() -> int:
    """How many threads compute (OMP_NUM_THREADS, which the tools set to the number of cores unless it is set)."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def parallel_map(work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
    """`work(*job)` of each job, in order. The calling thread takes part, so one thread alone needs no other."""
    results: list[Any] = [None] * len(jobs)
    numbers = iter(range(len(jobs)))  # shared: a thread takes the next job when it has done its last

    def take_part() -> None:
        with np.errstate(all="ignore"):  # the loop reports a loss that is not finite
            for number in numbers:
                results[number] = work(*jobs[number])

    helpers = [_pool().submit(take_part) for _ in range(min(threads(), len(jobs)) - 1)]
    try:
        take_part()
    finally:
        for _ in numbers:  # after an error nobody begins another
            pass
        begun = [helper for helper in helpers if not helper.cancel()]  # the others' thread is busy elsewhere
    for helper in begun:
        helper.result()
    return results


def cuts(size: int, least: int) -> list[slice]:
    """`size` items in equal parts, one for each thread but none of fewer than `least`."""
    parts = max(1, min(threads(), size // least))
    return [slice(a, b) for a, b in pairwise(size * i // parts for i in range(parts + 1))]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, threads() - 1), thread_name_prefix="together")
