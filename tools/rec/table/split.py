"""An embedding table whose rows have several widths: a table for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rec.data.batch import Bags, Batch
from rec.numeric import Array
from rec.table.table import WEIGHT, Table


class SplitTable(Table):
    """Tables in the order of their ids, each counted from 0 on.

    A batch's blocks of one width (`Bags.dim`) are those of one table, which sees a batch of these alone.

    Args:
        firsts: the first id of each.
        tables: by `Bags.dim`, 0 for the network's own width.
    """

    def __init__(self, firsts: Sequence[int], tables: dict[int, Table]) -> None:
        super().__init__(tables[0].dim, tables[0].optimizer)
        self._tables = tables
        self.divided = tables[0].divided
        self._ranges = dict(zip(tables, zip(firsts, [*firsts[1:], None], strict=True), strict=True))
        self._last: tuple[Batch, dict[int, Batch]] | None = None

    def pull(self, batch: Batch) -> list[Any]:
        parts = self._parts(batch)
        pulled = {dim: iter(table.pull(parts[dim])) for dim, table in self._tables.items()}
        return [next(pulled[bags.dim]) for bags in batch.bags]

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        for dim, part in self._parts(batch).items():
            own = [gradient for bags, gradient in zip(batch.bags, gradients, strict=True) if bags.dim == dim]
            self._tables[dim].push(part, own)

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Any]:
        found = []
        for dim, part in self._parts(batch).items():
            own = [gradient for bags, gradient in zip(batch.bags, gradients, strict=True) if bags.dim == dim]
            found += self._tables[dim].collect(part, own)
        return found

    def exchange_ids(self, batch: Batch) -> dict[int, Batch]:
        parts = {dim: self._part(batch, dim) for dim in self._tables}
        asked = {dim: self._tables[dim].exchange_ids(part) for dim, part in parts.items()}
        return {dim: replace(parts[dim], asked=each) for dim, each in asked.items()}

    def ids(self, batch: Batch) -> list[Array]:
        return [batch.rows[self._within(batch, dim)] for dim in self._tables]

    def move(self, batch: Batch, collected: list[Any]) -> None:
        for (dim, part), own in zip(self._parts(batch).items(), collected, strict=True):
            self._tables[dim].move(part, [own])

    @property
    def parts(self) -> list[Table]:
        return list(self._tables.values())

    def set_rate(self, rate: float) -> None:
        for table in self._tables.values():
            table.set_rate(rate)

    def set_steps(self, steps: int) -> None:
        for table in self._tables.values():
            table.set_steps(steps)

    def show_averages(self) -> None:
        for table in self._tables.values():
            table.show_averages()

    def show_moved(self) -> None:
        for table in self._tables.values():
            table.show_moved()

    def _parts(self, batch: Batch) -> dict[int, Batch]:
        """The batch as each table sees it; a step asks twice."""
        if batch.asked is not None:
            return dict(batch.asked)
        if self._last is None or self._last[0] is not batch:
            self._last = (batch, {dim: self._part(batch, dim) for dim in self._tables})
        return self._last[1]

    def _part(self, batch: Batch, dim: int) -> Batch:
        first, own = self._ranges[dim][0], self._within(batch, dim)
        place = (np.cumsum(own) - 1).astype(np.int32)
        bags = tuple(_moved(bags, place) for bags in batch.bags if bags.dim == dim)
        return replace(batch, rows=batch.rows[own] - first, bags=bags)

    def _within(self, batch: Batch, dim: int) -> Array:
        """Which of a batch's rows have a width, bool [N]."""
        first, end = self._ranges[dim]
        return batch.rows >= first if end is None else (batch.rows >= first) & (batch.rows < end)

    def by_width(self) -> dict[int, tuple[int, Array]]:
        return {dim: (self._ranges[dim][0], table.arrays()["weight"]) for dim, table in self._tables.items()}

    def weights(self) -> dict[str, Array]:
        return {named(name, dim): array for dim, t in self._tables.items() for name, array in t.weights().items()}

    def optimizer_state(self) -> dict[str, Array]:
        return {
            named(name, dim): array for dim, t in self._tables.items() for name, array in t.optimizer_state().items()
        }

    def shard(self) -> dict[str, Array]:
        return {named(name, dim): array for dim, t in self._tables.items() for name, array in t.shard().items()}

    def load(self, arrays: dict[str, Array]) -> None:
        for dim, table in self._tables.items():
            own = named(WEIGHT, dim)
            table.load({k.replace(own, WEIGHT): v for k, v in arrays.items() if k.split("/")[0] == own})

    def arrays(self) -> dict[str, Array]:
        raise NotImplementedError("several tables have no array in common: see weights and optimizer_state")

    def take(self, arrays: dict[str, Array]) -> None:
        raise NotImplementedError("several tables have no array in common: see load")


def _moved(bags: Bags, place: Array) -> Bags:
    return replace(bags, positions=place[bags.positions])


def named(name: str, dim: int) -> str:
    """What a checkpoint calls an array of the table of a width; `name`: that of the network's."""
    return name.replace(WEIGHT, f"embedding_{dim}.weight") if dim else name
