"""The embedding table of a run, where it is to live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle

from rec.data.table_rows import TableRows
from rec.distributed.ranks import here
from rec.numeric import Array
from rec.table.device import DeviceTable
from rec.table.host import HostTable
from rec.table.optimizer import RowOptimizer
from rec.table.replicated import ReplicatedTable
from rec.table.sharded import ShardedTable, share_of
from rec.table.split import SplitTable
from rec.table.table import Table, initial_weights


def build_table(
    rows: TableRows,
    dim: int,
    spaces: int,
    rule: Callable[[], RowOptimizer],
    seed: int,
    place: Any,
    sharded: bool = False,
) -> Table:
    """A table with its initial weights; one for each width, where there are several.

    Args:
        rows: what they are.
        dim: the network's width.
        spaces: how many embeddings of a field stand in turn in a row of that width.
        rule: makes the row-wise optimizer.
        seed: of the weights that nobody gives.
        place: where it lives.
        sharded: whether several trainers divide its rows.
    """
    rank, count = (here().rank, here().count) if sharded else (0, 1)
    tables: dict[int, Table] = {}
    for number, (first, end, width) in enumerate(rows.parts()):
        own = rows.of(first, end)
        seeds = [seed, width, rows.day] if rows.day else [seed, width] if width else [seed]
        shape, moving = (own.num_id, width or dim), own.moving()
        weight = initial_weights(*shape, *seeds) if count == 1 else share_of(*shape, rank, count, *seeds)
        for ids, vectors in own.given:
            mine = ids % count == rank
            _begin(weight, ids[mine] // count, vectors[mine], 1 if width else spaces)
        if count == 1:
            tables[width] = _whole(weight, rule(), moving, place)
        else:
            part = None if moving is None else moving[rank::count]
            tables[width] = ShardedTable(weight, rule(), part, here(), own.num_id, number)
    return SplitTable([first for first, _, _ in rows.parts()], tables) if len(tables) > 1 else tables[0]


def _whole(weight: Array, rule: RowOptimizer, moving: Array | None, place: Any) -> Table:
    if not isinstance(place, paddle.CPUPlace):
        return DeviceTable(weight, rule, place, moving)
    return HostTable(weight, rule, moving) if here().alone else ReplicatedTable(weight, rule, moving, here())


def _begin(weight: Array, ids: Array, vectors: Array, spaces: int) -> None:
    """Give rows their first numbers: in each of the spaces that stand in turn in a row, `weight` [V, D]."""
    each = weight.shape[1] // spaces
    for start in range(0, spaces * each, each):
        weight[ids, start : start + vectors.shape[1]] = vectors
