"""Prepared data: each common row once, every impression once, and the same numbers as from text."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prepared import COMMON, NUM_ID, OWN, rewrite, write_prepared
from rec.config.config import Config
from rec.data import row_groups
from rec.data.columnar import ColumnarReader
from rec.data.lines import data_files
from rec.data.loader import load_batches
from rec.data.plan import ReadPlan, shuffled_chunks
from rec.errors import UserError


def reader(root: Path, fields=(*COMMON, *OWN), shuffle_chunk=8, **hyper) -> ColumnarReader:
    hyper = {"fields": list(fields), "sparse_feature_number": NUM_ID, **hyper}
    config = Config(root / "c.yaml", {"runner": {"shuffle_chunk": shuffle_chunk}, "hyper_parameters": hyper})
    return ColumnarReader(data_files(root / "train"), config)


def impressions_of(batch, names=(*COMMON, *OWN)) -> list[dict]:
    """Ids (and weights) of each impression by field, through the batch's compressed form."""
    found: list[dict] = [{} for _ in range(len(batch))]
    fields = iter(names)
    for bags in batch.bags:
        ids, bounds, f = batch.rows[bags.positions], bags.offsets, bags.num_field
        block_fields = [next(fields) for _ in range(f)]
        for b in range(len(batch)):
            row = b if bags.row_index is None else int(bags.row_index[b])
            for k, name in enumerate(block_fields):
                span = slice(bounds[row * f + k], bounds[row * f + k + 1])
                found[b][name] = ids[span].tolist()
                if bags.weights is not None:
                    found[b][name + "_weights"] = bags.weights[span].tolist()
    return found


PLAN = ReadPlan(batch_size=32, training=True, shuffle=True, seed=3)


@pytest.mark.parametrize("window", [1 << 20, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_impression_arrives_whole(tmp_path, monkeypatch, window, shuffle):
    monkeypatch.setattr(row_groups, "WINDOW", window)
    expected = write_prepared(tmp_path)
    source = reader(tmp_path)
    assert len(source) == len(expected)
    seen: Counter[int] = Counter()
    sizes = []
    for batch in source.batches(ReadPlan(batch_size=32, training=True, shuffle=shuffle, seed=3)):
        sizes.append(len(batch))
        for sample, tokens, click in zip(batch.sample_ids, impressions_of(batch), batch.labels["click"], strict=True):
            assert tokens == {name: expected[sample][name] for name in (*COMMON, *OWN)}
            assert click == expected[sample]["click"]
            seen[int(sample)] += 1
        assert len(set(batch.rows.tolist())) == len(batch.rows)
        assert batch.truth["p_conversion"].tolist() == [0.25] * len(batch)
    assert seen == Counter(range(len(expected)))
    assert set(sizes[:-1]) == {32}


def test_a_common_row_is_stored_once_per_batch(tmp_path):
    expected = write_prepared(tmp_path)
    (batch,) = reader(tmp_path).batches(ReadPlan(batch_size=1000, training=True))
    common, own = batch.bags
    commons = [(e["u"], e["h"]) for a, e in pairwise([None, *expected]) if a is None or e["u"] is not a["u"]]
    assert (len(common.offsets) - 1) // 2 == len(commons)
    assert len(common.positions) == sum(len(u) + len(h) for u, h in commons)
    assert own.row_index is None


def test_workers_and_ranks_deliver_each_impression_once(tmp_path, monkeypatch):
    monkeypatch.setattr(row_groups, "WINDOW", 100)
    expected = write_prepared(tmp_path)
    source = reader(tmp_path)
    alone = [batch.sample_ids.tolist() for batch in source.batches(PLAN)]
    for workers in (0, 1, 2):
        assert [b.sample_ids.tolist() for b in load_batches(source, PLAN, workers, tmp_path)] == alone
        by_rank = []
        for rank in range(2):
            plan = ReadPlan(batch_size=32, training=True, shuffle=True, seed=3, rank=rank, ranks=2)
            by_rank.append([b.sample_ids.tolist() for b in load_batches(source, plan, workers, tmp_path)])
        assert abs(len(by_rank[0]) - len(by_rank[1])) <= 1
        assert sorted(i for rank in by_rank for batch in rank for i in batch) == list(range(len(expected)))


def test_an_epoch_can_begin_at_any_batch_and_differs_from_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(row_groups, "WINDOW", 100)
    write_prepared(tmp_path)
    source = reader(tmp_path)

    def order(**changes) -> list[list[int]]:
        plan = ReadPlan(**{"batch_size": 32, "training": True, "shuffle": True, "seed": 3, **changes})
        return [batch.sample_ids.tolist() for batch in source.batches(plan)]

    for start in (1, 4, 9):
        assert order(start=start) == order()[start:]
    assert order(epoch=1) != order()
    assert all(len(batch) == 32 for batch in order(drop_last=True))


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_stay_together_and_are_cut_anew(chunk):
    rows = np.repeat(np.arange(40), np.random.default_rng(0).integers(1, 12, 40))
    random = np.random.default_rng(1)
    order = shuffled_chunks(rows, chunk, random)
    assert sorted(order.tolist()) == list(range(len(rows)))
    runs = np.split(order, np.flatnonzero(np.diff(order) != 1) + 1)
    inside = [part for run in runs for part in np.split(run, np.flatnonzero(np.diff(rows[run])) + 1)]
    assert max(map(len, inside)) <= max(chunk, 2) * 2
    kept = np.mean(np.diff(order)[rows[order][1:] == rows[order][:-1]] == 1) if chunk > 1 else 1
    assert kept > 0.5
    assert order.tolist() != shuffled_chunks(rows, chunk, random).tolist()


def test_poolings_and_max_len(tmp_path):
    expected = write_prepared(tmp_path)
    plan = ReadPlan(batch_size=1000, training=True)
    (batch,) = reader(tmp_path, pooling="weighted").batches(plan)
    for found, e in zip(impressions_of(batch), expected, strict=True):
        assert found["h_weights"] == pytest.approx(e["h_value"])
        assert found["t_weights"] == [1.0] * len(e["t"])
    (batch,) = reader(tmp_path, pooling="mean").batches(plan)
    assert all(f["h_weights"] == pytest.approx([1 / max(len(f["h"]), 1)] * len(f["h"])) for f in impressions_of(batch))
    (batch,) = reader(tmp_path, max_len=2).batches(plan)
    assert [f["h"] for f in impressions_of(batch)] == [e["h"][:2] for e in expected]


def test_some_fields_only(tmp_path):
    expected = write_prepared(tmp_path)
    for fields in (("h", "i"), ("i", "t"), ("u",)):
        source = reader(tmp_path, fields)
        (batch,) = source.batches(ReadPlan(batch_size=1000, training=True))
        assert len(source.blocks) == len(batch.bags)
        assert impressions_of(batch, fields) == [{name: e[name] for name in fields} for e in expected]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": ("u", "z")}, "the data has no z"),
        ({"fields": ("i", "u")}, "common fields come first"),
        ({"sparse_feature_number": 199}, "set hyper_parameters.sparse_feature_number to 200 or more"),
    ],
)
def test_settings_that_do_not_fit_the_data(tmp_path, changes, message):
    write_prepared(tmp_path)
    with pytest.raises(UserError, match=message):
        reader(tmp_path, **changes)


def test_folders_that_are_not_prepared(tmp_path):
    write_prepared(tmp_path)
    broken = tmp_path / "train" / "common-00001.parquet"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(UserError, match=r"common-00001\.parquet: cannot be read"):
        reader(tmp_path)
    (tmp_path / "schema.json").write_text('{"format": "x"}')
    with pytest.raises(UserError, match="prepare the data again"):
        reader(tmp_path)
    (tmp_path / "schema.json").unlink()
    with pytest.raises(UserError, match=r"schema\.json: missing"):
        reader(tmp_path)


def change(root: Path, file: str, column: str, row: int, value) -> str:
    """Write one value of a prepared file anew; gives what a message calls the place."""
    path = root / "train" / file
    groups = pq.ParquetFile(path)
    tables = [groups.read_row_group(index) for index in range(groups.num_row_groups)]
    kind = tables[0].schema.field(column).type
    values = tables[0].column(column).to_pylist()
    values[row] = value
    tables[0] = tables[0].set_column(tables[0].column_names.index(column), column, pa.array(values, kind))
    with pq.ParquetWriter(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    return f"{path}: row group 0"


@pytest.mark.parametrize(
    ("file", "column", "value", "message"),
    [
        ("exposures-00000.parquet", "i", [NUM_ID], f"an id of field i is {NUM_ID}, expected 0 to {NUM_ID - 1}"),
        ("exposures-00000.parquet", "t", [101, -1], "an id of field t is -1, expected 0"),
        ("common-00000.parquet", "u", [2**31 - 1], "an id of field u is 2147483647"),
        ("common-00000.parquet", "u", None, "column u holds nulls"),
        ("common-00000.parquet", "u", [None], "column u holds nulls"),
        ("exposures-00000.parquet", "common_row", -1, "a common_row is -1, expected 0"),
        ("exposures-00000.parquet", "common_row", 10**6, "a common_row is 1000000, expected 0"),
        ("exposures-00000.parquet", "click", 2, "row 4: click should be 0 or 1, found 2"),
        ("common-00000.parquet", "h_value", [1.0] * 9, "field h has another number of values than of ids"),
    ],
)
def test_damaged_numbers_are_refused_before_they_index_anything(tmp_path, file, column, value, message):
    write_prepared(tmp_path)
    where = change(tmp_path, file, column, 3, value)
    with pytest.raises(UserError) as error:
        list(reader(tmp_path, pooling="weighted").batches(ReadPlan(50, training=False)))
    assert str(error.value).startswith(where)
    assert message in str(error.value)


def test_a_column_that_is_missing_or_no_number(tmp_path):
    write_prepared(tmp_path)
    path = tmp_path / "train" / "exposures-00001.parquet"
    whole = pq.ParquetFile(path)
    tables = [whole.read_row_group(index) for index in range(whole.num_row_groups)]
    texts = pa.array(["x"], pa.string())
    for broken, message in (
        ([table.drop_columns(["click"]) for table in tables], "has no column click"),
        ([t.set_column(0, "sample_id", pa.concat_arrays([texts] * t.num_rows)) for t in tables], "cannot be read"),
        (tables[1:], "differ in row groups"),
    ):
        with pq.ParquetWriter(path, broken[0].schema) as writer:
            for table in broken:
                writer.write_table(table)
        with pytest.raises(UserError, match=message):
            list(reader(tmp_path).batches(ReadPlan(50, training=False)))


def test_the_impressions_of_each_file_are_counted(tmp_path):
    write_prepared(tmp_path, num_impression=500)
    rows = reader(tmp_path).file_rows
    names = ["exposures-00000.parquet", "exposures-00001.parquet"]
    assert rows == {
        str(tmp_path / "train" / name): pq.read_metadata(tmp_path / "train" / name).num_rows for name in names
    }


def test_the_vocabulary_s_checksum_is_said_by_readers(tmp_path):
    write_prepared(tmp_path)
    assert reader(tmp_path).vocabulary_checksum is None, "prepared long ago"
    schema = json.loads((tmp_path / "schema.json").read_text())
    (tmp_path / "schema.json").write_text(json.dumps({**schema, "vocabulary_sha256": "ab12"}))
    assert reader(tmp_path).vocabulary_checksum == "ab12"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda n: ["x"] * n, "column click holds string, expected numbers: prepare the data again"),
        (lambda n: [b"\1"] * n, "column click holds binary, expected numbers"),
        (lambda n: [[1]] * n, "column click holds list<element: int64>, expected numbers"),
        (lambda n: [0.0, 0.5] * (n // 2) + [0.0] * (n % 2), "row group 0, row 2: click should be 0 or 1, found 0.5"),
        (lambda n: [True] * n, None),
        (lambda n: [1.0] * n, None),
    ],
)
def test_a_label_column_of_another_type(tmp_path, values, message):
    write_prepared(tmp_path)
    rewrite(tmp_path, lambda t: t.set_column(t.column_names.index("click"), "click", pa.array(values(t.num_rows))))
    if message is None:
        (batch, *_) = reader(tmp_path).batches(ReadPlan(50, training=False))
        assert batch.labels["click"].tolist() == [1.0] * 50
        return
    with pytest.raises(UserError) as error:
        list(reader(tmp_path).batches(ReadPlan(50, training=False)))
    assert message in str(error.value)
    assert "exposures-00000.parquet" in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("id_space", 0, "id_space: Input should be greater than 0"),
        ("id_space", None, "id_space: Input should be a valid integer"),
        ("fields", [{"name": "u"}], r"fields\.0\.common: Field required"),
        ("labels", "click", "labels: Input should be a valid list"),
        ("format", 3, "expected format ali-ccp-columnar 1, found 3 1"),
    ],
)
def test_a_damaged_schema(tmp_path, key, value, message):
    write_prepared(tmp_path)
    schema = json.loads((tmp_path / "schema.json").read_text())
    (tmp_path / "schema.json").write_text(json.dumps({**schema, key: value}))
    with pytest.raises(UserError, match=message):
        reader(tmp_path)
    (tmp_path / "schema.json").write_text("[1]")
    with pytest.raises(UserError, match="expected format ali-ccp-columnar 1, found None None"):
        reader(tmp_path)
