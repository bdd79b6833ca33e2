"""Histories token by token: the same tokens from every reader, the last ones, oldest first."""

from __future__ import annotations

import numpy as np
import pytest

from prepared import COMMON, NUM_ID, OWN, write_prepared
from rec.config.config import Config
from rec.config.interaction import Attended
from rec.data.batch import Bags
from rec.data.columnar import ColumnarReader
from rec.data.lines import data_files
from rec.data.plan import ReadPlan
from rec.data.sequences import Seen, parted
from rec.data.text import TextReader
from support import write_lines
from tables import DATA, reader, write


def tokens(bags: Bags, ids: np.ndarray) -> list[list[int]]:
    """Of each row of a history its tokens, read off bags of one token each."""
    (lengths, found) = bags.lengths, []
    for row in range(bags.num_row):
        each = [
            ids[bags.positions[bags.offsets[b] : bags.offsets[b + 1]]].tolist()
            for b in range(row * bags.num_field, (row + 1) * bags.num_field)
        ]
        assert [len(one) for one in each] == [1] * lengths[row] + [0] * (bags.num_field - lengths[row])
        found.append([one[0] for one in each if one])
    return found


@pytest.mark.parametrize("length", [1, 3, 50])
def test_the_last_tokens_oldest_first(length):
    random = np.random.default_rng(0)
    lists = [[random.integers(0, 99, size).tolist() for size in random.integers(0, 6, 3)] for _ in range(20)]
    flat = [token for row in lists for field in row for token in field]
    offsets = np.cumsum([0, *(len(field) for row in lists for field in row)]).astype(np.int32)
    weights = np.arange(len(flat), dtype=np.float32)
    rows = random.integers(0, 20, 7).astype(np.int32)
    bags = Bags(3, np.array(flat, np.int32), offsets, weights, rows)
    rest, history = parted([(bags, ["a", "h", "b"])], Seen(Attended({"h": "b"}, length)))
    ids = np.arange(99)
    assert tokens(history, ids) == [row[1][-length:] for row in lists]
    assert (history.num_field, history.fields, history.sequence) == (length, ("h",), True)
    assert (rest.num_field, rest.fields, rest.sequence) == (2, ("a", "b"), False)
    bounds = rest.offsets
    kept = [rest.positions[bounds[b] : bounds[b + 1]].tolist() for b in range(40)]
    assert kept == [field for row in lists for field in (row[0], row[2])]
    field = np.repeat(np.arange(60) % 3, np.diff(offsets))
    assert rest.weights.tolist() == weights[field != 1].tolist()
    assert rest.row_index is rows
    assert history.row_index is rows
    whole = history.as_fields()
    assert whole.num_field == 1
    assert np.array_equal(np.diff(whole.offsets), history.lengths)


def test_without_a_history_bags_stay_what_they_are():
    bags = Bags(2, np.zeros(3, np.int32), np.array([0, 1, 3], np.int32))
    (same,) = parted([(bags, ["a", "b"])], Seen())
    assert same.positions is bags.positions
    assert same.offsets is bags.offsets
    assert same.fields == ("a", "b")


ASKED = {"interaction": {"kind": "din", "attend": {"h": "i"}, "length": 2}}


def test_lines_of_text(tmp_path):
    write_lines(tmp_path, ["1,1,0,h:5,i:1,h:6,h:7", "2,0,0,i:2", "3,0,0,h:9,i:3"])
    hyper = {"fields": ["h", "i"], "sparse_feature_number": 10, **ASKED}
    source = TextReader(data_files(tmp_path), Config(tmp_path / "c.yaml", {"hyper_parameters": hyper}))
    (batch,) = source.batches(ReadPlan(batch_size=9, training=True))
    own, history = batch.bags
    assert [(b.num_field, b.fields, b.sequence, b.shared) for b in source.blocks] == [
        (1, ("i",), False, False),
        (2, ("h",), True, False),
    ]
    assert tokens(history, batch.rows) == [[6, 7], [], [9]]
    assert batch.rows[own.positions].tolist() == [1, 2, 3]


def test_a_table(tmp_path):
    write(tmp_path)
    asked = {"interaction": {"kind": "din", "attend": {"tags": "color"}, "length": 2}}
    source = reader(tmp_path, data=DATA, **asked)
    (batch,) = source.batches(ReadPlan(batch_size=9, training=False))
    names = ["", *source.vocabulary.values["tags"]]
    first = source.vocabulary.offset("tags")
    found = [[names[i - first] for i in row] for row in tokens(batch.bags[1], batch.rows)]
    assert found == [["a", "b"], [], ["b", "c"], ["c"], ["a"]]


def test_prepared_data_keep_a_shared_history_shared(tmp_path):
    expected = write_prepared(tmp_path)
    asked = {"interaction": {"kind": "din", "attend": {"h": "i"}, "length": 3}}
    hyper = {"fields": [*COMMON, *OWN], "sparse_feature_number": NUM_ID, **asked}
    source = ColumnarReader(data_files(tmp_path / "train"), Config(tmp_path / "c.yaml", {"hyper_parameters": hyper}))
    (batch,) = source.batches(ReadPlan(batch_size=1000, training=True))
    history = batch.bags[-1]
    assert [bags.fields for bags in batch.bags] == [("u",), ("i", "t"), ("h",)]
    assert history.num_row < len(batch)
    by_row = tokens(history, batch.rows)
    assert [by_row[row] for row in history.row_index] == [expected[int(s)]["h"][-3:] for s in batch.sample_ids]
