"""Arrays between processes, by Paddle's collectives.

Gloo numbers what a process group does, and a message between two ranks counts at these alone, so that with three
ranks the numbers part and nobody finds the other. So every exchange is one that all take part in. Gloo has no
all-to-all: each rank in turn scatters what it has for the others. NCCL has one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import paddle
from paddle.base import core
from paddle.distributed.communication.group import Group

from rec.device import eager, to_array, to_tensor
from rec.errors import UserError
from rec.numeric import Array

_SECONDS = 60
"""How long ranks that make a group wait for each other."""

_NUMBER = 1
"""Of the further group; Paddle's own is 0."""


class Transport:
    """Exchanges between all ranks of a process group of Paddle's, made by one thread and in the same order by all.

    Args:
        rank, count: this process among how many.
        patience: seconds in which somebody else finds out, and says, why a rank no longer answers.
        group: it, which nobody else uses.

    Attributes:
        sent: bytes that this rank has had to send to others so far, padding among them.
    """

    def __init__(self, rank: int, count: int, patience: float, group: Any) -> None:
        self.rank, self.count, self.sent, self._patience = rank, count, 0, patience
        self._group, self._paddles = group.process_group, group
        self._on_gpu = not paddle.get_device().startswith("cpu")
        self._place = paddle.CUDAPlace(0) if self._on_gpu else paddle.CPUPlace()

    def gather(self, array: Array, sizes: Sequence[int] | None = None) -> list[Array]:
        """Of each rank its array, in the order of ranks.

        Args:
            array: [n, ...], of the same type and other dimensions everywhere.
            sizes: the n of each rank; None: they are asked for first.
        """
        if sizes is None:
            sizes = [int(each[0]) for each in self.gather(np.array([len(array)], np.int64), [1] * self.count)]
        most = _aligned(max(sizes) * _width(array))
        if not most:
            return [array] * self.count
        with self._exchange():
            found = self._space(most * self.count)
            self._group.all_gather(self._packed([array], most), found).wait()
            parts = to_array(found).reshape(self.count, most)
        self.sent += most * (self.count - 1)
        return [_typed(part, array, size) for part, size in zip(parts, sizes, strict=True)]

    def swap(self, arrays: Sequence[Array], sizes: Sequence[Sequence[int]]) -> list[Array]:
        """Of each rank what it has for this one.

        Args:
            arrays: for each rank [n, ...], of one type and with the same other dimensions.
            sizes: sizes[a][b] is the n of what rank a has for rank b; all know all of them.
        """
        own, width = arrays[self.rank], _width(arrays[self.rank])
        wide = [_aligned(max(row) * width) for row in sizes]
        with self._exchange():
            parts = self._all_to_all(arrays, wide) if self._on_gpu else self._in_turn(arrays, wide)
        self.sent += wide[self.rank] * (self.count - 1)
        return [
            own if rank == self.rank else _typed(part, own, sizes[rank][self.rank]) for rank, part in enumerate(parts)
        ]

    def _in_turn(self, arrays: Sequence[Array], wide: Sequence[int]) -> list[Array]:
        """What each rank scatters, uint8 [its width]; of this one nothing that means anything."""
        found = []
        for rank, size in enumerate(wide):
            part = self._space(size)
            given = part  # nobody looks at what others than the root give
            if rank == self.rank:
                given = self._packed([array[:0] if to == rank else array for to, array in enumerate(arrays)], size)
            if size:
                self._group.scatter_tensor(part, given, rank, True).wait()
            found.append(to_array(part))
        return found

    def _all_to_all(self, arrays: Sequence[Array], wide: Sequence[int]) -> list[Array]:
        """The same on NCCL, in one exchange; a byte more, as it knows no empty tensors."""
        given = [self._packed([array], wide[self.rank] + 1) for array in arrays]
        found = [self._space(size + 1) for size in wide]
        paddle.distributed.alltoall(found, given, group=self._paddles)
        return [tensor.numpy()[:-1] for tensor in found]

    def _space(self, size: int) -> Any:
        """A tensor to receive into, uint8 [size]."""
        return to_tensor(np.empty(size, np.uint8), self._place)

    def _packed(self, arrays: Sequence[Array], size: int) -> Any:
        """The memory of arrays in `size` bytes for each, a tensor; what is behind an array means nothing."""
        found = np.empty(len(arrays) * size, np.uint8)
        for number, array in enumerate(arrays):
            found[number * size :][: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return to_tensor(found, self._place)

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[None]:
        """Turns what Paddle raises where another rank is gone into one line; that rank's line mostly comes first."""
        with eager():
            try:
                yield
            except (RuntimeError, ValueError, OSError) as error:
                time.sleep(self._patience)
                raise UserError(f"another rank does not answer: {' '.join(str(error).split())[:200]}") from None


def another_group(rank: int, count: int, host: str, port: int) -> Any:
    """A further process group of all ranks, who make it together; `host`, `port`: where rank 0 has a free port.

    Gloo's ranks find each other by a store, where Paddle's `new_group` gives each group the same keys: a rank that is
    early finds where another one was for the group before, and is refused: with three ranks, 3 of 22 starts failed.
    """
    if not paddle.get_device().startswith("cpu"):
        return paddle.distributed.new_group(list(range(count)))
    store = core.TCPStore(host, port, rank == 0, count, _SECONDS)
    gloo = core.ProcessGroupGloo.create(store, rank, count, _NUMBER)
    return Group(rank, _NUMBER, list(range(count)), gloo, "beside")


def _width(array: Array) -> int:
    """Bytes of a row."""
    return array.itemsize * int(np.prod(array.shape[1:]))


def _aligned(size: int) -> int:
    """So many bytes, or a few more, that the next rank's part begins where a number of any type may."""
    return -(-size // 8) * 8


def _typed(memory: Array, like: Array, size: int) -> Array:
    """An array of `size` rows in memory that another rank has filled."""
    end = size * _width(like)
    return memory[:end].view(like.dtype).reshape(size, *like.shape[1:])
