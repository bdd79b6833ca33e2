"""PaddleRec's data sets become the batches that Paddle's DataLoader makes of them."""

import random

import numpy as np
import paddle
import pytest

from rec.data.custom import LoaderDataset
from rec.data.plan import ReadPlan
from rec.data.rows import RowReader
from rec.errors import UserError


class Rows(paddle.io.IterableDataset):
    """Rows of every kind of value that DataLoader takes."""

    def __iter__(self):
        for i in range(5):
            yield [np.array([i]), i, [i, 2 * i], 1.5, "s", (np.ones(2) * i,), {"a": i}]


class Batches(paddle.io.IterableDataset):
    def __iter__(self):
        for i in range(2):
            yield [np.ones((3, 1)) * i, 7, [np.ones(2), [3, 4]], "x", paddle.ones([2])]


class Table(paddle.io.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return np.array([index]), float(index)


def same(ours, paddles) -> None:
    """Equal structure, dtype and values; ours has arrays for tensors."""
    if isinstance(paddles, paddle.Tensor):
        assert ours.dtype == paddles.numpy().dtype
        assert (ours == paddles.numpy()).all()
    elif isinstance(paddles, list):
        assert len(ours) == len(paddles)
        for a, b in zip(ours, paddles, strict=True):
            same(a, b)
    elif isinstance(paddles, dict):
        same([ours[key] for key in paddles], list(paddles.values()))
    else:
        assert ours == paddles


@pytest.mark.parametrize(
    ("dataset", "size", "drop_last"),
    [(Rows(), 2, True), (Rows(), 2, False), (Batches(), None, False), (Table(), 2, True), (Table(), 3, False)],
)
def test_batches_are_data_loaders(dataset, size, drop_last):
    expected = list(paddle.io.DataLoader(dataset, batch_size=size, drop_last=drop_last)())
    reader = RowReader(dataset, whole_batches=size is None)
    for workers in (1, 2):
        shares = [
            list(reader.batches(ReadPlan(size or 1, True, drop_last=drop_last, worker=w, workers=workers)))
            for w in range(workers)
        ]
        found = [shares[i % workers][i // workers] for i in range(sum(map(len, shares)))]
        same(found, expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[np.ones(2)], [np.ones(3)]], r"shapes \(\(2,\) and \(3,\)\), which make no batch; pad"),
        ([[1, 2], [1, 2, 3]], "rows of 2 and of 3 values"),
    ],
)
def test_rows_that_make_no_batch(rows, message):
    with pytest.raises(UserError, match=message):
        list(RowReader(iter(rows), whole_batches=False).batches(ReadPlan(2, True)))


def test_readers_draw_the_same_in_each_process_and_anew_in_each_epoch():
    class Drawing:
        def __iter__(self):
            yield from ([random.random(), np.random.random()] for _ in range(4))

    def draws(epoch: int, worker: int = 0, workers: int = 1) -> list[float]:
        plan = ReadPlan(2, True, epoch=epoch, seed=3, worker=worker, workers=workers)
        return [v for batch in RowReader(Drawing(), False).batches(plan) for column in batch for v in column.tolist()]

    assert draws(0) == draws(0)
    assert draws(0) == draws(0, 0, 2) + draws(0, 1, 2)
    assert draws(0) != draws(1)


@pytest.mark.parametrize(
    "loader",
    [
        paddle.io.DataLoader(Table(), batch_size=2),
        paddle.io.DataLoader(Table(), batch_size=2, drop_last=True),
        paddle.io.DataLoader(Batches(), batch_size=None),
        paddle.io.DataLoader(Rows(), batch_size=2, drop_last=True),
        paddle.io.DataLoader(Table(), batch_sampler=paddle.io.BatchSampler(Table(), batch_size=4)),
        paddle.io.DataLoader(Table(), batch_size=5, collate_fn=lambda rows: [np.array([row[1] for row in rows])]),
    ],
)
def test_a_models_own_loader(loader):
    same(list(LoaderDataset(loader)), list(loader()))


def test_other_loaders_and_feeds_by_name():
    feeds = [{"x": np.ones(2), "y": np.zeros(2)}]
    for loader in (feeds, lambda: iter(feeds), [feeds]):
        (batch,) = LoaderDataset(loader)
        assert [value.tolist() for value in batch] == [[1, 1], [0, 0]]


def test_a_data_loader_whose_data_set_raises_does_not_hang():
    class Broken(paddle.io.IterableDataset):
        def __iter__(self):
            yield [1]
            raise ValueError("line 2")

    with pytest.raises(ValueError, match="line 2"):
        list(LoaderDataset(paddle.io.DataLoader(Broken(), batch_size=1)))
