"""What metrics ask of batches whose columns are fields' ids."""

import numpy as np
import pytest

from rec.config.metrics import Column
from rec.data.batch import Bags, Batch
from rec.data.by import by_of, check_fields
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError


def batch() -> Batch:
    """Three impressions of two common rows: user 7 and none; each has an item, and some have tags."""
    common = Bags(1, np.int32([0]), np.int32([0, 1, 1]), row_index=np.int32([0, 1, 0]), fields=("user",))
    own = Bags(2, np.int32([1, 2, 3, 1, 1]), np.int32([0, 1, 3, 4, 4, 5, 5]), fields=("item", "tags"))
    rows = np.array([7, 10, 20, 21])
    hour = {"hour": np.int32([5, 23, 5])}
    return Batch(rows, (common, own), {}, np.array([b"0", b"1", b"2"]), columns=hour)


def test_ids_through_common_rows():
    found = by_of(batch(), [Column("user", "group"), Column("user", "value"), Column("item", "value")], None)
    users = found["group user"]
    assert users[0] == users[2] != 0
    assert users[1] == 0
    assert found["value user"].to_pylist() == ["7", "", "7"]


def test_columns_of_numbers():
    found = by_of(batch(), [Column("hour", kind) for kind in ("group", "value", "number")], None)  # type: ignore[arg-type]
    assert found["value hour"].to_pylist() == ["5", "23", "5"]
    assert found["number hour"].tolist() == [5.0, 23.0, 5.0]
    assert found["group hour"][0] == found["group hour"][2] != found["group hour"][1]


def test_new_values_are_those_that_the_vocabulary_does_not_know():
    vocabulary = Vocabulary({"user": ["a"] * 10, "item": ["b"] * 10}, None, {})
    assert vocabulary.offset("item") == 11
    items = Bags(1, np.int32([0, 1]), np.int32([0, 1, 2, 2]), fields=("item",))
    some = Batch(np.array([11, 15]), (items,), {}, np.array([b"0", b"1", b"2"]))
    found = by_of(some, [Column("is_new_item", "value")], vocabulary)
    assert found["value is_new_item"].to_pylist() == ["new", "known", ""]
    with pytest.raises(UserError, match="the reader has no vocabulary"):
        by_of(some, [Column("is_new_item", "value")], None)


def test_what_a_batch_cannot_tell():
    with pytest.raises(UserError, match="field tags has several values in a row"):
        by_of(batch(), [Column("tags", "group")], None)
    with pytest.raises(UserError, match="the reader gives no column shop"):
        by_of(batch(), [Column("shop", "group")], None)
    with pytest.raises(UserError, match="ids of field item are hashed"):
        check_fields([Column("item", "group")], ["item"], hashed=True)
