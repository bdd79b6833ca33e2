"""A table that is not in memory: the batches of one that is, whoever reads them and from where."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rec.config.config import Config
from rec.data import encoded_reader, tabular
from rec.data.batch import Batch
from rec.data.lines import data_files
from rec.data.loader import load_batches
from rec.data.plan import ReadPlan
from rec.data.tabular import TabularReader
from rec.errors import UserError

ROWS = 500
DATA: dict[str, Any] = {
    "labels": {"click": "click", "conversion": "buy"},
    "sample_id": "row",
    "unknown_rate": 1.0,
    "fields": {"user": None, "tags": {"separator": "|"}, "price": {"buckets": 7}},
}


def write(folder: Path, form: str) -> None:
    random = np.random.default_rng(0)
    click = random.random(ROWS) < 0.5
    columns = {
        "row": [f"r{n}" for n in range(ROWS)],
        "user": random.zipf(1.5, ROWS) % 97,
        "tags": ["|".join(f"t{t}" for t in random.integers(0, 30, size)) for size in random.integers(0, 6, ROWS)],
        "price": random.exponential(10, ROWS).round(2),
        "click": click.astype(int),
        "buy": (click & (random.random(ROWS) < 0.3)).astype(int),
    }
    (folder / "data").mkdir(exist_ok=True)
    for part, cut in enumerate((slice(0, 180), slice(180, ROWS))):
        table = pa.table({name: values[cut] for name, values in columns.items()})
        if form == "parquet":
            pq.write_table(table, folder / "data" / f"{part}.parquet", row_group_size=23)
        else:
            pa.csv.write_csv(table, folder / "data" / f"{part}.csv")


def opened(folder: Path, **data: Any) -> TabularReader:
    config = Config(
        folder / "c.yaml",
        {"runner": {"train_data_dir": "data"}, "hyper_parameters": {"fields": ["f"]}, "data": {**DATA, **data}},
    )
    return TabularReader(data_files(folder / "data"), config)


def small_windows(monkeypatch: pytest.MonkeyPatch, rows: int = 60) -> None:
    monkeypatch.setattr(tabular, "IN_MEMORY", 100)
    monkeypatch.setattr("rec.data.encoded_reader.WINDOW", rows)
    monkeypatch.setattr("rec.data.tables.text.BLOCK", 700)


def contents(batch: Batch) -> list[tuple[str, list[int], list[int], float, float]]:
    """Each impression's id, tokens, bag sizes and labels."""
    (bags,) = batch.bags
    ids, f, o = batch.rows[bags.positions], bags.num_field, bags.offsets
    return [
        (
            str(name),
            ids[o[r * f] : o[(r + 1) * f]].tolist(),
            np.diff(o[r * f : (r + 1) * f + 1]).tolist(),
            float(batch.labels["click"][r]),
            float(batch.labels["conversion"][r]),
        )
        for r, name in enumerate(batch.sample_ids)
    ]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_it_holds_what_one_in_memory_holds(tmp_path, monkeypatch, form):
    """The same vocabulary, and the same rows of the same ids; a token is replaced by the unknown id in both or none."""
    write(tmp_path, form)
    whole = opened(tmp_path)
    small_windows(monkeypatch)
    large = opened(tmp_path)
    assert large._whole is None
    assert large.vocabulary == whole.vocabulary
    assert {name: unseen.unseen_tokens for name, unseen in large.unseen.items()} == {"user": 0, "tags": 0, "price": 0}
    for shuffle in (False, True):
        plan = ReadPlan(batch_size=32, training=True, shuffle=shuffle, seed=1)
        ours, theirs = ([row for b in reader.batches(plan) for row in contents(b)] for reader in (large, whole))
        assert len(ours) == ROWS
        assert sorted(ours) == sorted(theirs)
        assert (ours == theirs) != shuffle


def test_rows_are_drawn_anew_in_each_epoch_and_within_a_window_all_are_mixed(tmp_path, monkeypatch):
    write(tmp_path, "parquet")
    small_windows(monkeypatch)
    source = opened(tmp_path)

    def order(epoch: int) -> list[int]:
        plan = ReadPlan(batch_size=32, training=True, shuffle=True, seed=1, epoch=epoch)
        return [int(name[1:]) for batch in source.batches(plan) for name in batch.sample_ids]

    first, second = order(0), order(1)
    assert first == order(0) != second
    steps = np.abs(np.diff(first))
    assert np.mean(steps == 1) < 0.1  # neighbours of the file are neighbours no more
    assert sorted(first) == sorted(second) == list(range(ROWS))


def test_readers_ranks_and_resume_change_nothing(tmp_path, monkeypatch):
    write(tmp_path, "csv")
    small_windows(monkeypatch)
    source = opened(tmp_path)
    plan = ReadPlan(batch_size=32, training=True, shuffle=True, seed=3)
    alone = [contents(batch) for batch in source.batches(plan)]
    for workers in (0, 1, 3):
        assert [contents(b) for b in load_batches(source, plan, workers, tmp_path)] == alone
    for start in (1, 7, 15):
        later = ReadPlan(batch_size=32, training=True, shuffle=True, seed=3, start=start)
        assert [contents(b) for b in source.batches(later)] == alone[start:]
    seen: Counter[str] = Counter()
    for rank in range(2):
        share = ReadPlan(batch_size=32, training=True, shuffle=True, seed=3, rank=rank, ranks=2)
        seen.update(str(name) for batch in source.batches(share) for name in batch.sample_ids)
    assert seen == Counter({f"r{n}": 1 for n in range(ROWS)})


def test_no_more_than_two_windows_are_in_memory(tmp_path, monkeypatch):
    """Rows that were read and not yet let go, at any time while an epoch is read."""
    write(tmp_path, "parquet")
    small_windows(monkeypatch)
    source = opened(tmp_path)
    alive: set[int] = set()
    most = 0
    original = encoded_reader.Window.of

    def watched(parts, plan, *number):
        nonlocal most
        window = original(parts, plan, *number)
        alive.add(id(window))
        import weakref

        weakref.finalize(window, alive.discard, id(window))
        most = max(most, len(alive))
        assert len(window.rows) <= 60
        return window

    monkeypatch.setattr(encoded_reader.Window, "of", watched)
    for _ in source.batches(ReadPlan(batch_size=8, training=True, shuffle=True, seed=3)):
        pass
    assert most <= 3  # the one in use, the next, and at a border the one that is let go


def test_a_bad_label_is_found_before_training_begins(tmp_path, monkeypatch):
    write(tmp_path, "csv")
    with (tmp_path / "data" / "1.csv").open("a") as file:
        file.write('"bad",1,"t1",1.0,2,0\n')
    small_windows(monkeypatch)
    with pytest.raises(UserError, match=r"1\.csv: row 321: label column click should be 0 or 1, found 2"):
        opened(tmp_path)


def test_a_checkpoint_of_before_kept_no_counts(tmp_path, monkeypatch):
    """How often a value occurs is then counted in the rows that are trained on."""
    write(tmp_path, "parquet")
    small_windows(monkeypatch)
    source = opened(tmp_path)
    assert source.vocabulary
    counts = source._counts()
    source.vocabulary.counts.clear()
    recounted = source._counts()
    unknown = [source.vocabulary.offset(name) for name in source.vocabulary.values]
    np.testing.assert_array_equal(np.delete(recounted, unknown), np.delete(counts, unknown))
    assert counts.sum() == sum(
        len(tokens) for b in source.batches(ReadPlan(99, False)) for _, tokens, *_ in contents(b)
    )
