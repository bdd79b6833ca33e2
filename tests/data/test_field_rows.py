"""Rows of a field's own kind: other widths, given vectors, rows that stay, weights in the text, past rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_fields import COLUMNS, PAST, batch_of, opened, write

from rec.config.config import Config
from rec.config.hyper import DIMS
from rec.data.pretrained import Pretrained, dims_of
from rec.data.rates import PARTS, Rates
from rec.data.table_settings import read_settings
from rec.data.tabular import TabularReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.hashing import mix, uniform
from tables import reader

TAGS = {**COLUMNS, "tags": ["a:2|b:0.5", "b", None, "c:-1|a:3", "a:1e-1", "b:4"]}


def vectors(tmp_path, values: list[Any], dim: int = 3) -> np.ndarray:
    found = np.arange(len(values) * dim, dtype=np.float32).reshape(-1, dim)
    pq.write_table(pa.table({"value": values, "vector": found.tolist()}), tmp_path / "vectors.parquet")
    return found


def test_values_with_their_weights(tmp_path):
    fields = {"tags": {"separator": "|", "pairs": ":", "pooling": "weighted"}}
    (bags,) = batch_of(opened(tmp_path, columns=TAGS, fields=fields)).bags
    assert np.diff(bags.offsets).tolist() == [2, 1, 0, 2, 1, 1]
    assert bags.weights == pytest.approx([2, 0.5, 1, -1, 3, 0.1, 4])
    last = {"tags": {**fields["tags"], "sequence": 1}}
    assert batch_of(opened(tmp_path, columns=TAGS, fields=last)).bags[0].weights == pytest.approx([0.5, 1, 3, 0.1, 4])


@pytest.mark.parametrize("odd", ["a:", "a:x", "a:inf", "a:1|b:nan"])
def test_a_weight_that_is_none(tmp_path, odd):
    columns = {**TAGS, "tags": ["a:1", odd, *TAGS["tags"][2:]]}
    with pytest.raises(UserError, match=r"t\.parquet: row 2: column tags: "):
        opened(tmp_path, columns=columns, fields={"tags": {"separator": "|", "pairs": ":", "pooling": "weighted"}})


def test_ids_of_a_width_are_neighbours(tmp_path):
    """item and past share 4 values and the unknown one, of width 8: they come after user and price."""
    fields = {"item": {"dim": 8}, "past": {**PAST, "shares": "item"}, "user": None, "price": {"boundaries": [2.0]}}
    write(tmp_path, "t.parquet", pa.table(COLUMNS))
    data = {"labels": {"click": "click", "conversion": "buy"}, "fields": fields, "unknown_rate": 0.0}
    config = Config(tmp_path / "c.yaml", {"runner": {}, "data": data})
    assert dims_of(read_settings(data), config) == {"item": 8, "past": 8}
    source = reader(tmp_path, data=data, **{DIMS: {"item": 8, "past": 8}})
    assert source.rows.parts() == [(0, 4 + 3, 0), (7, 12, 8)]
    assert [(block.fields, block.dim) for block in source.blocks] == [(("user", "price"), 0), (("item", "past"), 8)]
    batch = batch_of(source)
    for bags, block in zip(batch.bags, source.blocks, strict=True):
        assert (bags.fields, bags.dim) == (block.fields, block.dim)
        ids = batch.rows[bags.positions]
        assert ((ids >= 7) == bool(block.dim)).all()
    with pytest.raises(UserError, match=r"fields was \['user', 'price', 'item', 'past'\], is \['item', "):
        reader(tmp_path, "test", data)  # a checkpoint whose item is wider


def test_what_vectors_are_given(tmp_path):
    """y and new are in the file, x is not; rare values without a vector are still unknown."""
    found = vectors(tmp_path, ["y", "new"])
    source = opened(
        tmp_path, fields={"item": {"pretrained": str(tmp_path / "vectors.parquet"), "trainable": False, "min_count": 3},
        "user": None},
    )  # fmt: skip
    assert source.vocabulary.values["item"] == ["x", "y", "new"]
    assert source.vocabulary.counts["item"] == [3, 2, 0]
    ((ids, given),) = source.rows.given
    assert ids.tolist() == [2, 3]
    assert (given == found).all()
    assert source.rows.moving().tolist() == [False] * 4 + [True] * 4
    again = opened(tmp_path, "test", fields={"item": {"trainable": False, "min_count": 3}, "user": None})
    assert (again.rows.given, again.rows.fixed) == ([], [(0, 4)])


def test_files_of_vectors(tmp_path):
    found = vectors(tmp_path, [7, 12])
    assert Pretrained.read(tmp_path / "vectors.parquet").values == ["7", "12"]
    np.save(tmp_path / "m.npy", found.astype(np.float64))
    file = Pretrained.read(tmp_path / "m.npy")
    assert file.values == ["0", "1"]
    assert (file.vectors == found).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"value": ["a", "a"], "vector": [[1.0], [2.0]]}, "holds the value a twice"),
        ({"value": ["a", None], "vector": [[1.0], [2.0]]}, "row 2 has no value"),
        ({"value": ["a", "b"], "vector": [[1.0], [float("nan")]]}, "row 2: the vector of b is not finite"),
        ({"value": ["a", "b"], "vector": [[1.0], [2.0, 3.0]]}, "row 2: vectors should all have one width"),
        ({"value": ["a"], "vector": [1.0]}, "column vector holds double"),
        ({"id": ["a"], "vector": [[1.0]]}, "its columns are id, vector"),
    ],
)
def test_files_that_hold_none(tmp_path, content, message):
    path = tmp_path / "v.parquet"
    pq.write_table(pa.table(content), path)
    with pytest.raises(UserError, match=message):
        Pretrained.read(path)


def rate_of(rows: list[int], labels: list[float], prior: float, mean: float) -> float:
    return (sum(labels[r] for r in rows) + prior * mean) / (len(rows) + prior)


RATED = 60


def rated(tmp_path, part: str, by: str | None = None) -> tuple[TabularReader, dict[str, list[Any]]]:
    random = np.random.default_rng(4)
    columns: dict[str, list[Any]] = {
        "item": random.choice(["x", "y", "z"], RATED).tolist(),
        "click": random.integers(0, 2, RATED).tolist(),
        "day": random.choice([9, 10, 11], RATED).tolist(),
    }
    columns["buy"] = [c and int(b) for c, b in zip(columns["click"], random.integers(0, 2, RATED), strict=True)]
    columns["item"][5] = None
    columns["buy"][6] = columns["click"][6] = None
    statistic = {"of": "conversion", "among": "click", "prior": 2, **({"by": by} if by else {})}
    fields = {"user": {"column": "item"}, "rate": {"column": "item", "statistic": statistic, "numeric": "none"}}
    return opened(tmp_path, part, columns, fields), columns


@pytest.mark.parametrize("by", [None, "day"])
def test_a_past_rate_leaves_out_the_row_itself(tmp_path, by):
    """By the definition: rows of the same item clicked, of other parts or earlier days (9 is before 10)."""
    source, columns = rated(tmp_path, "train", by)
    items, clicks, buys, days = (columns[name] for name in ("item", "click", "buy", "day"))
    counting = [r for r in range(RATED) if clicks[r] == 1]
    mean = sum(buys[r] for r in counting) / len(counting)
    dealt = (uniform(mix(np.arange(RATED))) * PARTS).astype(int)
    expected = []
    for row in range(RATED):
        others = [r for r in counting if items[r] == items[row]]
        seen = [r for r in others if (days[r] < days[row] if by else dealt[r] != dealt[row])]
        expected.append(rate_of(seen, buys, 2, mean) if items[row] else np.nan)
    filled = np.nanmean(expected)
    numbers = batch_of(source).numbers
    assert numbers[:, 1].tolist() == [float(item is None) for item in items]
    assert numbers[:, 0] == pytest.approx(np.where(np.isnan(expected), filled, expected), rel=1e-6)
    # Rows that were not trained on see them all, or all of earlier days.
    tested, _ = rated(tmp_path, "test", by)
    for row in range(RATED):
        seen = [r for r in counting if items[r] == items[row] and (not by or days[r] < days[row])]
        if items[row]:
            assert batch_of(tested).numbers[row, 0] == pytest.approx(rate_of(seen, buys, 2, mean), rel=1e-6)


def test_a_rate_of_a_value_or_a_day_that_training_has_not(tmp_path):
    source, _ = rated(tmp_path, "train", "day")
    rates = Vocabulary.load(tmp_path / "vocabulary.json").rates["rate"]
    assert isinstance(rates, Rates)
    assert rates.periods == ["9", "10", "11"]
    texts = pa.chunked_array([["new", "x"]])
    new, later = rates(texts, np.array([3, 3]), training=False)
    assert new == pytest.approx(rates.mean)
    whole = rates(texts, np.array([0, 3]), training=False)
    assert whole[1] == later != pytest.approx(rates.mean)
    assert source.vocabulary.rates["rate"].keys == rates.keys


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"pooling": "max"}, "pooling max needs sequence"),
        ({"numeric": "log1p", "missing": -1}, "missing is -1, of which log"),
        ({"numeric": "none", "dim": 3}, "dim is of ids, but numeric makes it a number"),
        ({"statistic": {"of": "click"}, "separator": "|"}, "separator is of ids, but statistic makes it a number"),
        ({"statistic": {"of": "buys"}}, "statistic: buys is no label"),
        ({"pairs": ":", "weights": "w"}, "weights and pairs both"),
        ({"pretrained": "f", "hash_size": 9}, "pretrained vectors are of values"),
        ({"shares": "item", "dim": 4}, "dim is that of item"),
        ({"pairs": ":", "separator": "|"}, "pairs has no effect"),
    ],
)
def test_what_does_not_go_together(tmp_path, field, message):
    with pytest.raises(UserError, match=message):
        opened(tmp_path, fields={"item": None, "past": field})


def test_more_periods_than_a_rate_has_use_for(tmp_path, monkeypatch):
    monkeypatch.setattr("rec.data.rate_survey._MOST_PERIODS", 2)
    with pytest.raises(UserError, match="column day has 3 values: name a column of longer periods"):
        rated(tmp_path, "train", "day")


def test_what_is_set_and_does_nothing_is_said(tmp_path, caplog):
    write(tmp_path, "t.parquet", pa.table(COLUMNS))
    data = {
        "labels": {"click": "click", "conversion": "buy"},
        "fields": {"item": None, "past": {**PAST, "pooling": "mean"}},
    }
    reader(tmp_path, data=data, interaction={"kind": "din", "attend": {"past": "item"}}, sparse_feature_number=10)
    assert "data.fields.past.pooling has no effect" in caplog.text
    assert "hyper_parameters.sparse_feature_number is 10 and has no effect" in caplog.text
    caplog.clear()
    reader(tmp_path, data=data)
    assert "no effect" not in caplog.text
