"""What stands in tables of one's own: a value means the same in any file, and a bad one is told with its place."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from rec.data.plan import ReadPlan
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from support import ESMM, Tool
from tables import reader, rows_of, write

ONE = {"labels": {"click": "click", "conversion": "buy"}, "fields": {"user": None}}


def csv(*users, labels="1,0"):
    return "\n".join(["user,click,buy", *(f"{user},{labels}" for user in users), ""])


def users(*values, kind=None):
    labels = {name: pa.array([1, 0] * len(values))[: len(values)] for name in ("click", "buy")}
    return pa.table({"user": pa.array(values, kind), **labels})


def ids_of(source) -> list[list[int]]:
    return [fields[0] for fields in rows_of(source).values()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", csv("12", "7", "9", "")),
        ("t.csv", csv("12.0", "7.0", "9.0", "")),
        ("t.csv", csv("1.2e1", " 7 ", "9.", " ")),
        ("t.parquet", users(12, 7, 9, None)),
        ("t.parquet", users(12.0, 7.0, 9.0, None)),
        ("t.parquet", users(12, 7, 9, float("nan"), kind=pa.float32())),
        ("t.parquet", users(Decimal("12.00"), Decimal(7), Decimal(9), None, kind=pa.decimal128(12, 2))),
        ("t.parquet", users("12", "7", "9", None, kind=pa.large_string())),
        ("t.parquet", users("12", "7", "9", "", kind=pa.dictionary(pa.int8(), pa.string()))),
    ],
)
def test_ids_of_training_are_found_however_they_are_spelled(tmp_path, name, content):
    """Ids: 0 unknown, 1 for 12 (twice in training), then 007 and 7 in the order of their texts."""
    write(tmp_path, text=csv("12", "12", "7", "007"))
    assert ids_of(reader(tmp_path, data=ONE)) == [[1], [1], [3], [2]]
    (tmp_path / "data" / "t.csv").unlink()
    write(tmp_path, name, content)
    source = reader(tmp_path, "test", ONE)
    assert ids_of(source) == [[1], [3], [0], []]
    unseen = source.unseen["user"]
    assert (unseen.values, unseen.unseen_values, unseen.tokens, unseen.unseen_tokens) == (3, 1, 3, 1)
    assert unseen.examples == ("9",)


def test_long_ids_survive_a_column_of_floats(tmp_path):
    """Text of a float from 1e10 on has an exponent."""
    long = [10**10, 123456789012, 2**53 - 1]
    write(tmp_path, "t.parquet", users(*long))
    assert ids_of(reader(tmp_path, data=ONE)) == [[1], [2], [3]]
    write(tmp_path, "t.parquet", users(*map(float, long), None))
    assert ids_of(reader(tmp_path, "test", ONE)) == [[1], [2], [3], []]


def test_files_of_one_folder_may_differ_in_types(tmp_path):
    """As one column, int64 beside float64 would lose digits: 2^53 + 1 would become 2^53."""
    write(tmp_path, "a.parquet", users(2**53, 2**53 + 1))
    write(tmp_path, "b.parquet", users(5.0, None))
    write(tmp_path, "c.parquet", users("5", "x"))
    write(tmp_path, "d.csv", csv("5"))
    source = reader(tmp_path, data=ONE)
    assert ids_of(source) == [[2], [3], [1], [], [1], [4], [1]]
    assert source.column_types["user"] == ("int64", "double", "text")


def test_the_rows_of_each_file_are_counted_before_any_are_set_aside(tmp_path):
    write(tmp_path, "a.csv", csv(*range(300)))
    write(tmp_path, "b.csv", csv(*range(200)))
    source = reader(tmp_path, data={**ONE, "test_share": 0.5})
    assert list(source.file_rows.values()) == [300, 200]
    assert len(source) < 300


def test_hashed_ids_are_those_of_the_same_values(tmp_path):
    data = {**ONE, "hash_size": 1000}
    write(tmp_path, "t.parquet", users(10**10, 123456789012))
    first = ids_of(reader(tmp_path, data=data))
    write(tmp_path, "t.parquet", users(1e10, 123456789012.0, None))
    assert ids_of(reader(tmp_path, "test", data)) == [*first, []]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (csv("3", "4", labels="1,9"), "b.csv: row 1: label column buy should be 0 or 1, found 9"),
        (csv("3") + "4,1,no\n", "b.csv: row 2: column buy: expected numbers, found 'no'"),
        (csv("3") + '4,1,"1,000"\n', "b.csv: row 2: column buy: expected numbers, found '1,000'"),
        (csv("3") + "4,1,inf\n", "b.csv: row 2: label column buy should be 0 or 1, found inf"),
        (csv("3", "1e+20"), "b.csv: row 2: column user: found the floating-point number 1e+20"),
        (csv("3") + "4,1\n", "b.csv: row 2 (line 3): has 2 values, the header 3 names"),
    ],
)
def test_a_bad_value_is_told_with_its_file_and_row_there(tmp_path, second, message):
    write(tmp_path, "a.csv", csv(*range(1000)))
    write(tmp_path, "b.csv", second)
    with pytest.raises(UserError) as error:
        reader(tmp_path, data=ONE)
    assert message in str(error.value)


def test_a_bad_value_of_a_list_is_told_with_its_row(tmp_path):
    write(tmp_path, "t.parquet", users([1.0], None, [2.0, 1e17]))
    with pytest.raises(UserError, match=r"t\.parquet: row 3: column user: found the floating-point number 1e\+17"):
        reader(tmp_path, data=ONE)


@pytest.mark.parametrize("kind", [pa.string_view(), pa.list_(pa.string_view())])
def test_rows_of_views_can_be_set_aside(tmp_path, kind):
    """As recent writers store strings; Arrow cannot choose rows of them."""
    values = [["a"], ["b"]] if pa.types.is_list(kind) else ["a", "b"]
    table = pa.table({"user": pa.array(values * 50, kind), "click": [0, 1] * 50, "buy": [0] * 100})
    write(tmp_path, "t.parquet", table)
    assert 20 < len(reader(tmp_path, data={**ONE, "test_share": 0.5})) < 80


def test_the_row_is_that_of_the_file_also_where_rows_are_set_aside(tmp_path):
    rows = [f"u{n},0,0" for n in range(100)]
    write(tmp_path, text="\n".join(["user,click,buy", *rows, ""]))
    halved = {**ONE, "test_share": 0.5}
    kept = [int(row) for row in rows_of(reader(tmp_path, data=halved))]
    assert 30 < len(kept) < 70
    rows[kept[5]] = "u,0,1"
    write(tmp_path, text="\n".join(["user,click,buy", *rows, ""]))
    with pytest.raises(UserError, match=rf"t\.csv: row {kept[5] + 1}: conversion is 1 but click is 0"):
        reader(tmp_path, data=halved, label_policy="fail")


@pytest.mark.parametrize(
    "labels",
    [
        ["True", "FALSE", "", "false"],
        [" 1", "0.0 ", "", "0"],
        [True, False, None, False],
        [Decimal("1.0"), Decimal("0.0"), None, Decimal("0.0")],
        [1.0, 0.0, float("nan"), 0.0],
        pa.array([1, 0, None, 0]).dictionary_encode(),
        pa.array(["1", "0", "", "0"], pa.large_string()),
    ],
)
def test_labels_of_any_type(tmp_path, labels):
    table = pa.table({"user": ["a"] * 4, "click": labels, "buy": [0] * 4})
    write(tmp_path, "t.parquet", table)
    (batch,) = reader(tmp_path, data=ONE).batches(ReadPlan(batch_size=4, training=True))
    np.testing.assert_array_equal(batch.labels["click"], np.array([1, 0, np.nan, 0], np.float32))


@pytest.mark.parametrize("value", [timedelta(seconds=1), date(2024, 1, 5), datetime(2024, 1, 5)])
def test_times_are_no_numbers(tmp_path, value):
    """Arrow would give microseconds, or days, as the file happens to count them."""
    table = pa.table({"user": ["a"], "click": [0], "buy": [0], "seconds": [value]})
    write(tmp_path, "t.parquet", table)
    for change in (
        {"numbers": {"click": "seconds"}, "labels": {"conversion": "buy"}},
        {"fields": {"seconds": {"buckets": 2}}},
    ):
        with pytest.raises(UserError, match=r"t\.parquet: row 1: column seconds: expected numbers, found datetime"):
            reader(tmp_path, data={**ONE, **change})


def test_weights_are_finite(tmp_path):
    table = pa.table({"user": [["a"], ["b", "c"]], "w": [[1.0], [2.0, 1e39]], "click": [0, 0], "buy": [0, 0]})
    write(tmp_path, "t.parquet", table)
    with pytest.raises(UserError, match=r"t\.parquet: row 2: column w: expected finite weights, found 1e\+39"):
        reader(tmp_path, data={**ONE, "fields": {"user": {"weights": "w"}}}, pooling="weighted")


@pytest.mark.parametrize("column", ["user", "click"])
def test_strings_that_are_no_utf_8(tmp_path, column):
    """As damage leaves them in a Parquet file."""
    table = pa.table({"user": ["a", "b"], "click": ["0", "1"], "buy": [0, 0]})
    broken = pa.StringArray.from_buffers(2, *pa.array([b"\xff", b"1"]).buffers()[1:])
    write(tmp_path, "t.parquet", table.set_column(table.column_names.index(column), column, broken))
    with pytest.raises(UserError, match=rf"t\.parquet: column {column} cannot be read: Invalid UTF8"):
        reader(tmp_path, data=ONE)


def test_a_fixed_number_of_values_per_row(tmp_path):
    write(tmp_path, "t.parquet", users(["a", "b"], None, ["b", None], kind=pa.list_(pa.string(), 2)))
    assert ids_of(reader(tmp_path, data=ONE)) == [[2, 1], [], [1]]


def test_a_sample_id_is_spelled_as_an_id(tmp_path):
    write(tmp_path, "t.parquet", users(12.0, None))
    source = reader(tmp_path, data={**ONE, "sample_id": "user"})
    (batch,) = source.batches(ReadPlan(batch_size=9, training=False))
    assert batch.sample_ids.tolist() == ["12", ""]


def test_a_field_of_fractions_or_dates_is_warned_of_once(tmp_path, caplog):
    write(tmp_path, text=csv("1.5", "2.25"))
    reader(tmp_path, data=ONE)
    (warning,) = caplog.messages
    assert "field user holds numbers with a fraction" in warning
    assert "data.fields.user.buckets" in warning
    reader(tmp_path, "test", ONE)
    assert caplog.messages == [warning]


def test_a_vocabulary_of_before_is_read_in_the_spelling_of_now(tmp_path):
    def old(values, hash_size=None):
        path = tmp_path / "vocabulary.json"
        path.write_text(json.dumps({"values": {"user": values}, "hash_size": hash_size, "edges": {}}))
        return Vocabulary.load(path)

    vocabulary = old(["12.0", "1.23456789012e+11", "a"])
    found = vocabulary.ids("user", pa.chunked_array([["a", "12"], ["b", "123456789012"]]))
    assert found.tolist() == [3, 1, 0, 2]
    (tmp_path / "vocabulary.json").write_text(vocabulary.to_json())
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    with pytest.raises(UserError, match="field user knows 12 in several spellings, which are one now: train again"):
        old(["12", "12.0"])
    with pytest.raises(UserError, match="field user: found the floating-point number 1e"):
        old(["1e+16"])


def test_hashed_ids_of_before_are_warned_of(tmp_path, caplog):
    (tmp_path / "v.json").write_text(json.dumps({"values": {"user": None}, "hash_size": 9, "edges": {}}))
    Vocabulary.load(tmp_path / "v.json")
    assert "train again if a column of numbers" in caplog.text


@pytest.mark.parametrize(
    ("change", "hyper", "message"),
    [
        ({"fields": {}}, {}, "data.fields: names no field"),
        ({"fields": {"user": {"weights": "buy"}}}, {}, "data.fields.user.weights has no effect with"),
        ({"fields": {"user": {"buckets": 3, "separator": "|"}}}, {}, "data.fields.user: buckets cut a single number"),
        ({"hash_size": 9, "min_count": 2}, {}, "data.min_count means nothing with data.hash_size"),
        ({"quoting": "none", "newlines_in_values": True}, {}, "data.newlines_in_values needs data.quoting: standard"),
        ({"delimiter": "\\t"}, {}, "data.delimiter: String should have at most 1 character"),
        ({"delimiter": '"'}, {}, "data.delimiter: should be an ASCII character"),
        ({"quoting": "some"}, {}, "data.quoting"),
        (
            {"fields": {"bought": {"column": "buy"}}},
            {},
            "data.fields.bought: column buy is the label conversion",
        ),
        ({"labels": {"click": "", "conversion": "buy"}}, {}, "has no column ''; its columns are user"),
        ({"fields": {"user": {"buckets": 2**31}}}, {}, "data.fields.user.buckets: Input should be less than or eq"),
        ({"fields": {205: None}}, {}, "data.fields.205: should be a text (if a number is a column's name: in quotes)"),
        ({"labels": {"click": 3}}, {}, "data.labels.click: should be a text (if a number is a column's name: in quote"),
        ({"fields": {"user": "|"}}, {}, "data.fields.user: should be nothing, or a mapping such as {separator: '|'}"),
    ],
)
def test_settings_without_effect_are_refused(tmp_path, change, hyper, message):
    write(tmp_path, text=csv("1"))
    with pytest.raises(UserError) as error:
        reader(tmp_path, data={**ONE, **change}, **hyper)
    assert message in str(error.value)


def test_pooling_by_weights_that_are_not_there_is_warned_of(tmp_path, caplog):
    write(tmp_path, text=csv("1"))
    reader(tmp_path, data=ONE, pooling="weighted")
    assert "no field of data.fields has weights" in caplog.text


def test_the_auc_does_not_depend_on_the_spelling(tool: Tool, tmp_path, monkeypatch):
    """One null in the ids, and pandas writes 12.0 where training has 12."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    user, item = random.integers(0, 10, (2, 3000)) * 10**10 + 7
    click = random.random(3000) < 0.1 + 0.08 * (item // 10**10)
    buy = click & (random.random(3000) < 0.5)

    def save(folder, rows, kind, name):
        (tmp_path / folder).mkdir()
        columns = {"user": user, "item": item, "click": click.astype(int), "buy": buy.astype(int)}
        table = pa.table({key: pa.array(values[rows]) for key, values in columns.items()})
        table = table.set_column(1, "item", table["item"].cast(kind))
        (pa.parquet.write_table if name.endswith("parquet") else pa.csv.write_csv)(table, tmp_path / folder / name)

    save("train", slice(2000), pa.int64(), "t.csv")
    save("integers", slice(2000, None), pa.int64(), "t.csv")
    save("floats", slice(2000, None), pa.float64(), "t.parquet")
    save("texts", slice(2000, None), pa.float64(), "t.csv")
    (tmp_path / "mine.yaml").write_text(f"""\
base: {ESMM / "config.yaml"}
runner: {{train_data_dir: {tmp_path}/train, epochs: 2, infer_checkpoint: latest,
  train_reader_path: {ESMM}/table_reader, infer_reader_path: {ESMM}/table_reader}}
data: {{labels: {{click: click, conversion: buy}}, fields: {{user: , item: }}}}
hyper_parameters: {{sparse_feature_number: null}}
""")
    for file in ("net", "dygraph_model"):
        (tmp_path / f"{file}.py").write_text((ESMM / f"{file}.py").read_text())
    assert tool("trainer", "-m", "mine.yaml").code == 0
    auc = {}
    for folder in ("integers", "floats", "texts"):
        outcome = tool("infer", "-m", "mine.yaml", "-o", f"runner.test_data_dir={tmp_path / folder}")
        assert outcome.code == 0, outcome.err
        auc[folder] = json.loads((tmp_path / "output_model_esmm" / "1" / "metrics.json").read_text())["auc_ctr"]
    assert auc["integers"] > 0.65
    assert auc["floats"] == auc["texts"] == auc["integers"]
