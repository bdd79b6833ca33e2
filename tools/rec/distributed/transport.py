"""Arrays between processes, by Paddle's collectives.

Gloo numbers what a process group does, and a message between two ranks counts at these alone, so that with three
ranks the numbers part and nobody finds the other. So every exchange is one that all take part in. Gloo has no
all-to-all: each rank in turn scatters what it has for the others. NCCL has one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
import paddle

from rec.device import eager, to_array, to_tensor
from rec.errors import UserError
from rec.numeric import Array


class Transport:
    """Exchanges between all ranks of Paddle's process group, made by one thread and in the same order by all.

    Args:
        rank, count: this process among how many.
        patience: seconds in which somebody else finds out, and says, why a rank no longer answers.

    Attributes:
        sent: bytes that this rank has had to send to others so far, padding among them.
    """

    def __init__(self, rank: int, count: int, patience: float) -> None:
        paddle.distributed.init_parallel_env()
        self.rank, self.count, self.sent, self._patience = rank, count, 0, patience
        self._group = paddle.distributed.collective._get_default_group().process_group
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
        most = max(sizes) * _width(array)
        if not most:
            return [array] * self.count
        with self._exchange():
            found = to_tensor(np.empty(most * self.count, np.uint8), self._place)
            self._group.all_gather(to_tensor(_padded(array, most), self._place), found).wait()
            parts = to_array(found).reshape(self.count, most).copy()
        self.sent += most * (self.count - 1)
        return [_typed(part, array, size) for part, size in zip(parts, sizes, strict=True)]

    def swap(self, arrays: Sequence[Array], sizes: Sequence[Sequence[int]]) -> list[Array]:
        """Of each rank what it has for this one.

        Args:
            arrays: for each rank [n, ...], of one type and with the same other dimensions.
            sizes: sizes[a][b] is the n of what rank a has for rank b; all know all of them.
        """
        own, width = arrays[self.rank], _width(arrays[self.rank])
        wide = [max(row) * width for row in sizes]
        with self._exchange():
            parts = self._all_to_all(arrays, wide) if self._on_gpu else self._in_turn(arrays, wide)
        self.sent += wide[self.rank] * (self.count - 1)
        return [
            own if rank == self.rank else _typed(part, own, sizes[rank][self.rank]) for rank, part in enumerate(parts)
        ]

    def _in_turn(self, arrays: Sequence[Array], wide: Sequence[int]) -> list[Array]:
        """What each rank scatters, uint8 [its width]."""
        found = []
        for rank, size in enumerate(wide):
            part = to_tensor(np.empty(size, np.uint8), self._place)
            given = [_padded(array, size) for array in arrays] if rank == self.rank else [np.empty(size, np.uint8)]
            if size:
                self._group.scatter_tensor(part, to_tensor(np.concatenate(given), self._place), rank, True).wait()
            found.append(to_array(part).copy())
        return found

    def _all_to_all(self, arrays: Sequence[Array], wide: Sequence[int]) -> list[Array]:
        """The same on NCCL, in one exchange; a byte more, as it knows no empty tensors."""
        given = [to_tensor(_padded(array, wide[self.rank] + 1), self._place) for array in arrays]
        found = [to_tensor(np.empty(size + 1, np.uint8), self._place) for size in wide]
        paddle.distributed.alltoall(found, given)
        return [tensor.numpy()[:-1] for tensor in found]

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[None]:
        """Turns what Paddle raises where another rank is gone into one line; that rank's line mostly comes first."""
        with eager():
            try:
                yield
            except (RuntimeError, ValueError, OSError) as error:
                time.sleep(self._patience)
                raise UserError(f"another rank does not answer: {' '.join(str(error).split())[:200]}") from None


def _width(array: Array) -> int:
    """Bytes of a row."""
    return array.itemsize * int(np.prod(array.shape[1:]))


def _padded(array: Array, size: int) -> Array:
    """The memory of an array in one piece, uint8 [size]; what is behind it means nothing."""
    found = np.empty(size, np.uint8)
    found[: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return found


def _typed(memory: Array, like: Array, size: int) -> Array:
    """An array of `size` rows in memory that another rank has filled."""
    end = size * _width(like)
    return memory[:end].view(like.dtype).reshape(size, *like.shape[1:])
