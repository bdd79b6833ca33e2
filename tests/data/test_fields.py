"""What a column may become: shared and crossed ids, sequences, cut and scaled numbers."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rec.data.plan import ReadPlan
from rec.data.table_settings import read_settings
from rec.data.tabular import TabularReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from tables import reader, write

ROWS = 6
COLUMNS: dict[str, list[Any]] = {
    "user": ["a", "b", "a", "c", "b", "a"],
    "item": ["x", "y", "z", "x", "y", "x"],
    "past": ["y|x", "", "x|x|w", "z|y|x|w", None, "x"],
    "price": [1.0, 3.0, None, 7.0, 100.0, 3.0],
    "click": [1, 0, 1, 0, 1, 0],
    "buy": [0, 0, 1, 0, 0, 0],
}


def opened(tmp_path, part: str = "train", columns: Any = COLUMNS, fields: Any = None, **data: Any) -> TabularReader:
    write(tmp_path, "t.parquet", pa.table(columns))
    settings = {"labels": {"click": "click", "conversion": "buy"}, "fields": fields, "unknown_rate": 0.0, **data}
    return reader(tmp_path, part, settings)


def batch_of(source: TabularReader):
    (batch,) = source.batches(ReadPlan(batch_size=100, training=False))
    return batch


def ids(source: TabularReader) -> list[list[list[int]]]:
    """By row the ids of each field."""
    batch = batch_of(source)
    (bags,) = batch.bags
    found, f, o = batch.rows[bags.positions], bags.num_field, bags.offsets
    return [[found[o[r * f + k] : o[r * f + k + 1]].tolist() for k in range(f)] for r in range(bags.num_row)]


PAST = {"separator": "|"}


def test_a_history_shares_the_ids_of_the_item(tmp_path):
    """x occurs 3 + 5 times, y 2 + 2, w 2, z 1 + 1: ids by how often they occur in both columns."""
    source = opened(tmp_path, fields={"item": None, "past": {**PAST, "shares": "item"}, "user": None})
    assert source.vocabulary.values == {"item": ["x", "y", "w", "z"], "past": [], "user": ["a", "b", "c"]}
    assert source.num_id == 5 + 4
    found = ids(source)
    assert [row[0] for row in found] == [[1], [2], [4], [1], [2], [1]]
    assert [row[1] for row in found] == [[2, 1], [], [1, 1, 3], [4, 2, 1, 3], [], [1]]
    assert [row[2] for row in found] == [[6], [7], [6], [8], [7], [6]]
    again = opened(tmp_path, "test", fields={"item": None, "past": {**PAST, "shares": "item"}, "user": None})
    assert ids(again) == found
    assert again.unseen["past"].unseen_tokens == 0


def test_the_last_values_of_a_sequence(tmp_path):
    source = opened(tmp_path, fields={"past": {**PAST, "sequence": 2}})
    names = [None, *source.vocabulary.values["past"]]
    assert [[names[i] for i in row[0]] for row in ids(source)] == [["y", "x"], [], ["x", "w"], ["x", "w"], [], ["x"]]


def test_pairs_of_two_fields(tmp_path):
    """Each of a row's users with each of its past items, hashed."""
    fields = {"user": None, "past": PAST, "both": {"cross": ["user", "past"], "hash_size": 1000}}
    source = opened(tmp_path, fields=fields)
    first = source.vocabulary.offset("both")
    expected = [
        [first + 1 + zlib.crc32(f"{user}\x1f{item}".encode()) % 1000 for item in (past or "").split("|") if item]
        for user, past in zip(COLUMNS["user"], COLUMNS["past"], strict=True)
    ]
    assert [row[2] for row in ids(source)] == expected
    known = opened(tmp_path, fields={**fields, "both": {"cross": ["user", "past"]}})
    assert "a\x1fx" in known.vocabulary.values["both"]


def test_settings_of_a_field_s_own(tmp_path):
    fields = {"user": {"min_count": 3}, "item": {"hash_size": 7}, "past": PAST}
    source = opened(tmp_path, fields=fields)
    assert source.vocabulary.values == {"user": ["a"], "item": None, "past": ["x", "w", "y", "z"]}
    assert source.num_id == 2 + 8 + 5
    found = ids(source)
    assert [row[0] for row in found] == [[1], [0], [1], [0], [0], [1]]
    assert [row[1] for row in found] == [[2 + 1 + zlib.crc32(item.encode()) % 7] for item in COLUMNS["item"]]


def test_a_number_cut_at_given_bounds(tmp_path):
    """Below 3 is bucket 0, from 3 on 1, from 10 on 2; an empty one has none."""
    source = opened(tmp_path, fields={"price": {"boundaries": [3, 10]}})
    values = [None, *source.vocabulary.values["price"]]
    assert [[values[i] for i in row[0]] for row in ids(source)] == [["0"], ["1"], [], ["1"], ["2"], ["1"]]


PRICES = np.array([1.0, 3.0, np.nan, 7.0, 100.0, 3.0])


@pytest.mark.parametrize(
    ("numeric", "before"),
    [("none", lambda x: x), ("standardize", lambda x: x), ("log1p", np.log1p), ("minmax", lambda x: x)],
)
@pytest.mark.parametrize("missing", ["indicator", "mean", 5])
@pytest.mark.parametrize("memory", ["whole", "windows"])
def test_numbers_as_numbers(tmp_path, monkeypatch, numeric, before, missing, memory):
    if memory == "windows":
        monkeypatch.setattr("rec.data.tabular.IN_MEMORY", 1)
        monkeypatch.setattr("rec.data.encoded_reader.WINDOW", 2)
    source = opened(tmp_path, fields={"user": None, "price": {"numeric": numeric, "missing": missing}})
    x = before(PRICES)
    filled = np.nanmean(x) if isinstance(missing, str) else before(np.array(5.0))
    full = np.where(np.isnan(x), filled, x)
    shift, width = {
        "none": (0, 1),
        "minmax": (np.nanmin(x), np.nanmax(x) - np.nanmin(x)),
    }.get(numeric, (np.nanmean(x), np.nanstd(x)))
    expected = [(full - shift) / width, np.isnan(x)] if missing == "indicator" else [(full - shift) / width]
    assert source.numbers == (("price", "price_missing") if missing == "indicator" else ("price",))
    np.testing.assert_allclose(batch_of(source).numbers, np.stack(expected, axis=1), rtol=1e-5, atol=1e-6)
    (bags,) = batch_of(source).bags
    assert bags.fields == ("user",)


def test_scales_are_those_of_training(tmp_path):
    fields = {"user": None, "price": {"numeric": "standardize", "missing": "mean"}}
    opened(tmp_path, fields=fields)
    other = {**COLUMNS, "price": [10.0] * ROWS}
    found = batch_of(opened(tmp_path, "test", other, fields)).numbers
    np.testing.assert_allclose(found[:, 0], (10 - np.nanmean(PRICES)) / np.nanstd(PRICES), rtol=1e-5)


def test_a_column_that_is_always_the_same_or_empty(tmp_path):
    fields = {"user": None, "price": {"numeric": "standardize"}}
    same = opened(tmp_path, columns={**COLUMNS, "price": [4.0] * ROWS}, fields=fields)
    assert batch_of(same).numbers.tolist() == [[0.0, 0.0]] * ROWS
    empty = opened(tmp_path, columns={**COLUMNS, "price": pa.array([None] * ROWS, pa.float64())}, fields=fields)
    assert batch_of(empty).numbers.tolist() == [[0.0, 1.0]] * ROWS


@pytest.mark.parametrize(("numeric", "odd"), [("log1p", [-1.0, -7.0]), ("none", [np.inf, -np.inf])])
def test_a_number_that_is_not_finite_is_missing(tmp_path, caplog, numeric, odd):
    """Of log(1 + x) the others are 0, log 2 and log 4: their mean is log 2, their deviation log 2 sqrt(2/3)."""
    prices = [0.0, 1.0, 3.0, *odd, None]
    fields = {"user": None, "price": {"numeric": numeric}}
    found = batch_of(opened(tmp_path, columns={**COLUMNS, "price": prices}, fields=fields)).numbers
    mean, root = (0.0, 1.5**0.5) if numeric == "log1p" else (4 / 3, 1.0)
    known = [-root, 0.0, root] if numeric == "log1p" else [0.0, 1.0, 3.0]
    np.testing.assert_allclose(found[:, 0], [*known, mean, mean, mean], rtol=1e-6, atol=1e-7)
    assert found[:, 1].tolist() == [0, 0, 0, 1, 1, 1]
    # -1 is what logs write for nothing; -7 is a number, one of four.
    assert ("field price: 25.0 % of its numbers are below -1" in caplog.text) is (numeric == "log1p")


def test_pooling_of_a_field_s_own(tmp_path):
    """The mean of past items beside the sum of the others'."""
    source = opened(tmp_path, fields={"user": None, "past": {**PAST, "pooling": "mean"}})
    (bags,) = batch_of(source).bags
    lengths = [1, 2, 1, 0, 1, 3, 1, 4, 1, 0, 1, 1]
    expected = np.repeat([1, 1 / 2, 1, 0, 1, 1 / 3, 1, 1 / 4, 1, 0, 1, 1], lengths)
    np.testing.assert_allclose(bags.weights, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"a": {"buckets": 3, "boundaries": [1.0]}}, "data.fields.a: buckets and boundaries both cut the number"),
        ({"a": {"embed": "linear"}}, "data.fields.a: embed is of numbers, whose numeric says how they are scaled"),
        ({"a": {"numeric": "log1p", "separator": "|"}}, "data.fields.a: separator is of ids, but numeric makes it"),
        ({"a": {"missing": "mean"}}, "data.fields.a: missing is of numbers"),
        ({"a": {"boundaries": [3.0, 1.0]}}, "data.fields.a.boundaries: should rise"),
        ({"a": {"shares": "b"}}, "data.fields.a.shares: b is no field with ids of its own"),
        ({"a": {"shares": "b", "min_count": 2}, "b": None}, "data.fields.a: min_count is that of b"),
        ({"a": {"cross": ["b", "c"]}, "b": None}, "data.fields.a.cross: c is no field with values"),
        ({"a": {"cross": ["b"]}, "b": None}, "data.fields.a.cross: List should have at least 2 items"),
        ({"a": {"cross": ["b", "b"], "column": "x"}, "b": None}, "data.fields.a: column is that of the fields"),
        ({"a": {"hash_size": 9, "min_count": 2}}, "data.fields.a: min_count means nothing with hash_size"),
        ({"a": {"numeric": "sqrt"}}, "data.fields.a.numeric: Input should be 'none', 'standardize'"),
    ],
)
def test_fields_that_mean_nothing(fields, message):
    with pytest.raises(UserError) as error:
        read_settings({"labels": {"click": "c"}, "fields": fields})
    assert message in str(error.value)


def test_a_vocabulary_with_all_of_it_is_read_back(tmp_path):
    fields = {
        "item": None,
        "past": {**PAST, "shares": "item"},
        "user": {"hash_size": 9},
        "price": {"numeric": "minmax"},
    }
    vocabulary = opened(tmp_path, fields=fields).vocabulary
    (tmp_path / "v.json").write_text(vocabulary.to_json())
    assert Vocabulary.load(tmp_path / "v.json") == vocabulary
