"""Rows set aside by a group or by time."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rec.data.plan import ReadPlan
from rec.data.table_settings import read_settings
from rec.errors import UserError
from tables import reader, write

DATA: dict[str, Any] = {"labels": {"click": "click", "conversion": "buy"}, "fields": {"user": None}, "sample_id": "row"}
ROWS = 3000


def table(times: Any = None) -> pa.Table:
    random = np.random.default_rng(0)
    users = random.integers(0, 400, ROWS)
    zeros = np.zeros(ROWS, np.int64)
    more = {} if times is None else {"ts": times}
    return pa.table({"row": np.arange(ROWS), "user": users, "click": zeros, "buy": zeros, **more})


def parts(tmp_path, **data: Any) -> dict[str, set[int]]:
    """The rows of each part."""
    found = {}
    for part in ("train", "valid", "test"):
        source = reader(tmp_path, part, {**DATA, **data})
        batches = source.batches(ReadPlan(batch_size=512, training=False))
        found[part] = {int(row) for batch in batches for row in batch.sample_ids}
        assert len(found[part]) == len(source)
    assert set().union(*found.values()) == set(range(ROWS))
    assert sum(map(len, found.values())) == ROWS
    return found


@pytest.mark.parametrize("memory", ["whole", "windows"])
def test_a_group_is_never_parted(tmp_path, monkeypatch, memory):
    """A tenth and a fifth of 400 users: 40 and 72 of them, give or take four standard deviations of 6 and 8."""
    if memory == "windows":
        monkeypatch.setattr("rec.data.tabular.IN_MEMORY", 10)
    content = table()
    write(tmp_path, "t.parquet", content)
    found = parts(tmp_path, test={"share": 0.1, "by": "user"}, valid={"share": 0.2, "by": "user"})
    users = {part: set(np.array(content["user"])[sorted(rows)].tolist()) for part, rows in found.items()}
    assert sum(map(len, users.values())) == len(set().union(*users.values()))
    assert abs(len(users["test"]) - 40) < 24
    assert abs(len(users["valid"]) - 72) < 32


DAYS = np.arange(ROWS) % 7
DATES = [datetime.date(2026, 5, 1 + int(day)) for day in DAYS]
NOONS = [datetime.datetime(2026, 5, 1 + int(day), 12) for day in DAYS]


@pytest.mark.parametrize(
    ("times", "after", "valid_after"),
    [
        (DATES, "2026-05-06", "2026-05-05"),
        (NOONS, "2026-05-07", "2026-05-06"),
        ([f" {date} 12:00:00" for date in DATES], "2026-05-07", "2026-05-06"),
        (DAYS, 5, 4),
        ([str(day) for day in DAYS], 5, 4),
        (pa.array([str(date) for date in DATES]).dictionary_encode(), "2026-05-06", "2026-05-05"),
    ],
)
def test_the_last_days_are_tested_and_validated_on(tmp_path, times, after, valid_after):
    write(tmp_path, "t.parquet", table(times))
    found = parts(tmp_path, test={"by": "ts", "after": after}, valid={"by": "ts", "after": valid_after})
    assert {part: {int(DAYS[row]) for row in rows} for part, rows in found.items()} == {
        "train": {0, 1, 2, 3, 4},
        "valid": {5},
        "test": {6},
    }


def test_the_last_day_is_tested_on_and_a_share_of_users_validated_on(tmp_path):
    content = table(DAYS)
    write(tmp_path, "t.parquet", content)
    found = parts(tmp_path, test={"by": "ts", "after": 5}, valid={"share": 0.25, "by": "user"})
    assert {int(DAYS[row]) for row in found["test"]} == {6}
    users = np.array(content["user"])
    assert not {users[row] for row in found["valid"]} & {users[row] for row in found["train"]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"test": {"share": 0.1, "after": 3, "by": "ts"}}, "data.test: says either share or after"),
        ({"test": {"by": "ts"}}, "data.test: says either share or after"),
        ({"valid": {"after": 3}}, "data.valid: after needs by, the column of the time"),
        ({"test": {"share": 0.1}, "test_share": 0.1}, "data.test and data.test_share say the same thing twice"),
        (
            {"test": {"by": "ts", "after": 5}, "valid": {"by": "ts", "after": 5}},
            "data.valid.after is 5, but data.test takes all rows later than 5",
        ),
        ({"test": {"part": 0.1}}, "data.test.part: is not a setting"),
    ],
)
def test_splits_that_mean_nothing(data, message):
    with pytest.raises(UserError) as error:
        read_settings({**DATA, **data})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("times", "after", "message"),
    [
        ([None, *DAYS[1:].tolist()], 5, "t.parquet: row 1: column ts is empty, and rows are split by it"),
        (NOONS, 5, "column ts (timestamp[us]) cannot be compared with 5"),
        (["monday"] * ROWS, 5, "expected numbers, found 'monday'"),
    ],
)
def test_times_that_cannot_be_compared(tmp_path, times, after, message):
    write(tmp_path, "t.parquet", table(times))
    with pytest.raises(UserError) as error:
        reader(tmp_path, "train", {**DATA, "test": {"by": "ts", "after": after}})
    assert message in str(error.value)
