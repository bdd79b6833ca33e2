"""How glibc deals with freed memory: kept for the next step, or given back at once."""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Names of settings in glibc's malloc.h."""


def keep_freed_memory() -> None:
    """For a training step, whose temporaries would be given back and faulted in again, each time."""
    _set({_M_MMAP_THRESHOLD: 1 << 25, _M_TRIM_THRESHOLD: (1 << 31) - 1})


def return_freed_memory() -> None:
    """For a stream of blocks through threads, whose arenas would each keep what their largest block took."""
    _set({_M_MMAP_THRESHOLD: 1 << 22, _M_ARENA_MAX: 2})


def _set(values: dict[int, int]) -> None:
    with contextlib.suppress(OSError, AttributeError):  # another C library has no mallopt
        libc = ctypes.CDLL(None)
        for name, value in values.items():
            libc.mallopt(name, value)
