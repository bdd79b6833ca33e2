"""How the simulation's functions are compiled: without the interpreter's lock, once per machine (some 30 s)."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from numba import njit


def _forget_stale(folder: Path) -> None:
    """Drop what was compiled before any source here changed: numba itself looks at a function's own file only."""
    newest = max(source.stat().st_mtime for source in folder.rglob("*.py"))
    for cached in folder.rglob("__pycache__/*.nb[ci]"):
        with suppress(FileNotFoundError):  # another process does the same
            if cached.stat().st_mtime < newest:
                cached.unlink()


_forget_stale(Path(__file__).parent)
# Numba compiles a function anew for each constant that a compiled caller passes: those that get many state their types.
compiled = partial(njit, cache=True, nogil=True, error_model="numpy")
