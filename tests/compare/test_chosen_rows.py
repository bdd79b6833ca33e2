"""Rows chosen out of batches, in batches again: every token, label and truth comes along."""

import numpy as np

from rec.compare.rows import ChosenRows, usable
from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.columnar import ColumnarReader
from rec.data.lines import data_files
from rec.data.plan import ReadPlan
from support import ROOT

DATA = ROOT / "models" / "multitask" / "data" / "behaviours"
FIELDS = ("101", "110_14", "205", "210")


def reader() -> ColumnarReader:
    config = Config(DATA / "c.yaml", {"hyper_parameters": {"fields": list(FIELDS), "pooling": "mean"}})
    return ColumnarReader(data_files(DATA / "test"), config)


def test_rows_that_do_not_tell_both_labels_are_nobodys():
    nan = np.nan
    labels = {"click": np.array([1, nan, 0, 0, 1]), "conversion": np.array([0, 1, nan, 1, 1])}
    batch = Batch(np.empty(0, np.int64), (), labels, np.arange(5), np.array([False, False, False, True, False]))
    assert usable(batch).tolist() == [True, False, False, False, True]


def impressions(batch) -> dict[int, list]:
    """Per sample id a list (one entry per time it occurs) of tokens with weights by field, labels and truth."""
    found: dict[int, list] = {}
    for b, sample in enumerate(batch.sample_ids.tolist()):
        fields = []
        for bags in batch.bags:
            row = b if bags.row_index is None else int(bags.row_index[b])
            for f in range(bags.num_field):
                span = slice(*bags.offsets[row * bags.num_field + f :][:2])
                fields.append((batch.rows[bags.positions[span]].tolist(), bags.weights[span].tolist()))
        known = [values[b] for values in (*batch.labels.values(), batch.truth["p_click"])]
        found.setdefault(sample, []).append((fields, known))
    return found


def merged(batches) -> dict[int, list]:
    found: dict[int, list] = {}
    for batch in batches:
        for sample, entries in impressions(batch).items():
            found.setdefault(sample, []).extend(entries)
    return found


def test_chosen_rows_come_whole_and_in_full_batches():
    plan = ReadPlan(batch_size=64, training=True, shuffle=True, seed=3)
    everything = merged(reader().batches(plan))

    def choose(batch):
        return np.repeat(np.arange(len(batch)), batch.sample_ids % 3)

    batches = list(ChosenRows(reader(), choose).batches(plan))
    assert {len(batch) for batch in batches[:-1]} == {64}
    assert 0 < len(batches[-1]) <= 64
    chosen = merged(batches)
    assert chosen == {sample: entries * (sample % 3) for sample, entries in everything.items() if sample % 3}


def test_rows_that_nobody_needs_are_left_out():
    """A common row or an id without an impression would be updated by the optimizer's momentum."""
    (batch,) = ChosenRows(reader(), lambda batch: np.array([5, 5, 900])).batches(ReadPlan(5000, training=True))
    common, own = batch.bags
    assert common.num_row == 2
    assert own.num_row == 3
    used = np.concatenate([batch.rows[bags.positions] for bags in batch.bags])
    assert sorted(set(used.tolist())) == sorted(batch.rows.tolist())


def test_no_row_chosen_is_no_batch():
    assert list(ChosenRows(reader(), lambda batch: np.empty(0, np.int64)).batches(ReadPlan(64, training=True))) == []
