"""Tables of several trainers, as threads, against one table that sees the whole batch."""

from dataclasses import replace

import numpy as np
import pytest

from rec.data.batch import Everyone
from rec.table import sharded
from rec.table.host import HostTable
from rec.table.optimizer import SGD, Adagrad, Adam
from rec.table.replicated import ReplicatedTable
from rec.table.sharded import ShardedTable, share_of
from rec.table.split import SplitTable
from rec.table.table import initial_weights
from table.test_table import D, V, batch_of, weight_matrix
from trainers import together

PARTS = [[[[3], [5, 5, 7]], [[], [3]]], [[[11, 0], []]], [[[1], [3]], [[0], [0, 0]]]]
"""Of each of three trainers its impressions of two fields."""
GRADIENT = np.random.default_rng(1).normal(size=(5, 2 * D)).astype(np.float32)
FROZEN = np.arange(V) != 3


def table_of(kind, ranks, rule, moving):
    if kind == "replicated":
        return ReplicatedTable(weight_matrix(), rule, moving, ranks)
    part = slice(ranks.rank, None, ranks.count)
    own = None if moving is None else moving[part]
    return ShardedTable(weight_matrix()[part].copy(), rule, own, ranks, V, 0)


@pytest.mark.parametrize("kind", ["replicated", "sharded"])
@pytest.mark.parametrize("rule", [lambda: SGD(0.1), lambda: Adam(0.1), lambda: Adagrad(0.1)])
@pytest.mark.parametrize("moving", [None, FROZEN])
@pytest.mark.parametrize("idle", [False, True])
def test_trainers_move_a_table_as_one_does(kind, rule, moving, idle):
    alone = HostTable(weight_matrix(), rule(), moving)
    whole = batch_of([row for part in (PARTS[:2] if idle else PARTS) for row in part])
    expected = []
    for _ in range(3):
        expected.append(alone.pull(whole)[0])
        alone.push(whole, [GRADIENT[: len(expected[-1])]])
    sizes = (2, 1, 0 if idle else 2)
    ends = np.cumsum(sizes)

    def work(ranks):
        table = table_of(kind, ranks, rule(), moving)
        own, rank = batch_of(PARTS[ranks.rank]), ranks.rank
        own = replace(own, everyone=Everyone({}, sizes, rank, {}))
        own = replace(own, asked=table.exchange_ids(own))
        gradient = np.zeros((len(PARTS[rank]), 2 * D), np.float32)
        gradient[: sizes[rank]] = 3 * GRADIENT[ends[rank] - sizes[rank] : ends[rank]]  # their mean is taken
        pulled = []
        for _ in range(3):
            pulled.append(table.pull(own)[0][: sizes[rank]])
            table.push(own, [gradient])
        return pulled, table.shard(), table.weights()

    results = together(3, work)
    for step in range(3):
        np.testing.assert_allclose(np.concatenate([pulled[step] for pulled, _, _ in results]), expected[step], 1e-5)
    for rank, (_, shard, weights) in enumerate(results):
        assert weights["embedding.weight"].shape == (V, D)
        assert shard.keys() == alone.shard().keys()
        for name, value in alone.shard().items():
            own = value if kind == "replicated" else value[rank::3]
            np.testing.assert_allclose(shard[name], own, 2e-5, 1e-7, err_msg=name)


def test_tables_of_several_widths_are_divided_each_by_itself():
    def work(ranks):
        firsts, tables = [0, 7], {}
        for number, (width, rows) in enumerate({0: 7, 2: 5}.items()):
            weight = share_of(rows, width or D, ranks.rank, ranks.count, 1, width)
            tables[width] = ShardedTable(weight, SGD(1.0), None, ranks, rows, number)
        table = SplitTable(firsts, tables)
        assert table.divided
        return table.shard()

    for rank, found in enumerate(together(2, work)):
        np.testing.assert_array_equal(found["embedding.weight"], initial_weights(7, D, 1, 0)[rank::2])
        np.testing.assert_array_equal(found["embedding_2.weight"], initial_weights(5, 2, 1, 2)[rank::2])


def test_a_part_takes_its_rows_of_a_whole_array():
    whole = weight_matrix()

    def work(ranks):
        table = ShardedTable(np.zeros_like(whole[ranks.rank :: 2]), SGD(), None, ranks, V, 0)
        table.load({"embedding.weight": whole})
        return table.serve() if ranks.rank else table.pull(batch_of([[[4], [5, 6]]]))[0]

    expected = np.concatenate([whole[4], whole[5] + whole[6]])
    np.testing.assert_allclose(together(2, work)[0], [expected], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_parts_begin_with_the_weights_of_the_whole(count, monkeypatch):
    monkeypatch.setattr(sharded, "BLOCK", 100)
    whole = initial_weights(101, 3, 5, 6)
    for rank in range(count):
        np.testing.assert_array_equal(share_of(101, 3, rank, count, 5, 6), whole[rank::count])
