"""Arrays between processes, by Paddle's collectives.

Gloo has no all-to-all, and its sends wait until they are received. So every two ranks meet in turn, and the lower one
sends first. NCCL has an all-to-all of its own.
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

_HOST = paddle.CPUPlace()


class Transport:
    """Exchanges between all ranks of Paddle's process group, made by this thread alone and by all in the same order.

    Args:
        rank, count: this process among how many.
        patience: seconds in which somebody else finds out, and says, why a rank no longer answers.

    Attributes:
        sent: bytes that this rank has sent to others.
    """

    def __init__(self, rank: int, count: int, patience: float) -> None:
        paddle.distributed.init_parallel_env()
        self.rank, self.count, self.sent, self._patience = rank, count, 0, patience
        self._group = paddle.distributed.collective._get_default_group().process_group
        self._on_gpu = not paddle.get_device().startswith("cpu")
        self._partners = list(_partners(rank, count))

    def sizes(self, size: int) -> list[int]:
        """Of each rank the number that it gives."""
        return [int(each[0]) for each in self.swap([np.array([size], np.int64)] * self.count, [1] * self.count)]

    def gather(self, array: Array, sizes: Sequence[int] | None = None) -> list[Array]:
        """Of each rank its array, in the order of ranks.

        Args:
            array: [n, ...], of the same type and other dimensions everywhere.
            sizes: the n of each rank; None: they are asked for first.
        """
        known = self.sizes(len(array)) if sizes is None else sizes
        return self.swap([array] * self.count, known)

    def swap(self, arrays: Sequence[Array], sizes: Sequence[int]) -> list[Array]:
        """Of each rank what it has for this one.

        Args:
            arrays: for each rank [n, ...], of one type and with the same other dimensions.
            sizes: the n of what each rank has for this one.
        """
        own = arrays[self.rank]
        found = [np.empty((size, *own.shape[1:]), own.dtype) for size in sizes]
        found[self.rank] = own
        with eager(), self._answered():
            self._all_to_all(arrays, found) if self._on_gpu else self._in_pairs(arrays, found)
        return found

    def _in_pairs(self, arrays: Sequence[Array], found: Sequence[Array]) -> None:
        for partner in self._partners:
            for sends in (self.rank < partner, self.rank > partner):
                if sends and arrays[partner].size:
                    self._send(arrays[partner], partner)
                elif not sends and found[partner].size:
                    self._receive(found[partner], partner)

    def _send(self, array: Array, partner: int) -> None:
        self._group.send(to_tensor(_bytes(array), _HOST), partner, True).wait()
        self.sent += array.nbytes

    def _receive(self, array: Array, partner: int) -> None:
        tensor = to_tensor(np.empty(array.nbytes, np.uint8), _HOST)
        self._group.recv(tensor, partner, True).wait()
        _bytes(array)[:] = to_array(tensor)

    @contextlib.contextmanager
    def _answered(self) -> Iterator[None]:
        """Turns what Paddle raises where another rank is gone into one line; that rank's line mostly comes first."""
        try:
            yield
        except (RuntimeError, ValueError, OSError) as error:
            time.sleep(self._patience)
            raise UserError(f"another rank does not answer: {' '.join(str(error).split())[:200]}") from None

    def _all_to_all(self, arrays: Sequence[Array], found: Sequence[Array]) -> None:
        """The same on NCCL, which knows no empty tensors: each carries a byte more."""
        pad = np.zeros(1, np.uint8)
        given = [paddle.to_tensor(np.concatenate([_bytes(array), pad])) for array in arrays]
        taken = [paddle.empty([array.nbytes + 1], "uint8") for array in found]
        paddle.distributed.alltoall(taken, given)
        for array, tensor in zip(found, taken, strict=True):
            _bytes(array)[:] = tensor.numpy()[:-1]
        self.sent += sum(array.nbytes for rank, array in enumerate(arrays) if rank != self.rank)


def _bytes(array: Array) -> Array:
    """The memory of an array in one piece, uint8 [bytes]."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _partners(rank: int, count: int) -> Iterator[int]:
    """Whom a rank meets, round by round: in each round every rank has one partner, or rests (the circle method)."""
    seats = count + count % 2
    for turn in range(seats - 1):
        partner = next(other for other in range(seats) if _meet(rank, other, turn, seats))
        if partner < count:
            yield partner


def _meet(a: int, b: int, turn: int, seats: int) -> bool:
    """Whether two of an even number of seats, the last of which stays, are partners."""
    if a == b:
        return False
    if seats - 1 in (a, b):
        return 2 * min(a, b) % (seats - 1) == turn
    return (a + b) % (seats - 1) == turn
