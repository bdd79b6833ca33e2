"""A prepared table gives the same batches as the table, or is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rec.data.batch import Batch
from rec.data.plan import ReadPlan
from rec.data.prepared_table import is_prepared
from support import Tool, write_lines

ROWS = 300
DATA = """
data:
  labels: {click: click, conversion: buy, request_id: request}
  numbers: {price: price}
  sample_id: name
  keep: [request, day]
  valid: {share: 0.2, by: user}
  test: {by: day, after: "2026-05-02"}
  fields:
    user:
    item:
    past: {separator: "|", shares: item, sequence: 4}
    tags: {separator: "|", pairs: ":", pooling: weighted}
    cost: {column: price, numeric: log1p}
    rate: {column: item, statistic: {of: click, prior: 3}}
"""
CONFIG = """
runner: {train_data_dir: table, train_batch_size: 40, infer_batch_size: 50, epochs: 2, model_save_path: out,
         train_reader_path: table_reader, infer_reader_path: table_reader, infer_checkpoint: latest}
hyper_parameters: {optimizer: {class: Adam, learning_rate: 0.01}, sparse_feature_dim: 4, tower_fc_sizes: [8],
  behaviours: {click: , conversion: {after: click}}, sharing: {kind: none}}
"""


@pytest.fixture(params=["in memory", "by windows"])
def table(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files of a table, read whole or a window at a time."""
    monkeypatch.chdir(tmp_path)
    if request.param == "by windows":
        for name in ("tabular", "prepared_reader"):
            monkeypatch.setattr(f"rec.data.{name}.IN_MEMORY", 100)
        monkeypatch.setattr("rec.data.encoded_reader.WINDOW", 90)
    random = np.random.default_rng(2)
    for day in (1, 2, 3):
        past = ["|".join(map(str, random.integers(0, 9, n))) for n in random.integers(0, 7, ROWS // 3)]
        tags = [
            "|".join(f"{t}:{random.random():.3f}" for t in random.integers(0, 5, n))
            for n in random.integers(0, 3, ROWS // 3)
        ]
        ints = [random.integers(0, most, ROWS // 3) for most in (30, 9, 2, 2)]
        price = random.exponential(9, ROWS // 3).round(2)
        rows = zip(range(ROWS // 3), *ints[:2], past, tags, price, *ints[2:], strict=True)
        lines = [f"r{day}-{n},{u},{i},{p},{t},{c},{k},{b},{n // 5}" for n, u, i, p, t, c, k, b in rows]
        write_lines(Path(f"table/day=2026-05-0{day}"), ["name,user,item,past,tags,price,click,buy,request", *lines])
    Path("config.yaml").write_text(CONFIG + DATA)
    return tmp_path


def succeed(tool: Tool, name: str, *arguments: Any) -> str:
    outcome = tool(name, "-m", "config.yaml", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.err


OUT = ("-o", "runner.train_data_dir=ready", "runner.test_data_dir=ready", "runner.valid_data_dir=ready")


def readers(part: str) -> list[Any]:
    """Of a part the table's reader and the prepared one's, both with the vocabulary of training."""
    from rec.config.config import load
    from rec.run.assembly import open_directory

    found = []
    for overrides in ([], OUT[1:]):
        directory = open_directory(load("config.yaml", overrides), "dygraph")
        train = directory.open_reader("train")
        found.append(train if part == "train" else directory.open_reader(part, train.vocabulary))
    return found


def same(a: Batch, b: Batch) -> None:
    assert a.rows.tolist() == b.rows.tolist()
    for x, y in zip(a.bags, b.bags, strict=True):
        assert x.positions.tolist() == y.positions.tolist()
        assert x.offsets.tolist() == y.offsets.tolist()
        assert x.weights.tolist() == y.weights.tolist()
    assert a.labels.keys() == b.labels.keys()
    for name, values in a.labels.items():
        assert np.array_equal(values, b.labels[name], equal_nan=True)
    assert a.sample_ids.tolist() == b.sample_ids.tolist()
    assert a.numbers.tolist() == b.numbers.tolist()
    assert {k: v.to_pylist() for k, v in a.kept.items()} == {k: v.to_pylist() for k, v in b.kept.items()}
    assert a.counts == b.counts


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_the_same_batches_in_the_same_order(table: Path, tool: Tool, part: str):
    succeed(tool, "prepare", "ready")
    of_table, prepared = readers(part)
    assert len(of_table) == len(prepared) > 0
    assert (of_table.file_rows, of_table.unseen) == (prepared.file_rows, prepared.unseen)
    for epoch in (0, 1):
        plan = ReadPlan(batch_size=32, training=part == "train", epoch=epoch, seed=3, shuffle=part == "train")
        batches = [list(each.batches(plan)) for each in (of_table, prepared)]
        assert len(batches[0]) == -(-len(prepared) // 32)
        for a, b in zip(*batches, strict=True):
            same(a, b)
        assert ("day" in batches[1][0].kept) == (part == "test")


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_training_begun_on_the_one_goes_on_with_the_other(table: Path, tool: Tool, prefix: str):
    succeed(tool, "prepare", "ready")
    succeed(tool, f"{prefix}trainer", "-o", "runner.model_save_path=whole")
    succeed(tool, f"{prefix}trainer", "-o", "runner.model_save_path=parts", "runner.epochs=1")
    succeed(tool, f"{prefix}trainer", *OUT, "runner.model_save_path=parts", "runner.resume=true")
    for path in Path("whole/1").glob("*.safetensors"):
        assert path.read_bytes() == (Path("parts/1") / path.name).read_bytes()
    for folder, given in (("whole", ("-o",)), ("parts", OUT)):
        succeed(
            tool, f"{prefix}infer", *given, f"runner.model_save_path={folder}", f"runner.predict_save_path={folder}.csv"
        )
    assert Path("whole.csv").read_text() == Path("parts.csv").read_text()


def test_what_is_refused(table: Path, tool: Tool):
    succeed(tool, "prepare", "ready")

    def refused(name: str, *arguments: Any) -> str:
        outcome = tool(name, "-m", "config.yaml", *arguments)
        assert outcome.code == 2
        return outcome.err.splitlines()[-1]

    assert "ready is not empty" in refused("prepare", "ready")
    assert "is prepared already: name the table" in refused("prepare", "again", *OUT)
    assert not list(Path("again").iterdir())
    changed = refused("trainer", *OUT, "data.fields.past.sequence=3")
    assert "was prepared otherwise: data.fields.past was {" in changed
    assert "data.min_count was 1, is 2" in refused("trainer", *OUT, "data.min_count=2")
    assert "data.fields.cost: column price is the label price" in refused(
        "trainer", *OUT, "hyper_parameters.behaviours={click: , price: {head: regression}}"
    )
    assert "is read alone" in refused("trainer", "-o", "runner.train_data_dir=[ready, table]")
    succeed(tool, "trainer", "-o", "data.min_count=3", "runner.model_save_path=other", "runner.epochs=1")
    same_settings = (*OUT, "runner.warm_start=other/0", "runner.model_save_path=new")
    assert "another vocabulary than the checkpoint's" in refused("trainer", *same_settings)
    manifest = json.loads(Path("ready/prepared.json").read_text())
    del manifest["parts"]["valid"]
    Path("ready/prepared.json").write_text(json.dumps(manifest))
    assert "holds no rows of the part valid" in refused("trainer", *OUT)


@pytest.mark.parametrize("damage", ["cut", "ids", "vocabulary", "piece"])
def test_damage_is_seen(table: Path, tool: Tool, damage: str):
    succeed(tool, "prepare", "ready")
    path = Path("ready/train.arrow")
    with pa.ipc.open_file(str(path)) as file:
        batches = [file.get_batch(index) for index in range(file.num_record_batches)]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "vocabulary":
        text = Path("ready/vocabulary.json").read_text()
        Path("ready/vocabulary.json").write_text(text.replace('"counts"', ' "counts"'))
    else:
        ids = batches[0].column("ids")
        values = ids.values.values.to_numpy().copy()
        values[5] = 10**6
        odd = pa.ListArray.from_arrays(ids.values.offsets, pa.array(values))
        columns = {name: batches[0].column(name) for name in batches[0].schema.names}
        columns["ids"] = pa.FixedSizeListArray.from_arrays(odd, ids.type.list_size)
        made = pa.RecordBatch.from_pydict(columns)
        with pa.ipc.new_file(str(path), batches[0].schema) as writer:
            for batch in [made, *batches[1:]] if damage == "ids" else [batches[0].slice(1), *batches[1:]]:
                writer.write_batch(batch)
    outcome = tool("trainer", "-m", "config.yaml", *OUT)
    assert outcome.code == 2
    assert "again" in outcome.err.splitlines()[-1]
    assert is_prepared(Path("ready"))
