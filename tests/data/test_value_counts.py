"""What is rare is so whatever was clicked: histories, which hold the clicked items alone, do not decide it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rec.data.value_counts import FieldCounts
from tables import reader, write

ITEMS = 12
"""Shown to one user in turn, each once; every third is clicked and in all later histories."""

PAST = {"separator": "|"}


def opened(tmp_path, fields: dict[str, Any], **data: Any):
    clicked = [f"i{n}" for n in range(ITEMS) if n % 3 == 0]
    write(tmp_path, "t.parquet", pa.table({
        "item": [f"i{n}" for n in range(ITEMS)],
        "past": ["|".join(item for item in clicked if int(item[1:]) < n) for n in range(ITEMS)],
        "click": [int(n % 3 == 0) for n in range(ITEMS)],
    }))  # fmt: skip
    return reader(tmp_path, data={"labels": {"click": "click", "conversion": "click"}, "fields": fields, **data})


OWNERS = [
    {"item": None, "past": {**PAST, "shares": "item"}},
    {"past": PAST, "item": {"shares": "past"}},
]


@pytest.mark.parametrize("fields", OWNERS, ids=["the item's ids", "the history's ids"])
def test_an_item_shown_once_is_rare_though_it_is_in_many_histories(tmp_path, fields):
    """By occurrences in both, i0 would be known, with a count of 12, and i1 not: unknown would say `no click`."""
    (owner,) = (name for name, field in fields.items() if not (field or {}).get("shares"))
    assert opened(tmp_path, fields, min_count=2).vocabulary.values[owner] == []
    source = opened(tmp_path, fields)
    assert sorted(source.vocabulary.values[owner]) == sorted(f"i{n}" for n in range(ITEMS))
    assert source.vocabulary.counts[owner] == [1] * ITEMS
    # Each is taken for an unknown one half of the time.
    assert source._replacement._chance[1 : 1 + ITEMS].tolist() == [0.5] * ITEMS


def test_what_is_in_histories_alone_counts_there():
    counts = FieldCounts(["item", "past"])
    counts.add("item", np.arange(4), pa.chunked_array([["a", "a", "b"]]))
    counts.add("past", np.array([0, 3, 3, 5]), pa.chunked_array([["b", "c", "c", "b", "b"]]))
    assert counts.most_common() == {"b": 1, "a": 2, "c": 2}
    assert list(counts.most_common()) == ["b", "a", "c"]  # by how often both have them


def test_of_lists_alone_all_count():
    counts = FieldCounts(["tags", "likes"])
    for name in ("tags", "likes"):
        counts.add(name, np.array([0, 2]), pa.chunked_array([["a", "b"]]))
    assert counts.most_common() == {"a": 2, "b": 2}
