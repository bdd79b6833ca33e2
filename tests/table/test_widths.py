"""Tables of several widths as one, and rows that never move."""

import numpy as np
import paddle
import pytest

from rec.data.batch import Bags, Batch
from rec.table.device import DeviceTable
from rec.table.host import HostTable
from rec.table.optimizer import SGD, Adam
from rec.table.split import SplitTable

NARROW = np.arange(12, dtype=np.float32).reshape(4, 3)
WIDE = -np.arange(25, dtype=np.float32).reshape(5, 5)
ROWS = np.array([6, 1, 3, 8], np.int64)
"""Ids 4 and more are the wide table's: 6 and 8 its rows 2 and 4."""


def bags(positions: list[int], lengths: list[int], dim: int) -> Bags:
    offsets = np.cumsum([0, *lengths]).astype(np.int32)
    return Bags(1, np.array(positions, np.int32), offsets, fields=("f",), dim=dim)


BATCH = Batch(ROWS, (bags([1, 2, 1], [2, 1], 0), bags([3, 0, 0], [1, 2], 5)), {}, np.arange(2))


def split(rule=SGD, kind=HostTable, **settings) -> SplitTable:
    more = (paddle.CPUPlace(),) if kind is DeviceTable else ()
    return SplitTable([0, 4], {0: kind(NARROW.copy(), rule(1.0), *more), 5: kind(WIDE.copy(), rule(1.0), *more)})


@pytest.mark.parametrize("kind", [HostTable, DeviceTable])
def test_each_block_is_of_its_table(kind):
    table = split(kind=kind)
    narrow, wide = (np.asarray(found) for found in table.pull(BATCH))
    assert (narrow == [NARROW[1] + NARROW[3], NARROW[1]]).all()
    assert (wide == [WIDE[4], 2 * WIDE[2]]).all()
    table.push(BATCH, [np.ones((2, 3), np.float32), np.full((2, 5), 10, np.float32)])
    weights = table.weights()
    moved = NARROW - np.array([0, 2, 0, 1], np.float32)[:, None]
    assert (weights["embedding.weight"] == moved).all()
    assert (weights["embedding_5.weight"] == WIDE - np.array([0, 0, 20, 0, 10], np.float32)[:, None]).all()


def test_what_is_stored_is_taken_back():
    one, other = split(Adam), split(Adam)
    one.push(BATCH, [np.ones((2, 3), np.float32), np.full((2, 5), 10, np.float32)])
    stored = {name: array.copy() for name, array in {**one.weights(), **one.optimizer_state()}.items()}
    assert {name.split("/")[0] for name in stored} == {"embedding.weight", "embedding_5.weight"}
    other.load(stored)
    for name, array in {**other.weights(), **other.optimizer_state()}.items():
        assert (array == stored[name]).all()
    assert other.by_width()[5][0] == 4


@pytest.mark.parametrize("kind", [HostTable, DeviceTable])
@pytest.mark.parametrize("fixed", [[], [1], [1, 3], [0, 1, 2, 3]])
def test_fixed_rows_stay_and_have_no_state(kind, fixed):
    moving = np.ones(4, bool)
    moving[fixed] = False
    more = (paddle.CPUPlace(),) if kind is DeviceTable else ()
    table = kind(NARROW.copy(), Adam(0.1), *more, moving=moving)
    free = kind(NARROW.copy(), Adam(0.1), *more)
    batch = Batch(np.array([1, 3], np.int64), (bags([0, 1], [1, 1], 0),), {}, np.arange(2))
    for each in (table, free):
        each.push(batch, [np.ones((2, 3), np.float32)])
    for name, array in table.arrays().items():
        expected = free.arrays()[name].copy()
        start = type(table)(NARROW.copy(), Adam(0.1), *more).arrays()[name]
        expected[~moving] = start[~moving]
        assert (array == expected).all(), name


@pytest.mark.parametrize("kind", [HostTable, DeviceTable])
def test_what_is_collected_is_what_a_push_moves_by(kind):
    """The sums over tokens of each distinct row, 0 where a row does not move; they may be shortened in between."""
    gradients = [np.ones((2, 3), np.float32), np.full((2, 5), 10, np.float32)]
    table = split(kind=kind)
    narrow, wide = (np.asarray(each) for each in table.collect(BATCH, gradients))
    assert narrow.tolist() == [[2.0] * 3, [1.0] * 3]  # rows 1 and 3
    assert wide.tolist() == [[20.0] * 5, [10.0] * 5]  # rows 6 - 4 and 8 - 4
    table.set_rate(0.5)
    table.move(BATCH, [each * 0.5 for each in table.collect(BATCH, gradients)])
    weights = table.weights()
    assert (weights["embedding.weight"][1] == NARROW[1] - 0.5).all()
    assert (weights["embedding_5.weight"][2] == WIDE[2] - 5).all()
    more = (paddle.CPUPlace(),) if kind is DeviceTable else ()
    fixed = kind(NARROW.copy(), SGD(1.0), *more, np.array([True, False, True, True]))
    batch = Batch(np.array([1, 3]), (bags([0, 1, 0], [2, 1], 0),), {}, np.arange(2))
    (total,) = fixed.collect(batch, gradients[:1])
    assert np.asarray(total).tolist() == [[0.0] * 3, [1.0] * 3]
