"""A divided table in a checkpoint: a file of each trainer's rows, row i in that of trainer i mod K, of K."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from rec.errors import UserError
from rec.numeric import Array

_NAME = re.compile(r".+\.table-(\d{5})-of-(\d{5})\.safetensors")


def shard_name(prefix: str, rank: int, count: int) -> str:
    """The file of a trainer's rows."""
    return f"{prefix}.table-{rank:05}-of-{count:05}.safetensors"


def shards_of(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """A checkpoint's shards in the order of their trainers; none where its table is not divided.

    Args:
        files: what state.json names.

    Raises:
        UserError: one is missing, or there are others than it names.
    """
    named = sorted(name for name in files if _NAME.fullmatch(name))
    there = sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))
    for name in sorted({*named} ^ {*there}):
        what = "is missing" if name in named else "is not one that state.json names"
        raise UserError(f"{folder / name}: {what}: damaged; use another checkpoint")
    counts = {match[2] for match in map(_NAME.fullmatch, named) if match}
    if named and (len(counts) > 1 or int(counts.pop()) != len(named)):
        raise UserError(f"{folder}: has {len(named)} shards ({', '.join(named)}): damaged; use another checkpoint")
    return [folder / name for name in named]


class Joined:
    """An array whose rows are in shards; as an array it is whole, by `[rank::count]` it is read no further than that.

    Attributes:
        shape, dtype: of the whole.
    """

    def __init__(self, paths: list[Path], name: str) -> None:
        self._paths, self._name = paths, name
        first, *_ = parts = [self._read(path, rows=False) for path in paths]
        count = sum(part.shape[0] for part in parts)
        self.shape, self.dtype = (count, *first.shape[1:]), first.dtype
        for number, part in enumerate(parts):
            if part.shape != (len(range(number, count, len(paths))), *first.shape[1:]) or part.dtype != first.dtype:
                raise UserError(f"{paths[number]}: {name} has another shape than in the other shards: damaged")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        if not (isinstance(rows, slice) and rows.stop is None and rows.step):
            return np.asarray(np.asarray(self)[rows])
        wanted, count = np.arange(rows.start or 0, len(self), rows.step), len(self._paths)
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        for number, path in enumerate(self._paths):
            own = wanted % count == number
            if own.any():
                found[own] = self._read(path)[wanted[own] // count]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        whole = np.empty(self.shape, self.dtype)
        for number, path in enumerate(self._paths):
            whole[number :: len(self._paths)] = self._read(path)
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _read(self, path: Path, rows: bool = True) -> Array:
        """A shard's rows, or none of them but in their shape."""
        try:
            with safe_open(path, "numpy") as file:
                if rows:
                    return np.asarray(file.get_tensor(self._name))
                some = file.get_slice(self._name)
                return np.broadcast_to(np.zeros((), some[:0].dtype), some.get_shape())
        except (OSError, SafetensorError, ValueError, TypeError) as error:
            raise UserError(f"{path}: truncated or damaged ({error}); use another checkpoint") from None


def read(paths: list[Path], optimizer: bool) -> dict[str, Joined]:
    """The arrays of a divided table by name, with or without the optimizer's (those with a `/`).

    Raises:
        UserError: a shard is damaged.
    """
    try:
        with safe_open(paths[0], "numpy") as file:
            names = [name for name in file.keys() if optimizer or "/" not in name]  # noqa: SIM118 - it is no dict
    except (OSError, SafetensorError) as error:
        raise UserError(f"{paths[0]}: truncated or damaged ({error}); use another checkpoint") from None
    return {name: Joined(paths, name) for name in names}
