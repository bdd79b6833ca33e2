"""The reader that a directory of ours need not bring: a table, or lines, with the labels that its network needs."""

import json

import numpy as np
import pyarrow as pa
import pytest

from prepared import NUM_ID, rewrite, write_prepared
from rec.config.config import Config
from rec.data.labels import rules_of
from rec.data.native import NativeReader
from rec.data.plan import ReadPlan
from rec.errors import UserError
from support import write_lines


def config(tmp_path, behaviours: dict, data: dict | None = None, fields: tuple[str, ...] = ("user",)) -> Config:
    tree = {"hyper_parameters": {"behaviours": behaviours, "fields": list(fields), "sparse_feature_number": 10}}
    return Config(tmp_path / "config.yaml", tree | ({"data": data} if data else {}))


def open_reader(file, made: Config) -> NativeReader:
    return NativeReader([str(file)], made, rules=rules_of(made.hyper_parameters["behaviours"]))


def only_batch(reader):
    (batch,) = reader.batches(ReadPlan(batch_size=10, training=True))
    return batch


TABLE = "user,clicked,seconds,price\nu1,1,12.5,3\nu2,0,,4\nu1,1,,\n"
DATA = {
    "labels": {"click": "clicked"},
    "numbers": {"watch_time": "seconds", "price": "price"},
    "fields": {"user": None},
}
NUMBERS = {"click": None, "watch_time": {"head": "regression", "sample_weight": "price"}}


def test_numbers_of_a_table_may_be_unknown(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    reader = open_reader(tmp_path / "t.csv", config(tmp_path, NUMBERS, DATA))
    assert reader.labels == ("click", "watch_time", "price")
    labels = only_batch(reader).labels
    assert labels["click"].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(labels["watch_time"], np.array([12.5, np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(labels["price"], np.array([3, 4, np.nan], np.float32))


def test_a_number_that_is_none_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE.replace("12.5", "long"))
    with pytest.raises(UserError, match="column seconds: expected numbers"):
        open_reader(tmp_path / "t.csv", config(tmp_path, NUMBERS, DATA))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("u3,1,-5,3", r"t\.csv: row 4: label column seconds should be a finite number of at least 0, found -5"),
        ("u3,1,1e39,3", r"t\.csv: row 4: label column seconds should be a finite number of at least 0, found 1e\+39"),
        ("u3,1,5,-1", r"t\.csv: row 4: label column price should be a finite number of at least 0, found -1"),
        ("u3,2,5,1", r"t\.csv: row 4: label column clicked should be 0 or 1, found 2"),
    ],
)
def test_a_label_that_its_loss_cannot_take_is_told_when_it_is_read(tmp_path, row, message):
    """log(1 + -5) is not finite: training would stop with advice about the learning rate."""
    (tmp_path / "t.csv").write_text(TABLE + row + "\n")
    behaviours = {"click": None, "watch_time": {"head": "log_regression", "sample_weight": "price"}}
    for data in (DATA, {**DATA, "labels": {}, "numbers": {**DATA["labels"], **DATA["numbers"]}}):
        with pytest.raises(UserError, match=message):
            open_reader(tmp_path / "t.csv", config(tmp_path, behaviours, data))


def test_a_number_that_is_predicted_is_no_field(tmp_path):
    """Only labels of 0 and 1 were refused; a price that weighs a loss may be a field as well."""
    (tmp_path / "t.csv").write_text(TABLE)
    behaviours = {"click": None, "watch_time": {"head": "log_regression", "sample_weight": "price"}}
    fields = {"user": None, "p": {"column": "price", "buckets": 2}}
    assert len(open_reader(tmp_path / "t.csv", config(tmp_path, behaviours, {**DATA, "fields": fields})))
    for field in ({"column": "seconds"}, {"column": "user", "separator": "|", "weights": "seconds"}):
        made = config(tmp_path, behaviours, {**DATA, "fields": {"s": field}})
        with pytest.raises(UserError, match=r"data\.fields\.s: column seconds is the label watch_time"):
            open_reader(tmp_path / "t.csv", made.merged({"hyper_parameters": {"pooling": "weighted"}}))


def test_a_number_may_be_negative_where_its_loss_allows(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE.replace("12.5", "-12.5"))
    reader = open_reader(tmp_path / "t.csv", config(tmp_path, NUMBERS, DATA))
    assert only_batch(reader).labels["watch_time"][0] == -12.5


def test_a_prepared_number_that_its_loss_cannot_take(tmp_path):
    write_prepared(tmp_path)
    schema = json.loads((tmp_path / "schema.json").read_text())
    (tmp_path / "schema.json").write_text(json.dumps({**schema, "labels": [*schema["labels"], "watch_time"]}))
    rewrite(tmp_path, lambda t: t.append_column("watch_time", pa.array([3.0, -5.0, *[1.0] * t.num_rows][: t.num_rows])))
    files = [str(path) for path in sorted((tmp_path / "train").iterdir())]
    given = config(tmp_path, {"click": None, "watch_time": {"head": "log_regression"}}, fields=("u", "i"))
    given["hyper_parameters.sparse_feature_number"] = NUM_ID
    source = NativeReader(files, given, rules=rules_of(given.hyper_parameters["behaviours"]))
    message = (
        r"exposures-00000\.parquet: row group 0, row 2: watch_time should be a finite number of at least 0, found -5"
    )
    with pytest.raises(UserError, match=message):
        list(source.batches(ReadPlan(batch_size=10, training=True)))


def test_a_table_must_hold_what_the_behaviours_need(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    with pytest.raises(UserError, match=r"data\.labels: has no like"):
        open_reader(tmp_path / "t.csv", config(tmp_path, {"click": None, "like": None}, DATA))


def test_lines_hold_click_and_conversion_and_then_the_others(tmp_path):
    folder = write_lines(tmp_path / "lines", ["1,1,0,1,user:3", "2,1,1,0,user:4", "3,0,1,1,user:4"])
    behaviours = {"click": None, "cart": {"after": "click"}}
    reader = open_reader(folder / "part-0.txt", config(tmp_path, behaviours))
    assert reader.labels == ("click", "conversion", "cart")
    batch = only_batch(reader)
    assert batch.labels["cart"].tolist() == [1, 0]  # the third, a cart without a click, contradicts the behaviours
    assert batch.counts == {"impressions": 3, "impressions with cart but no click": 1}


def test_requests_of_a_table_stay_together_and_are_numbered_within_the_batch(tmp_path):
    rows = [f"u{i},{i % 2},request-{i // 4}" for i in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["user,clicked,request", *rows]) + "\n")
    data = {"labels": {"click": "clicked"}, "numbers": {"request_id": "request"}, "fields": {"user": None}}
    reader = open_reader(tmp_path / "t.csv", config(tmp_path, {"click": {"pairwise": 1.0}}, data))
    batches = list(reader.batches(ReadPlan(batch_size=20, training=True, shuffle=True, seed=3)))
    assert sorted(int(row) for batch in batches for row in batch.sample_ids) == list(range(80))
    assert [int(row) for row in batches[0].sample_ids] != list(range(20))
    for batch in batches:
        assert set(batch.labels["request_id"]) == {0.0, 1.0, 2.0, 3.0, 4.0}
        for number in range(5):
            (request,) = {int(row) // 4 for row in batch.sample_ids[batch.labels["request_id"] == number]}
            assert 0 <= request < 20


def test_impressions_without_a_request_are_no_pair(tmp_path):
    """All of them were one request, and any two of them a pair of its loss."""
    (tmp_path / "t.csv").write_text("user,clicked,request\nu1,1,\nu2,0,\nu3,1,7\nu4,0,7.0\nu5,0, \n")
    data = {"labels": {"click": "clicked"}, "numbers": {"request_id": "request"}, "fields": {"user": None}}
    reader = open_reader(tmp_path / "t.csv", config(tmp_path, {"click": {"pairwise": 1.0}}, data))
    one, two, three, four, five = only_batch(reader).labels["request_id"]
    assert three == four
    assert len({one, two, three, five}) == 4
