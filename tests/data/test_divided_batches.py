"""Parts of batches that several trainers tell each other of ahead of their steps."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import numpy as np
import pytest

from rec.data.batch import Batch
from rec.data.divided import divided_batches
from rec.data.plan import ReadPlan
from rec.distributed.hub import Hub
from rec.distributed.ranks import Ranks
from trainers import together

ROWS = 11
PLAN = ReadPlan(batch_size=2, training=True)


@dataclass
class Reader:
    """Batches of one label; those of `empty` have no impression, as where labels contradict."""

    empty: tuple[int, ...] = ()
    labels = ("click",)

    def count(self, plan: ReadPlan) -> int:
        return ROWS

    def batches(self, plan: ReadPlan):
        for index, rows in enumerate(plan.rows(ROWS)):
            yield batch_of(rows[:0] if index in self.empty else rows)


def batch_of(rows) -> Batch:
    return Batch(rows, (), {"click": rows.astype(np.float32)}, rows.astype("S"))


class Table:
    """What it is asked for ahead is the batch's ids of all."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks

    def exchange_ids(self, batch: Batch):
        return np.concatenate(self.ranks.beside.gather(batch.own_rows)).tolist()


def joined(ranks: Ranks, port: socket.socket) -> Hub:
    """Lines between trainers, which are threads here."""
    hub = Hub(ranks.rank, ranks.count, 20)
    hub.accept(port, "key") if ranks.rank == 0 else hub.connect(*port.getsockname(), "key")
    return hub


def run(count: int, work, reader: Reader):
    """What each trainer makes of its batches."""
    port = socket.create_server(("127.0.0.1", 0))
    port.settimeout(20)

    def part(ranks: Ranks):
        ranks.hub = joined(ranks, port)
        plan = PLAN.divided(ranks.rank, count)
        found = work(ranks, divided_batches(reader.batches(plan), reader, plan, ranks, Table(ranks)))
        ranks.hub.close()
        return found

    return together(count, part)


@pytest.mark.parametrize("count", [2, 3])
def test_all_know_the_labels_and_what_the_table_tells(count):
    def work(ranks, batches):
        return [(b.everyone.sizes, b.told["click"].tolist(), b.asked, ranks.sizes) for b in batches]

    first, *others = run(count, work, Reader())
    assert all(found == first for found in others)
    assert [row for _, label, _, _ in first for row in label] == list(range(ROWS))
    for sizes, label, asked, present in first:
        assert sum(sizes) == len(label)
        assert asked == label
        assert present == sizes


def test_batches_without_an_impression_are_the_first_ones_alone():
    """It counts them, and they make no step, however many come together."""
    first, second = run(2, lambda ranks, batches: [len(b.everyone) for b in batches], Reader(empty=(0, 1)))
    assert first == [0, 0, 3]
    assert second == [3]


def test_who_leaves_early_lets_the_others_go():
    def work(ranks, batches):
        found = next(batches).told["click"].tolist()
        batches.close()
        return found

    assert run(2, work, Reader()) == [[0, 1, 2, 3]] * 2


def test_what_one_cannot_read_its_orders_say():
    class Damaged(Reader):
        def batches(self, plan: ReadPlan):
            if plan.rank:
                raise ValueError("damaged")
            yield from super().batches(plan)

    port = socket.create_server(("127.0.0.1", 0))
    port.settimeout(20)

    def work(ranks):
        hub = ranks.hub = joined(ranks, port)
        if ranks.rank:
            plan = PLAN.divided(1, 2)
            divided_batches(Damaged().batches(plan), Damaged(), plan, ranks, Table(ranks))
            order = hub.next_order()
            hub.close()
            return order["order"], str(order["error"])
        return None

    assert together(2, work)[1] == ("fail", "damaged")
