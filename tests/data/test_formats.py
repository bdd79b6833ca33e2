"""One table in every form that people have it in: the same rows."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from rec.config.config import Config
from rec.data.plan import ReadPlan
from rec.data.tabular import TabularReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError

NAMES = ["row", "city", "age", "click", "buy"]
ROWS = [
    ["r1", "北京", "31", "1", "1"],
    ["r2", "上海", "", "0", "0"],
    ["r3", "北京", "7", "1", "0"],
    ["r4", "", "31", "0", "0"],
]
EXPECTED = {"r1": [["北京"], ["31"]], "r2": [["上海"], []], "r3": [["北京"], ["7"]], "r4": [[], ["31"]]}
DATA: dict[str, Any] = {
    "labels": {"click": "click", "conversion": "buy"},
    "sample_id": "row",
    "fields": {"city": None, "age": None},
}


def opened(folder: Path, places: Any = "data", part: str = "train", vocabulary: Any = None, **data: Any):
    config = Config(
        folder / "c.yaml",
        {"runner": {"train_data_dir": "data"}, "hyper_parameters": {"fields": ["f"]}, "data": {**DATA, **data}},
    )
    return TabularReader(TabularReader.files(config, config.places(places)), config, part, vocabulary)


def values(source: TabularReader, training: bool = False) -> dict[str, list[list[str]]]:
    """By sample id the values of each field, read off the vocabulary; None: one that it does not know."""
    vocabulary = source.vocabulary
    assert vocabulary
    texts: list[Any] = []
    for known in vocabulary.values.values():
        texts += [None, *(known or ())]
    found = {}
    for batch in source.batches(ReadPlan(batch_size=3, training=training)):
        (bags,) = batch.bags
        ids, f, o = batch.rows[bags.positions], bags.num_field, bags.offsets
        for r, name in enumerate(batch.sample_ids):
            found[str(name)] = [[texts[i] for i in ids[o[r * f + k] : o[r * f + k + 1]]] for k in range(f)]
    return found


def text(delimiter: str = ",", header: bool = True) -> bytes:
    rows = [NAMES, *ROWS] if header else ROWS
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


def lines() -> bytes:
    kept = [{name: value for name, value in zip(NAMES, row, strict=True) if value} for row in ROWS]
    return "".join(json.dumps(row) + "\n" for row in kept).encode()


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


COLUMNS = {name: [row[at] or None for row in ROWS] for at, name in enumerate(NAMES)}
TEXTS = {
    "t.csv": text(),
    "t.tsv": text("\t"),
    "t.csv.gz": gzip.compress(text()),
    "t.csv.bz2": bz2.compress(text()),
    "t.tsv.zst": zstd(text("\t")),
    "t.jsonl": lines(),
    "t.json.gz": gzip.compress(lines()),
    "part-00000": text(),
}


def feather(table: pa.Table) -> bytes:
    written = io.BytesIO()
    pa.feather.write_feather(table, written)
    return written.getvalue()


def parquet(table: pa.Table) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


@pytest.mark.parametrize("content", [parquet(pa.table(COLUMNS)), feather(pa.table(COLUMNS)), text()])
@pytest.mark.parametrize("name", ["000000_0", "part-0.parquet.snappy"])
def test_a_file_whose_name_says_nothing_is_known_by_its_beginning(tmp_path, content, name):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(content)
    assert values(opened(tmp_path)) == EXPECTED


@pytest.mark.parametrize("name", [*TEXTS, "t.parquet", "t.feather"])
@pytest.mark.parametrize("block", [1 << 24, 20])
def test_the_same_rows_in_every_format(tmp_path, monkeypatch, name, block):
    monkeypatch.setattr("rec.data.tables.text.BLOCK", block)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / name
    if name in TEXTS:
        path.write_bytes(TEXTS[name])
    elif name == "t.parquet":
        pq.write_table(pa.table(COLUMNS), path, row_group_size=2)
    else:
        pa.feather.write_feather(pa.table(COLUMNS), path, chunksize=3)
    assert values(opened(tmp_path)) == EXPECTED


def test_numbers_and_times_of_json_lines(tmp_path):
    """A number is its digits, a time a text as it stands; a key may come late, or never."""
    (tmp_path / "data").mkdir()
    rows = [{"row": n, "city": "2026-05-07 10:00:00", "click": n % 2, "buy": 0} for n in range(3)]
    rows.append({"row": 3, "city": "x", "click": 1, "buy": 0, "age": 12})
    (tmp_path / "data" / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = values(opened(tmp_path))
    assert found["0"] == [["2026-05-07 10:00:00"], []]
    assert found["3"] == [["x"], ["12"]]


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("t.jsonl", b'{"row": 1}\n[2]\n', {}, "t.jsonl:2: expected an object"),
        ("t.jsonl", b'{"row": 1,\n', {}, "t.jsonl:1: is no JSON object"),
        ("t.csv.gz", b"no gzip", {}, "t.csv.gz: cannot be written out"),
        ("t.csv", text(), {"encoding": "klingon"}, "data.encoding: klingon is no encoding"),
        ("t.csv", text().replace(b"r2", b"\xff"), {"encoding": "ascii"}, "t.csv: is not ascii (data.encoding)"),
        ("t.parquet", b"PAR1 no", {}, "t.parquet: cannot be read as a table"),
        ("t.feather", b"ARROW1 no", {}, "t.feather: cannot be read as a table"),
        ("t.csv", text(header=False), {"columns": NAMES[:4]}, "t.csv: has no column buy"),
        ("t.csv", text(header=False), {}, "; data.columns names the columns of text without a header)"),
        ("t.orc", b"ORC\n\x06\x12ORC\x17", {}, "t.orc: is ORC, which is not read: write Parquet, CSV or JSON lines"),
        ("t.avro", b"Obj\x01\x04", {}, "t.avro: is Avro, which is not read"),
        ("t.xlsx", b"PK\x03\x04\x14\x00", {}, "t.xlsx: is a zip archive or a workbook, which is not read"),
        ("000000_0", b"SEQ\x06\x19org", {}, "000000_0: is a Hadoop sequence file, which is not read"),
        ("t.csv", text(header=False), {"columns": [*NAMES, "more"]}, "row 1 (line 1): has 5 values, data.columns 6"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(tmp_path, name, content, settings, message):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        values(opened(tmp_path, **settings))
    assert message in str(error.value)


def test_text_without_a_header_and_in_another_encoding(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "t.txt").write_bytes(text("|", header=False).decode().encode("gbk"))
    assert values(opened(tmp_path, delimiter="|", columns=NAMES, encoding="gbk")) == EXPECTED


def test_words_for_a_missing_value_and_the_namibians(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [",".join(NAMES), r"r1, NA ,\N,1,0", "r2,x,NULL,0,None"]
    (tmp_path / "data" / "t.csv").write_text("\n".join(rows))
    assert values(opened(tmp_path)) == {"r1": [[], []], "r2": [["x"], []]}
    found = values(opened(tmp_path, null_values=[r"\N", "NULL", "None"]))
    assert found == {"r1": [["NA"], []], "r2": [["x"], []]}


@pytest.mark.parametrize("value", [pa.string(), pa.large_string(), pa.string_view()])
def test_categories_of_feather(tmp_path, value):
    """As pandas and Polars write them."""
    (tmp_path / "data").mkdir()
    city = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1, None], pa.uint32()), pa.array(["上海", "北京"], value))
    pa.feather.write_feather(pa.table({**COLUMNS, "city": city}), tmp_path / "data" / "t.feather")
    assert values(opened(tmp_path)) == EXPECTED


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_words_for_a_missing_value_in_parquet(tmp_path, kind):
    """In a text of whatever type; a label that is such a word is not known."""
    (tmp_path / "data").mkdir()
    words = {
        "row": ["r1", "r2", "r3"],
        "city": [r"\N", " NULL", "x"],
        "age": ["7", "NA", "<NA>"],
        "click": ["1", "0", "1"],
    }
    columns = {name: pa.array(texts).cast(kind) for name, texts in {**words, "buy": ["NULL", "0", "1"]}.items()}
    pq.write_table(pa.table(columns), tmp_path / "data" / "t.parquet")
    source = opened(tmp_path)
    assert values(source) == {"r1": [[], ["7"]], "r2": [[], []], "r3": [["x"], []]}
    (batch,) = source.batches(ReadPlan(batch_size=3, training=True))
    assert [str(label) for label in batch.labels["conversion"]] == ["nan", "0.0", "1.0"]


def test_a_folder_as_spark_and_hive_write_it(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "rec")
    caplog.handler.setLevel(logging.WARNING)
    logging.getLogger("rec").propagate = True
    days = {"2026-05-06": ROWS[:2], "2026-05-07": ROWS[2:3], "__HIVE_DEFAULT_PARTITION__": ROWS[3:]}
    for day, rows in days.items():
        folder = tmp_path / "data" / f"dt={day}"
        folder.mkdir(parents=True)
        (folder / "part-00000.csv").write_text("\n".join([",".join(NAMES), *map(",".join, rows)]))
        (folder / "_SUCCESS").touch()
        (folder / ".part-00000.csv.crc").write_bytes(b"\0crc")
    (tmp_path / "data" / "_temporary").mkdir()
    (tmp_path / "data" / "old").mkdir()
    source = opened(tmp_path, fields={"city": None, "day": {"column": "dt"}})
    assert values(source) == {
        "r1": [["北京"], ["2026-05-06"]],
        "r2": [["上海"], ["2026-05-06"]],
        "r3": [["北京"], ["2026-05-07"]],
        "r4": [[], []],
    }
    assert any("its sub-folders old are not read" in message for message in caplog.messages)
    with pytest.raises(UserError, match="row 1: column dt is empty, and rows are split by it"):
        opened(tmp_path, test={"by": "dt", "after": "2026-05-06"})


def test_a_file_beside_folders(tmp_path, caplog):
    """Spark's parts are read, and a partition; what is in another folder is not, and the log says so."""
    caplog.set_level(logging.WARNING, "rec")
    logging.getLogger("rec").propagate = True
    data = tmp_path / "data"
    header, *lines = text().decode().splitlines()
    parts = {"part-0.csv": lines[:1], "dt=2026-05-07/part-0.csv": lines[1:2], "2026-05-08/t.csv": lines[2:]}
    for path, rows in parts.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text("\n".join([header, *rows]))
    (data / "_SUCCESS").touch()
    assert values(opened(tmp_path)) == {name: EXPECTED[name] for name in ("r1", "r2")}
    assert caplog.messages == [f"{data}: its sub-folders 2026-05-08 are not read (only those called key=value are)"]
    with pytest.raises(UserError, match=r"data/part-0\.csv: has no column dt; its columns are row, city"):
        opened(tmp_path, fields={"day": {"column": "dt"}})
    caplog.clear()
    (data / "part-0.csv").unlink()
    (data / "dt=2026-05-07/part-0.csv").unlink()
    with pytest.raises(UserError, match=r"data: holds no file that matches data\.files: \*"):
        opened(tmp_path)
    assert "its sub-folders 2026-05-08 are not read" in caplog.text


def test_files_patterns_and_lists_of_them(tmp_path):
    for at, row in enumerate(ROWS):
        folder = tmp_path / f"day-{at}"
        folder.mkdir()
        (folder / "t.csv").write_text("\n".join([",".join(NAMES), ",".join(row)]))
    for places in ("day-*", ["day-0", "day-[12]", "day-3/t.csv"], ["day-3/t.csv", "day-0", "day-*"]):
        assert values(opened(tmp_path, places)) == EXPECTED
    with pytest.raises(UserError, match=r"night-\*: no such data"):
        opened(tmp_path, ["day-0", "night-*"])
    with pytest.raises(
        UserError, match=r"gs:/b/log: no such data directory or file \(only files of this machine, s3:// and hdfs://"
    ):
        opened(tmp_path, "gs://b/log")
    with pytest.raises(UserError, match=r"day-0: holds no file that matches data\.files: \*\.tsv"):
        opened(tmp_path, "day-0", files="*.tsv")


def test_rows_without_labels_are_read_for_scoring(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "t.csv").write_bytes(text())
    vocabulary = Vocabulary({"city": ["北京"], "age": ["31"]}, None, {})
    (tmp_path / "new").mkdir()
    kept = [row[:3] for row in [NAMES, *ROWS]]
    (tmp_path / "new" / "t.csv").write_text("\n".join(map(",".join, kept)))
    split = {"test": {"by": "dt", "after": "2026-05-06"}, "valid": {"by": "user", "share": 0.5}}  # columns of training
    source = opened(tmp_path, "new", "test", vocabulary, keep=["age"], **split)
    (first, _) = source.batches(ReadPlan(batch_size=3, training=False))
    assert [str(value) for value in first.labels["click"]] == ["nan"] * 3
    assert first.kept["age"].to_pylist() == ["31", "", "7"]
    with pytest.raises(UserError, match="has no column buy, click"):
        opened(tmp_path, "new")
