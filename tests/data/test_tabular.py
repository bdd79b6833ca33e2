"""A table of one's own: CSV or Parquet, single and multi-valued fields, weights, buckets, vocabulary or hashing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rec.config.config import Config
from rec.data.lines import data_files
from rec.data.plan import ReadPlan
from rec.data.tabular import TabularReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from support import ESMM, Tool
from tables import CSV, DATA, reader, rows_of, write


def test_values_become_ids_by_frequency(tmp_path):
    """color: 0 unknown, 1 blue, 2 red; tags: 3 unknown, 4 b, 5 a, 6 c; price cut at 3.0: 7 unknown, 8 low, 9 high."""
    write(tmp_path)
    source = reader(tmp_path)
    assert source.num_id == 10
    assert rows_of(source) == {
        "r1": [[2], [5, 4], [8]],
        "r2": [[1], [], [9]],
        "r3": [[2], [4, 4, 6], []],
        "r4": [[], [6], [9]],
        "r5": [[1], [5], [8]],
    }
    (batch,) = source.batches(ReadPlan(batch_size=100, training=True))
    assert batch.sample_ids.tolist() == ["r1", "r2", "r3", "r5"]
    assert batch.counts["impressions with conversion but no click"] == 1


def test_other_parts_take_the_vocabulary_of_training(tmp_path):
    write(tmp_path)
    reader(tmp_path)
    write(tmp_path, text="row,color,tags,price,clicked,bought\nq1,green,c|d,100,0,0\n")
    assert rows_of(reader(tmp_path, "test")) == {"q1": [[0], [6, 3], [9]]}


def test_rare_values_and_hashing(tmp_path):
    write(tmp_path)
    assert rows_of(reader(tmp_path, data={**DATA, "min_count": 3}))["r1"][1] == [1, 2]
    hashed = reader(tmp_path, data={**DATA, "hash_size": 7})
    assert hashed.num_id == 2 * 8 + 3, "buckets are known: of 20 hashed to 50 ids four would share another's"
    assert rows_of(hashed)["r1"][2] != rows_of(hashed)["r4"][2]
    ids = [i for fields in rows_of(hashed).values() for i in fields[1]]
    assert min(ids) > 8
    assert max(ids) < 16


def test_a_field_without_a_known_value_is_warned_of(tmp_path, caplog):
    write(tmp_path, text="row,color,none,clicked,bought\n1,red,,1,0\n2,red,,0,0\n3,blue,,0,0\n")
    data = {**DATA, "fields": {"color": None, "none": None}}
    reader(tmp_path, data={**data, "min_count": 2})
    assert caplog.messages == ["field none: its column is empty in all rows, so it says nothing"]
    caplog.clear()
    counts = reader(tmp_path, data={**data, "fields": {"color": None}, "min_count": 3}).unseen["color"]
    assert (counts.unseen_tokens, counts.min_count) == (3, 3)
    assert caplog.messages == ["field color: all its values occur fewer than data.min_count times, so it says nothing"]


def test_one_long_id_does_not_make_all_ids_long(tmp_path, caplog):
    """2,000 rows by 100,000 letters of 4 bytes would be 800 MB; ids are as wide as the longest of their batch."""
    names = ["" if n == 7 else str(n) for n in range(1999)]
    write(tmp_path, text=pa.table({"row": [*names, "x" * 100_000], "color": ["red"] * 2000,
                                   "clicked": [0] * 2000, "bought": [0] * 2000}), name="t.parquet")  # fmt: skip
    source = reader(tmp_path, data={**DATA, "fields": {"color": None}})
    widths = [batch.sample_ids.dtype.itemsize // 4 for batch in source.batches(ReadPlan(500, training=True))]
    assert widths == [3, 3, 4, 100_000]
    assert "data.sample_id: column row is empty in 1 of 2000 rows" in caplog.text


def test_parquet_lists_and_weights(tmp_path):
    (tmp_path / "data").mkdir()
    table = {
        "items": [["x", "y"], None, ["y"]],
        "scores": [[0.5, 2.0], [], [3.0]],
        "clicked": [1, 0, 1],
        "bought": [0, 0, 0],
    }
    pq.write_table(pa.table(table), tmp_path / "data" / "t.parquet")
    data = {"labels": DATA["labels"], "fields": {"items": {"weights": "scores"}}}
    source = reader(tmp_path, data=data, pooling="weighted")
    (batch,) = source.batches(ReadPlan(batch_size=10, training=True))
    assert batch.bags[0].offsets.tolist() == [0, 2, 2, 3]
    assert batch.bags[0].weights.tolist() == [0.5, 2.0, 3.0]
    table["scores"] = [[0.5], [], [3.0]]
    pq.write_table(pa.table(table), tmp_path / "data" / "t.parquet")
    with pytest.raises(UserError, match="row 1: column scores has another number of weights"):
        reader(tmp_path, data=data, pooling="weighted")


def test_a_weight_stands_where_its_value_does(tmp_path):
    """A hole among the values has one among the weights; weights without it go by their order."""
    data = {"labels": DATA["labels"], "fields": {"items": {"weights": "scores", "separator": "|"}}}
    head = "items,scores,clicked,bought\n"
    write(tmp_path, text=head + "x||y,1||2,1,0\nx||y,3|4,0,0\n,,0,0\ny|,5|,0,0\n")
    (batch,) = reader(tmp_path, data=data, pooling="weighted").batches(ReadPlan(batch_size=10, training=True))
    assert batch.bags[0].offsets.tolist() == [0, 2, 4, 4, 5]
    assert batch.bags[0].weights.tolist() == [1, 2, 3, 4, 5]
    write(tmp_path, text=head + "x|y,1|2,1,0\nx||y,1|2|,1,0\n")
    with pytest.raises(UserError, match="row 2: column scores has its weights in other places than the values are"):
        reader(tmp_path, data=data, pooling="weighted")


def test_rows_without_ids_are_numbered_as_in_the_file(tmp_path):
    write(tmp_path)
    data = {**{k: v for k, v in DATA.items() if k != "sample_id"}, "test_share": 0.4}
    train, test = (set(map(int, rows_of_all(reader(tmp_path, part, data)))) for part in ("train", "test"))
    assert train | test == set(range(5))
    assert train
    assert test


def test_a_share_of_rows_is_left_to_testing(tmp_path):
    lines = "".join(f"r{n},red,a,1,0,0\n" for n in range(1000))
    write(tmp_path, text=CSV.splitlines()[0] + "\n" + lines)
    data = {**DATA, "test_share": 0.3}
    train, test = (set(rows_of_all(reader(tmp_path, part, data))) for part in ("train", "test"))
    assert train | test == {f"r{n}" for n in range(1000)}
    assert not train & test
    assert len(test) == pytest.approx(300, abs=45)


def test_a_share_of_the_other_rows_is_left_to_validation(tmp_path):
    """Testing keeps its rows; 30 % of the other 700 are held out, and read with the vocabulary of training."""
    write(tmp_path, text=CSV.splitlines()[0] + "\n" + "".join(f"r{n},red,a,1,0,0\n" for n in range(1000)))
    data = {**DATA, "test_share": 0.3}
    before = rows_of_all(reader(tmp_path, "train", data)), rows_of_all(reader(tmp_path, "test", data))
    shared = {**data, "valid_share": 0.3}
    parts = {part: rows_of_all(reader(tmp_path, part, shared)) for part in ("train", "valid", "test")}
    assert parts["test"] == before[1]
    assert sorted(parts["train"] + parts["valid"]) == sorted(before[0])
    assert len(parts["valid"]) == pytest.approx(210, abs=40)
    alone = {**DATA, "valid_share": 0.3}
    assert len(rows_of_all(reader(tmp_path, "train", alone))) < 800
    assert len(rows_of_all(reader(tmp_path, "test", alone))) == 1000


def test_a_share_is_of_the_training_folder(tmp_path, caplog):
    """Another folder, new rows to be scored, say, is read whole; a link to the training folder is none."""
    write(tmp_path, text=CSV.splitlines()[0] + "\n" + "".join(f"r{n},red,a,1,0,0\n" for n in range(1000)))
    runner = {"train_data_dir": "data", "test_data_dir": "new"}
    data = {**DATA, "test_share": 0.3, "valid_share": 0.3}
    config = Config(tmp_path / "c.yaml", {"runner": runner, "hyper_parameters": {"fields": ["f"]}, "data": data})
    vocabulary = reader(tmp_path, data=data).vocabulary
    (tmp_path / "link").symlink_to(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "new")

    def count(folder: str, part: str) -> int:
        return len(rows_of_all(TabularReader(data_files(tmp_path / folder), config, part, vocabulary)))

    assert count("new", "test") == count("new", "valid") == 1000
    assert count("link", "test") == pytest.approx(300, abs=45)
    assert caplog.messages == [f"data.test_share is of runner.train_data_dir: all rows of {tmp_path / 'new'} are taken"]


def rows_of_all(source: TabularReader) -> list[str]:
    return [str(i) for batch in source.batches(ReadPlan(batch_size=64, training=False)) for i in batch.sample_ids]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fields": {"colour": None}}, "has no column colour; its columns are row, color, tags"),
        ({"labels": {"click": "clicked"}}, "data.labels: has no conversion"),
        (
            {"labels": {"click": "price", "conversion": "bought"}, "fields": {"tags": None}},
            "row 1: label column price should be 0 or 1, found 1.5",
        ),
        (
            {"labels": {"click": "color", "conversion": "bought"}, "fields": {"tags": None}},
            "column color: expected numbers",
        ),
        ({"files": "*.tsv"}, "no file that matches data.files"),
        ({"test_share": 2}, "data.test_share: Input should be less than 1, got 2"),
        (
            {"fields": {"color": {"seperator": "|"}}},
            "data.fields.color.seperator: is not a setting (did you mean separator?), got '|'",
        ),
        (
            {"fields": ["color"]},
            "data.fields: should be a mapping such as {click: clicked} (of fields {user: , item: })",
        ),
        ({"keep": ["row", "click"]}, "data.keep: predictions have a column click already"),
        ({"fields": {"tags": {"buckets": 3}}}, "column tags: expected numbers"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, change, message):
    write(tmp_path)
    with pytest.raises(UserError) as error:
        reader(tmp_path, data={**DATA, **change})
    assert message in str(error.value)


def test_a_table_of_ones_own_in_ten_lines(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows = ["user,item,seen,sold"]
    for _ in range(1500):
        item, user = random.integers(0, 10, 2)
        seen = int(random.random() < 0.1 + 0.08 * item)
        rows.append(f"u{user},i{item},{seen},{int(seen and random.random() < 0.5)}")
    write(tmp_path, text="\n".join(rows) + "\n")
    (tmp_path / "mine.yaml").write_text(f"""\
base: {ESMM / "config.yaml"}
runner:
  {{train_data_dir: {tmp_path / "data"}, test_data_dir: {tmp_path / "data"},
   train_reader_path: {ESMM / "table_reader"}, infer_reader_path: {ESMM / "table_reader"}}}
data:
  test_share: 0.3
  labels: {{click: seen, conversion: sold}}
  fields: {{user: , item: }}
hyper_parameters: {{sparse_feature_number: null}}
""")
    for name in ("net", "dygraph_model", "static_model"):
        (tmp_path / f"{name}.py").write_text((ESMM / f"{name}.py").read_text())
    assert tool("trainer", "-m", "mine.yaml", "--dry-run").code == 0
    assert not Path("output_model_esmm").exists()
    for prefix in ("", "static_"):
        assert tool(f"{prefix}trainer", "-m", "mine.yaml").code == 0
        outcome = tool(f"{prefix}infer", "-m", "mine.yaml", "-o", "runner.infer_checkpoint=latest")
        assert outcome.code == 0, outcome.err
        assert json.loads(Path("output_model_esmm/3/metrics.json").read_text())["auc_ctr"] > 0.65


@pytest.mark.parametrize(("name", "ctr", "cvr"), [("hillstrom", 0.63, None), ("kuairand", 0.80, 0.72)])
def test_the_shipped_examples_on_their_data(tool: Tool, shared_data, tmp_path, monkeypatch, name, ctr, cvr):
    monkeypatch.chdir(tmp_path)
    folder = shared_data / name
    options = [
        "-o",
        f"runner.train_data_dir={folder}",
        f"runner.test_data_dir={folder}",
        "runner.infer_checkpoint=latest",
    ]
    assert tool("trainer", "-m", ESMM / f"{name}.yaml", *options).code == 0
    assert tool("infer", "-m", ESMM / f"{name}.yaml", *options).code == 0
    (path,) = Path().glob("output_model_esmm_*/*/metrics.json")
    metrics = json.loads(path.read_text())
    assert metrics["auc_ctr"] > ctr
    assert cvr is None or metrics["auc_cvr"] > cvr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([{"a": 1}]), "column color holds struct<a: int64>, expected single values or lists of them"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), "column color holds map<string, int8"),
        (pa.array([[["a"]]]), "column color holds list<"),
        (pa.array([b"\xff"]), "column color: its values cannot be read as text"),
    ],
)
def test_a_column_that_is_no_text_is_refused(tmp_path, values, message):
    (tmp_path / "data").mkdir()
    table = {"row": ["a"], "color": values, "tags": ["x"], "price": [1.0], "clicked": [0], "bought": [0]}
    pq.write_table(pa.table(table), tmp_path / "data" / "t.parquet")
    with pytest.raises(UserError) as error:
        reader(tmp_path)
    assert message in str(error.value)


def test_a_data_section_with_a_number_for_a_key(tmp_path):
    write(tmp_path)
    with pytest.raises(UserError, match=r"data\.1: is not a setting"):
        reader(tmp_path, data={**DATA, 1: 2})


@pytest.mark.parametrize(
    "content",
    [
        {"values": {"f": "abc"}, "hash_size": None, "edges": {}},
        {"values": {"f": [1]}, "hash_size": None, "edges": {}},
        {"values": 3, "hash_size": None, "edges": {}},
        {"values": {"f": ["\ud800"]}, "hash_size": None, "edges": {}},
        {"values": {"f": None}, "hash_size": -4, "edges": {}},
        {"values": {"f": None}, "hash_size": None, "edges": {}},
    ],
)
def test_a_vocabulary_edited_by_hand(tmp_path, content):
    (tmp_path / "vocabulary.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="is no vocabulary"):
        Vocabulary.load(tmp_path / "vocabulary.json")
