"""Training values that stand for new ones: how often, the same whoever reads, and what that does for new users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rec.data.plan import ReadPlan
from rec.data.tabular import TabularReader
from rec.run.reading import differences
from tables import reader, write

DATA: dict[str, Any] = {"labels": {"click": "click", "conversion": "buy"}, "fields": {"user": None}}


def table(users: list[str]) -> pa.Table:
    zeros = np.zeros(len(users), np.int64)
    return pa.table({"user": users, "click": zeros, "buy": zeros})


def opened(folder: Path, users: list[str], part: str = "train", **data: Any) -> TabularReader:
    write(folder, "t.parquet", table(users))
    return reader(folder, part, {**DATA, **data})


def ids(source: TabularReader, training: bool = True, **plan: Any) -> np.ndarray:
    """int64 [R], the ids of a single-valued field's rows in the order of a plan."""
    batches = source.batches(ReadPlan(**{"batch_size": 64, "training": training, **plan}))
    return np.concatenate([batch.rows[batch.bags[0].positions] for batch in batches])


def test_a_value_is_replaced_the_rarer_the_oftener(tmp_path):
    """At a rate of .5: values that occur once with .5 / 1.5 = 1/3 (sd of 3,000: 26), thrice 1/7 (sd of 3,000: 19), and
    one that occurs 3,000 times with .5 / 3000.5, half a row in an epoch."""
    users = [f"once{n}" for n in range(3000)] + [f"thrice{n % 1000}" for n in range(3000)] + ["often"] * 3000
    source = opened(tmp_path, users, unknown_rate=0.5)
    original, trained = ids(source, training=False), ids(source)
    new = trained == 0
    assert (trained[~new] == original[~new]).all()
    once, thrice, often = new.reshape(3, 3000).sum(axis=1)
    assert once == pytest.approx(1000, abs=4 * 26)
    assert thrice == pytest.approx(3000 / 7, abs=4 * 19)
    assert often <= 5


def test_every_epoch_and_seed_draws_anew(tmp_path):
    """Of values with probability 1/2 each, a quarter is replaced in both of two draws."""
    source = opened(tmp_path, [f"u{n}" for n in range(2000)], unknown_rate=1.0)
    draws = [ids(source, epoch=epoch, seed=seed) == 0 for epoch, seed in ((0, 0), (1, 0), (0, 1), (1, 1))]
    for place, one in enumerate(draws):
        for other in draws[:place]:
            assert (one & other).mean() == pytest.approx(0.25, abs=0.04)


def test_who_reads_and_from_where_changes_nothing(tmp_path):
    source = opened(tmp_path, [f"u{n % 150}" for n in range(500)], unknown_rate=1.0)
    plan = {"shuffle": True, "epoch": 3, "seed": 7}
    whole = ids(source, **plan)
    assert (whole == 0).any()
    assert (whole != 0).any()
    assert ids(source, **plan, start=3).tolist() == whole[3 * 64 :].tolist()
    workers = [ids(source, **plan, workers=2, worker=worker) for worker in (0, 1)]
    assert workers[0][:64].tolist() == whole[:64].tolist()
    assert workers[1][:64].tolist() == whole[64:128].tolist()
    again = opened(tmp_path, [f"u{n % 150}" for n in range(500)], unknown_rate=1.0)
    assert ids(again, **plan).tolist() == whole.tolist()


def test_each_value_of_a_list_is_drawn_by_itself(tmp_path):
    """Rows of two values that occur once, at a rate of 1: none, one or both replaced in 1/4, 1/2, 1/4 of the rows."""
    rows = ["".join(f"a{n}|b{n},0,0\n") for n in range(1000)]
    write(tmp_path, text="tags,click,buy\n" + "".join(rows))
    data = {**DATA, "fields": {"tags": {"separator": "|"}}, "unknown_rate": 1.0}
    replaced = (ids(reader(tmp_path, data=data)) == 0).reshape(1000, 2).sum(axis=1)
    assert np.bincount(replaced) == pytest.approx(np.array([250, 500, 250]), abs=65)


def test_evaluation_never_replaces(tmp_path):
    users = [f"u{n}" for n in range(300)]
    source = opened(tmp_path, users)
    assert (ids(source) == 0).any()
    assert (ids(source, training=False) != 0).all()
    assert (ids(opened(tmp_path, users, "test"), training=False) != 0).all()


@pytest.mark.parametrize(
    "data",
    [{"unknown_rate": 0.0}, {"hash_size": 50, "unknown_rate": 1.0}, {"fields": {"number": {"buckets": 4}}}],
    ids=["off", "hashed", "buckets"],
)
def test_where_nothing_can_be_unknown_nothing_is_replaced(tmp_path, data):
    columns = {name: np.zeros(300, np.int64) for name in ("click", "buy")}
    write(tmp_path, "t.parquet", pa.table({"user": map(str, range(300)), "number": np.arange(300.0), **columns}))
    source = reader(tmp_path, data={**DATA, **data})
    assert ids(source).tolist() == ids(source, training=False).tolist()


def test_a_checkpoint_may_be_evaluated_under_another_rate(tmp_path):
    one, other = (opened(tmp_path, ["a", "b"], unknown_rate=rate).reading() for rate in (0.0, 1.0))
    assert differences(one, other) == []
