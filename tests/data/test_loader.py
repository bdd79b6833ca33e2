"""Reader processes: what they raise, and how they end."""

import os
import signal
from itertools import islice

import numpy as np
import pytest

from rec.config.config import Config
from rec.data.lines import data_files
from rec.data.loader import if_slow, load_batches
from rec.data.native import NativeReader
from rec.data.plan import ReadPlan
from rec.data.rows import RowReader
from rec.errors import UserError
from support import write_lines

PLAN = ReadPlan(batch_size=4, training=True)


class Numbers:
    """A PaddleRec-style iterable of rows; `act` is called before row 9."""

    def __init__(self, act=None) -> None:
        self.act = act

    def __iter__(self):
        for row in range(22):
            if row == 9 and self.act:
                self.act()
            yield [np.array([row]), np.array([row, row])]


class Map:
    """A map-style data set."""

    def __len__(self) -> int:
        return 22

    def __getitem__(self, row: int):
        return [np.array([row])]


def fail() -> None:
    raise ZeroDivisionError("row nine")


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_reader_raises_becomes_one_line(tmp_path, workers):
    with pytest.raises(UserError, match="the reader failed: ZeroDivisionError: row nine"):
        list(load_batches(RowReader(Numbers(fail), False), PLAN, workers, tmp_path))


def test_a_killed_worker_is_reported(tmp_path):
    reader = RowReader(Numbers(lambda: os.kill(os.getpid(), signal.SIGKILL)), False)
    with pytest.raises(UserError, match="reader process 0 was killed by SIGKILL"):
        list(load_batches(reader, PLAN, 1, tmp_path))


def test_leaving_early_ends_the_workers(tmp_path):
    import multiprocessing

    batches = load_batches(RowReader(Numbers(), False), PLAN, 2, tmp_path)
    assert len(list(islice(batches, 2))) == 2
    batches.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("dataset", [Numbers(), Map()])
def test_rows_become_batches_each_once(tmp_path, workers, dataset):
    batches = list(load_batches(RowReader(dataset, False), PLAN, workers, tmp_path))
    assert [len(batch[0]) for batch in batches] == [4, 4, 4, 4, 4, 2]
    assert np.concatenate([batch[0][:, 0] for batch in batches]).tolist() == list(range(22))


def test_what_helps_where_the_steps_wait(tmp_path):
    """One process beside the step does; a second goes through all rows like the first."""
    rows = RowReader(Numbers(), False)
    assert "try runner.num_workers=1" in if_slow(rows, 0)
    assert "do not help" in if_slow(rows, 1)
    write_lines(tmp_path, ["1,0,0,a:1"])
    config = Config(tmp_path / "c.yaml", {"hyper_parameters": {"fields": ["a"], "sparse_feature_number": 9}})
    assert "prepared data" in if_slow(NativeReader(data_files(tmp_path), config), 0)


def test_whole_batches_pass_through(tmp_path):
    batches = list(load_batches(RowReader(Numbers(), True), PLAN, 2, tmp_path))
    assert [batch[1].tolist() for batch in batches] == [[row, row] for row in range(22)]


def test_rows_of_different_shapes(tmp_path):
    rows = [[np.zeros(2)], [np.zeros(3)]]
    with pytest.raises(UserError, match=r"rows of different shapes \(\(2,\) and \(3,\)\)"):
        list(load_batches(RowReader(Rows(rows), False), PLAN, 0, tmp_path))


class Rows:
    """An iterable over given rows."""

    def __init__(self, rows) -> None:
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)
