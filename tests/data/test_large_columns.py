"""Columns of more than 2 GiB, where Arrow's strings end: with a lower limit, or without memory behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rec.data import encoded, field_values
from rec.data.columns import lists_of_text
from rec.data.field_values import values_of
from rec.data.spelling import canonical
from rec.data.table import Table
from rec.data.table_settings import read_settings
from rec.data.tables import cut
from rec.data.tables.arrow import Parquet
from rec.data.tables.source import TableSource

ROWS = 400
RANDOM = np.random.default_rng(4)
TEXTS = [f"v{n}" * 5 for n in RANDOM.integers(0, 30, ROWS)]
LISTS = [[f"t{t}" for t in RANDOM.integers(0, 40, size)] for size in RANDOM.integers(0, 9, ROWS)]
KINDS: dict[str, Any] = {
    "string": pa.array(TEXTS),
    "large_string": pa.array(TEXTS, pa.large_string()),
    "view": pa.array(TEXTS, pa.string_view()),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
}
LIST_KINDS: dict[str, Any] = {
    "list": pa.list_(pa.string()),
    "large_list": pa.large_list(pa.large_string()),
    "list_of_views": pa.list_(pa.string_view()),
}


def read(folder: Path, table: pa.Table, **fields: Any) -> tuple[Table, Any]:
    """Columns of a Parquet file of one row group, and the settings that name them."""
    path = folder / "t.parquet"
    pq.write_table(table.append_column("c", pa.array([0, 1] * (ROWS // 2))), path)
    settings = read_settings({"labels": {"click": "c"}, "fields": fields or dict.fromkeys(table.column_names)})
    source = TableSource([str(path)], settings)
    return source.read(source.fragments), settings


def test_a_part_of_a_large_text_that_lies_behind_2_gib():
    """Three texts, the first of 2^31 bytes, which nobody reads and no memory is behind."""
    start = 1 << 31
    data = np.zeros(start + 7, np.uint8)
    data[start:] = np.frombuffer(b"abc12.0", np.uint8)
    offsets = np.array([0, start, start + 3, start + 7], np.int64)
    whole = pa.Array.from_buffers(pa.large_string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    assert canonical(whole[1:], "a").to_pylist() == ["abc", "12"]


def test_texts_are_read_in_pieces_that_strings_can_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(cut, "MOST", 1000)
    table, settings = read(tmp_path, pa.table(KINDS))
    assert len(table.pieces) > 5
    for piece in table.pieces:
        for name in KINDS:
            texts = canonical(piece.batch.column(name), name)
            assert texts.nbytes <= 1000 + 4 * len(texts) + 4
    for name in KINDS:
        starts, texts = lists_of_text(table, name, settings.ids[name], None)
        assert texts.to_pylist() == TEXTS
        assert starts.tolist() == list(range(ROWS + 1))
    assert [table.where(row).rpartition(" ")[2] for row in (0, 123, ROWS - 1)] == ["1", "124", str(ROWS)]


def test_a_long_text_of_a_dictionary_is_not_written_out_for_all_rows_at_once(tmp_path, monkeypatch):
    """Ten texts of which the longest has 100 letters: no more than 10 of 400 rows may become texts together."""
    monkeypatch.setattr(cut, "MOST", 1000)
    texts = pa.DictionaryArray.from_arrays(pa.array(np.arange(ROWS, dtype=np.int32) % 10), [*"abcdefghi", "z" * 100])
    table, _ = read(tmp_path, pa.table({"a": texts}))
    assert max(len(piece.numbers) for piece in table.pieces) <= 10
    assert sum(len(piece.numbers) for piece in table.pieces) == ROWS


@pytest.mark.parametrize("kind", LIST_KINDS)
def test_lists_with_their_last_values_and_pairs(tmp_path, monkeypatch, kind):
    """The same whether they are read in one piece or in many, and joined in one or in many."""
    content = pa.table({"tags": pa.array(LISTS, pa.list_(pa.string())).cast(LIST_KINDS[kind]), "user": TEXTS})
    fields = {"tags": {"sequence": 3}, "user": None, "both": {"cross": ["user", "tags"]}}

    def found() -> list[Any]:
        table, settings = read(tmp_path, content, **fields)
        made = [values_of(table, name, settings, None) for name in fields]
        return [len(table.pieces), *((starts.tolist(), texts.to_pylist()) for starts, texts in made)]

    whole = found()
    monkeypatch.setattr(cut, "MOST", 1000)
    monkeypatch.setattr(field_values, "_PAIRS", 7)
    pieces, *same = found()
    assert pieces > 5
    assert same == whole[1:]
    assert same[0][1] == [tag for row in LISTS for tag in row[-3:]]
    assert same[2][1] == [f"{user}\x1f{tag}" for user, row in zip(TEXTS, LISTS, strict=True) for tag in row]


def test_lists_that_arrow_does_not_read_at_one_go(tmp_path, monkeypatch):
    """Of a row group whose lists together have more than 2 GiB of text it says that it is not implemented."""
    table = pa.table({"tags": LISTS, "row": range(ROWS)})
    pq.write_table(table, tmp_path / "t.parquet")
    opened = Parquet(str(tmp_path / "t.parquet"))

    def refuse(*_: Any) -> Any:
        raise pa.ArrowNotImplementedError("Nested data conversions not implemented for chunked array outputs")

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", refuse)
    monkeypatch.setattr("rec.data.tables.arrow._ROWS", 64)
    found = opened.read(0, ["row", "tags"])
    assert found.column("tags").num_chunks == -(-ROWS // 64)
    assert found.equals(table.select(["row", "tags"]))


def test_texts_that_predictions_pass_on(monkeypatch):
    parts = [pa.array(TEXTS[:150]), pa.array(TEXTS[150:])]
    assert encoded.together(parts).type == pa.string()
    monkeypatch.setattr(encoded, "MOST", 1000)
    joined = encoded.together(parts)
    assert joined.type == pa.large_string()
    assert joined.to_pylist() == TEXTS
