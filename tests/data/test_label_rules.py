"""Labels by the declared behaviours, alike in lines of text, tables and prepared data."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rec.config.behaviours import implied_labels, parse
from rec.config.config import Config
from rec.data.labels import LabelRules, Weight, rules_of
from rec.data.lines import data_files
from rec.data.native import NativeReader
from rec.data.plan import ReadPlan
from rec.errors import UserError
from support import write_lines

NAN = float("nan")
TRAIN, TEST = ReadPlan(batch_size=4, training=True), ReadPlan(batch_size=4, training=False)
CHAIN = {"view": None, "order": {"after": "view"}, "refund": {"after": "order"}, "like": None}
NAMES = ("view", "order", "refund", "like")


def as_lines(folder: Path, rows: list[tuple]) -> dict:
    """Click and conversion stand first in every line; here they say nothing."""
    texts = [",".join("" if label is None else str(label) for label in row) for row in rows]
    write_lines(folder, [f"r{n},,,{text},user:{n % 3}" for n, text in enumerate(texts)])
    return {}


def as_table(folder: Path, rows: list[tuple]) -> dict:
    folder.mkdir()
    columns = {name: pa.array([row[k] for row in rows], pa.int64()) for k, name in enumerate(NAMES)}
    table = {"row": [f"r{n}" for n in range(len(rows))], "user": [f"u{n % 3}" for n in range(len(rows))], **columns}
    pq.write_table(pa.table(table), folder / "t.parquet")
    return {"data": {"labels": {name: name for name in NAMES}, "fields": {"user": None}, "sample_id": "row"}}


def as_prepared(folder: Path, rows: list[tuple]) -> dict:
    folder.mkdir()
    schema = {
        "format": "ali-ccp-columnar",
        "version": 1,
        "fields": [{"name": "user", "common": False}],
        "id_space": 10,
        "labels": ["click", "conversion", *NAMES],
    }
    (folder.parent / "schema.json").write_text(json.dumps(schema))
    columns = {name: pa.array([row[k] for row in rows], pa.uint8()) for k, name in enumerate(NAMES)}
    common_row = pa.array([0] * len(rows), pa.int32())
    tokens = pa.array([[n % 3] for n in range(len(rows))], pa.list_(pa.int32()))
    empty = pa.array([None] * len(rows), pa.uint8())
    ids = pa.array(range(len(rows)), pa.int64())
    table = {"sample_id": ids, "click": empty, "conversion": empty, "common_row": common_row, "user": tokens, **columns}
    pq.write_table(pa.table(table), folder / "exposures-00000.parquet")
    pq.write_table(pa.table({"common": pa.array([0], pa.int32())}), folder / "common-00000.parquet")
    return {}


FORMATS = {"lines": as_lines, "table": as_table, "prepared": as_prepared}


@pytest.fixture(params=FORMATS)
def reader(request, tmp_path) -> Callable[..., NativeReader]:
    """Makes a reader of rows (view, order, refund, like), None where a label is empty."""

    def make(rows: list[tuple], policy: str = "drop") -> NativeReader:
        more = FORMATS[request.param](tmp_path / "train", rows)
        hyper = {"behaviours": CHAIN, "fields": ["user"], "sparse_feature_number": 10}
        config = Config(tmp_path / "c.yaml", {"runner": {"label_policy": policy}, "hyper_parameters": hyper, **more})
        return NativeReader(data_files(tmp_path / "train"), config, rules=rules_of(CHAIN))

    return make


def ids(batch) -> list[int]:
    return [int(name.decode().lstrip("r")) if isinstance(name, bytes) else int(str(name).lstrip("r"))
            for name in batch.sample_ids.tolist()]  # fmt: skip


def test_an_empty_label_keeps_the_row_and_its_other_labels(reader):
    source = reader([(1, 0, 0, None), (None, None, None, 1), (0, 0, 0, None), (None, None, None, 0)])
    for plan in (TRAIN, TEST):
        (batch,) = source.batches(plan)
        assert ids(batch) == [0, 1, 2, 3]
        assert batch.excluded is None
        np.testing.assert_array_equal(batch.labels["view"], np.float32([1, NAN, 0, NAN]))
        np.testing.assert_array_equal(batch.labels["like"], np.float32([NAN, 1, NAN, 0]))
        counts = {text.partition(": ")[0]: count for text, count in batch.counts.items()}
        assert counts == {
            "impressions": 4,
            **{f"impressions with an empty {name}": 2 for name in NAMES},
        }


def test_without_the_cause_an_empty_effect_is_known_to_be_0(reader):
    """No view, so no order and no refund; a view tells nothing of the order, nor an empty view."""
    (batch,) = reader([(0, None, None, 1), (1, None, None, 1), (None, None, 0, 1), (1, 0, None, 1)]).batches(TRAIN)
    np.testing.assert_array_equal(batch.labels["order"], np.float32([0, NAN, NAN, 0]))
    np.testing.assert_array_equal(batch.labels["refund"], np.float32([0, NAN, 0, 0]))
    counts = {text.partition(": ")[0]: count for text, count in batch.counts.items()}
    assert counts == {
        "impressions": 4,
        "impressions with an empty view": 1,
        "impressions with an empty order": 2,
        "impressions with an empty refund": 1,
        "impressions with view but an empty order": 1,
    }


def test_contradictions_by_the_graph_and_not_by_names(reader):
    """Orders without a view, and a refund without an order; the last has neither view nor, so, an order."""
    rows = [(0, 1, 0, 0), (1, 1, 1, 1), (1, 0, 1, 0), (0, None, 1, 0), (1, 0, 0, 1)]
    source = reader(rows)
    (first, second) = source.batches(TRAIN)
    assert ids(first) + ids(second) == [1, 4]
    assert first.labels["like"].tolist() == [1]
    assert first.counts["impressions with order but no view"] == 1
    assert first.counts["impressions with refund but no order"] == 2
    (first, second) = source.batches(TEST)
    assert ids(first) + ids(second) == [0, 1, 2, 3, 4]
    assert first.excluded.tolist() == [True, False, True, True]
    assert second.excluded is None


def test_policies(reader):
    rows = [(1, 1, 0, 0), (0, 1, 0, 0)]
    (batch,) = reader(rows, "keep").batches(TRAIN)
    assert ids(batch) == [0, 1]


def test_a_contradiction_may_be_an_error(reader):
    with pytest.raises(UserError, match=r"order is 1 but view is 0 \(runner.label_policy is fail\)"):
        list(reader([(1, 1, 0, 0), (0, 1, 0, 0)], "fail").batches(TRAIN))


def test_pairs_of_a_graph():
    behaviours = {
        "click": {"label": "seen"},
        "cart": {"after": "click"},
        "other": {"instead_of": "cart"},
        "conversion": {"after": ["cart", "other"]},
        "gift": {"implies": "conversion"},
        "seconds": {"head": "regression", "space": "click"},
    }
    # There are two ways to a conversion, with and without a cart: both lead through a click.
    assert implied_labels(parse(behaviours)) == (("cart", "seen"), ("conversion", "seen"), ("gift", "conversion"))
    assert implied_labels(parse({"click": {"given": True}, "conversion": {"after": "click"}})) == (
        ("conversion", "click"),
    )


WEIGHTED = {
    "click": {"label": "seen"},
    "seconds": {"head": "log_regression", "space": "click", "sample_weight": "w"},
    "conversion": {"after": "click", "sample_weight": "v"},
}


def test_rules_of_behaviours():
    rules = rules_of(WEIGHTED, more={"price": "not negative"})
    assert rules == LabelRules(
        columns=("seen", "seconds", "conversion", "w", "v", "price"),
        kinds={
            "seen": "binary",
            "seconds": "not negative",
            "conversion": "binary",
            "w": "not negative",
            "v": "not negative",
            "price": "not negative",
        },
        targets=("seen", "seconds", "conversion"),
        weights=(Weight("w", "seconds", "seen"), Weight("v", "conversion", None)),
        spaces={"seconds": "seen"},
        inputs=frozenset({"price"}),
        implies=(("conversion", "seen"),),
        first="seen",
    )
    with pytest.raises(UserError, match=r"hyper_parameters\.behaviours: like: click is not declared above it"):
        rules_of({"like": {"after": "click"}})


def judge(**labels: list[float]):
    given = {"seen": [1, 1, 0], "seconds": [3, 4, 5], "conversion": [1, 0, NAN], "w": [1, 0, 2], "v": [1, 2, 3]}
    return rules_of(WEIGHTED).judge(
        {name: np.float32(values) for name, values in (given | labels).items()}, "drop", lambda row: f"row {row + 1}"
    )


def test_a_number_that_is_empty_outside_its_space_is_nothing_to_tell():
    """Who has not clicked has watched nothing: that was a warning for most rows of a healthy table."""
    assert judge(seconds=[3, 4, NAN]).counts() == {}
    said = "impressions with seen but an empty seconds: not in its losses and metrics"
    assert judge(seconds=[3, NAN, NAN], w=[1, NAN, NAN]).counts() == {said: 1}
    # Where it is predicted over all impressions as well, any row without it is told.
    both = {**WEIGHTED, "again": {"label": "seconds", "head": "regression"}}
    assert rules_of(both).spaces == {}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"w": [NAN, 1, 1]}, "row 1: sample weight w is empty, but seconds is 3 there"),
        # Nothing was clicked there, so the conversion is known to be 0.
        ({"v": [1, 1, NAN]}, "row 3: sample weight v is empty, but conversion is 0 there"),
    ],
)
def test_a_weight_that_is_needed_and_empty_is_named(labels, message):
    with pytest.raises(UserError) as error:
        judge(**labels)
    assert str(error.value) == message


def test_a_weight_may_be_empty_where_it_weighs_nothing():
    """Where seconds are not known, and where nothing was clicked."""
    assert not judge(seconds=[NAN, 4, 5], w=[NAN, 1, NAN]).contradicting.any()
