"""The processes that train one model together, and this one among them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle

from rec.distributed.host import free_port, interface_of, own_host
from rec.distributed.hub import Hub
from rec.distributed.launcher import launched
from rec.distributed.transport import Transport, another_group
from rec.errors import UserError
from rec.numeric import Array


class Ranks:
    """This process among those that train one model.

    Attributes:
        rank, count: its number among how many.
        sizes: how many rows of the present step each rank has.
        transport: exchanges arrays; None: there is nobody to exchange them with.
        beside: the same with exchanges of their own, which another thread may make meanwhile.
    """

    def __init__(
        self,
        rank: int = 0,
        count: int = 1,
        transport: Transport | None = None,
        beside: Transport | None = None,
        hub: Hub | None = None,
    ) -> None:
        self.rank, self.count, self.transport, self.hub = rank, count, transport, hub
        self.beside: Ranks = self if beside is None else Ranks(rank, count, beside)
        self.sizes: Sequence[int] = (0,) * count

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.count == 1

    @property
    def sent(self) -> int:
        """Bytes that this process has sent to others in exchanges."""
        own = 0 if self.transport is None else self.transport.sent
        return own if self.beside is self else own + self.beside.sent

    def order(self, what: str, **facts: Any) -> None:
        """Rank 0: tell the others, if there are any, what to do next."""
        if self.hub is not None and self.rank == 0:
            self.hub.order(what, **facts)

    def gather(self, array: Array, sizes: Sequence[int] | None = None) -> list[Array]:
        """Of each rank its array [n, ...], in the order of ranks; `sizes`: the n of each, where they are known."""
        return [array] if self.transport is None else self.transport.gather(array, sizes)

    def swap(self, arrays: Sequence[Array], sizes: Sequence[Sequence[int]]) -> list[Array]:
        """Of each rank what it has for this one, see `Transport.swap`."""
        return list(arrays) if self.transport is None else self.transport.swap(arrays, sizes)

    def mean(self, arrays: Sequence[Array]) -> list[Array]:
        """The mean over ranks of float32 arrays, shaped alike everywhere, in one exchange.

        Each rank sums a part in the order of ranks, so that a number of ranks always gives the same bits, and hands it
        to the others: 2 (K - 1) / K times the bytes of all, as a ring takes.
        """
        if self.transport is None:
            return list(arrays)
        flat = np.concatenate([np.asarray(array, np.float32).reshape(-1) for array in arrays])
        part = -(-len(flat) // self.count)
        parts = np.concatenate([flat, np.zeros(part * self.count - len(flat), np.float32)]).reshape(self.count, part)
        own = summed(self.swap(list(parts), [[part] * self.count] * self.count))
        own /= np.float32(self.count)
        total = np.concatenate(self.gather(own, [part] * self.count))
        ends = np.cumsum([np.size(array) for array in arrays])
        return [each.reshape(np.shape(array)) for each, array in zip(np.split(total, ends)[:-1], arrays, strict=True)]

    def total(self, number: float) -> float:
        """The sum of each rank's number, in the order of ranks."""
        return float(sum(each[0] for each in self.gather(np.array([number]), [1] * self.count)))

    def seed_step(self, seed: int, step: int) -> None:
        """Seed Paddle's generator for a step of training; dropout of two ranks' impressions must not be alike."""
        paddle.seed(seed + step + (self.rank << 40))

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """Raise UserError where another rank has other facts, which rank 0 says."""
        if self.transport is None:
            return
        given = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        first, *others = (json.loads(bytes(each)) for each in self.gather(given))
        for rank, found in enumerate(others, 1):
            for name, value in first.items():
                if found[name] != value:
                    raise UserError(f"{name} is {value!r} on rank 0, but {found[name]!r} on rank {rank}")

    def close(self, error: str | None, code: int) -> None:
        """This process ends; an error ends the others too, with its exit code."""
        if self.hub is not None:
            self.hub.close(error, code)


def summed(arrays: Sequence[Array]) -> Array:
    """The sum of arrays in their order, a new one."""
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total


_here: list[Ranks] = [Ranks()]


def here() -> Ranks:
    """This process among the others."""
    return _here[0]


def join(timeout: float) -> Ranks:
    """Find the others that the launcher started.

    Args:
        timeout: seconds after which a silent process counts as gone.

    Raises:
        UserError: they are not found.
    """
    rank, count, host = int(os.environ["PADDLE_TRAINER_ID"]), launched(), own_host()
    if interface := interface_of(host):  # gloo would take the one that the host's name stands for, often the loopback
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    try:
        paddle.distributed.init_parallel_env()
        hub = Hub(rank, count, timeout)
        where: list[Any] = [None]
        if rank == 0:
            server, port = hub.listen(host)
            where = [(host, free_port(host), port, secrets.token_hex(16))]
        paddle.distributed.broadcast_object_list(where, 0)
        first, store, *at = where[0]
        hub.accept(server, at[1]) if rank == 0 else hub.connect(first, *at)
        groups = (paddle.distributed.get_group(), another_group(rank, count, first, store))
        transport, beside = (Transport(rank, count, 2 * timeout, group) for group in groups)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"rank {rank} of {count}, on {host}, and the others do not find each other: {reason}") from None
    _here[0] = Ranks(rank, count, transport, beside, hub)
    return here()
