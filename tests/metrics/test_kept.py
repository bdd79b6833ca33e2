"""Rows of a column come back in their order, wherever they waited."""

import numpy as np
import pytest

from rec.metrics import kept
from rec.metrics.kept import Kept
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("disk", ["there", "full"])
def test_all_rows_and_those_since_any(monkeypatch, disk):
    monkeypatch.setattr(kept, "IN_MEMORY", 10)
    if disk == "full":
        monkeypatch.setattr(kept.tempfile, "TemporaryFile", full_disk)
    random = np.random.default_rng(0)
    column, expected = Kept(np.float32), np.empty(0, np.float32)
    for size in random.integers(0, 9, 60):
        values = random.random(size, np.float32)
        column.append(values)
        expected = np.concatenate([expected, values])
        assert len(column) == len(expected)
        start = int(random.integers(0, len(expected) + 1))
        np.testing.assert_array_equal(column.since(start), expected[start:])
    np.testing.assert_array_equal(column.since(0), expected)


def test_no_more_than_so_many_rows_are_in_memory(monkeypatch):
    monkeypatch.setattr(kept, "IN_MEMORY", 100)
    column = Kept(np.bool_)
    for number in range(1000):
        column.append(np.full(7, number % 2 == 0))
        assert sum(map(len, column._newest)) <= 107
    assert column.since(0).reshape(1000, 7)[:, 3].tolist() == [True, False] * 500


def test_metrics_do_not_depend_on_where_rows_waited(monkeypatch):
    """Results of the rows since the last line, of all, and of a state that was taken up in between."""
    random = np.random.default_rng(1)
    tasks = [Task("ctr", "click"), Task("cvr", "conversion", among="click")]

    def run(limit: int) -> list[object]:
        monkeypatch.setattr(kept, "IN_MEMORY", limit)
        metrics, found = TaskMetrics(tasks), []
        for step, batch in enumerate(batches):
            metrics.update(*batch)
            if step % 5 == 4:
                found.append(metrics.recent())
            if step == 7:
                state, metrics = metrics.state(), TaskMetrics(tasks)
                metrics.load_state(state)
        return [*found, metrics.accumulate(), metrics.rows()]

    batches = []
    for _ in range(20):
        click = (random.random(8) < 0.5).astype(np.float32)
        labels = {"click": click, "conversion": click * (random.random(8) < 0.5)}
        batches.append(({name: random.random(8, np.float32) for name in ("ctr", "cvr")}, labels))
    assert run(1 << 22) == run(20)
