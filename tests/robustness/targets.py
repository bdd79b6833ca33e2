"""What is fuzzed, each as a function of (random, folder): it raises unless the damage is refused in one clear line.

`check` gives a UserError's line, or None where the damage did no harm; any other exception is a finding. What a reader
yields is looked at as well: an id out of range would be read from foreign memory.
"""

from __future__ import annotations

import functools
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import hostile
from mutation import VALUES, damage, disturb
from prepared import write_prepared
from rec.checkpoint.files import load
from rec.checkpoint.manifest import Manifest, read_manifest
from rec.checkpoint.state import State
from rec.checkpoint.store import Store
from rec.config import config as configs
from rec.config.config import Config
from rec.data.batch import Bags, Batch
from rec.data.batch_file import load_batch, save_batch
from rec.data.columnar import ColumnarReader
from rec.data.lines import data_files
from rec.data.plan import ReadPlan
from rec.data.prepared_reader import PreparedTableReader
from rec.data.prepared_table import MANIFEST
from rec.data.tabular import TabularReader
from rec.data.text import TextReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.loading import ModelDirectory
from rec.prepare.table import prepare
from rec.run.model import model_class
from rec.run.native import NativeDirectory
from support import ESMM, tiny_lines

Target = Callable[[Random, Path], str | None]


def check(action: Callable[[], Any]) -> str | None:
    """The line an action was refused with, or None if it was done."""
    try:
        action()
    except UserError as error:
        text = str(error)
        assert text.strip(), "an empty message"
        assert len(text) < 10_000, "a message of over 10,000 characters"
        return text
    return None


def check_batches(source: Any, num_id: int, size: int) -> None:
    """Read everything, in training's way and in evaluation's, and look at every index."""
    for plan in (ReadPlan(size, training=True, shuffle=True), ReadPlan(size, training=False)):
        for batch in source.batches(plan):
            assert batch.rows.dtype == np.int64
            assert ((batch.rows >= 0) & (batch.rows < num_id)).all(), "an id outside the table"
            assert len(set(batch.rows.tolist())) == len(batch.rows)
            for label in batch.labels.values():
                assert label.shape == (len(batch),)
                assert np.isin(label[~np.isnan(label)], (0, 1)).all(), "a label that is not 0 or 1"
            for bags in batch.bags:
                check_bags(bags, len(batch.rows), len(batch))


def check_bags(bags: Bags, num_row: int, num_impression: int) -> None:
    """Offsets rise from 0 to the number of tokens, and every index is inside."""
    assert bags.offsets[0] == 0
    assert (np.diff(bags.offsets) >= 0).all()
    assert bags.offsets[-1] == len(bags.positions)
    assert ((bags.positions >= 0) & (bags.positions < num_row)).all()
    if bags.row_index is None:
        assert bags.num_row == num_impression
    else:
        assert bags.row_index.shape == (num_impression,)
        assert ((bags.row_index >= 0) & (bags.row_index < bags.num_row)).all()
    assert bags.weights is None or (bags.weights.dtype == np.float32 and len(bags.weights) == len(bags.positions))


@functools.cache
def shipped(folder: Path) -> tuple[ModelDirectory, Any]:
    """A model directory and its model in dynamic graph."""
    sys.modules.pop("net", None)  # another directory's
    directory = ModelDirectory(folder)
    return directory, model_class(directory, "dygraph")


def check_config(path: Path, overrides: list[str], folder: Path = ESMM) -> str | None:
    """Load a config of a model directory, check it as a run would, and read it back as a checkpoint keeps it."""

    def use() -> None:
        native = NativeDirectory(configs.load(path, overrides), *shipped(folder), "dygraph")
        config = native.config
        config.check([*native.problems, *native.missing(training=True)])
        text = config.to_yaml()
        kept = path.with_name("kept.yaml")
        kept.write_text(text, encoding="utf-8")
        assert configs.load(kept).to_yaml() == text, "the resolved config reads back differently"

    return check(use)


def beside_bases(folder: Path, shipped_config: Path) -> Path:
    """Where what becomes of a shipped config finds what that is based on."""
    for source in ESMM.parent.rglob("*.yaml"):
        target = folder / source.relative_to(ESMM.parent)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    return folder / shipped_config.parent.name / "c.yaml"


def config_bytes(random: Random, folder: Path) -> str | None:
    """The bytes of a config that ships."""
    source = random.choice(sorted(ESMM.parent.glob("*/*.yaml")))
    path = beside_bases(folder, source)
    path.write_bytes(damage(random, source.read_bytes()))
    return check_config(path, [], source.parent)


def config_values(random: Random, folder: Path) -> str | None:
    """The values and keys of a config that ships."""
    source = random.choice(sorted(ESMM.parent.glob("*/*.yaml")))
    tree, path = disturb(random, yaml.safe_load(source.read_text())), beside_bases(folder, source)
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    return check_config(path, [], source.parent)


def overrides(random: Random, folder: Path) -> str | None:
    """-o key=value."""
    known = [f"runner.{name}" for name in configs.RunnerSettings.model_fields]
    known += [
        f"hyper_parameters.{name}" for name in ("fields", "optimizer", "optimizer.class", "ctr_fc_sizes", "max_len")
    ]
    given = []
    for _ in range(random.choice((1, 1, 2, 4))):
        key = random.choice((*known, "base", "runner", "data", "", ".", "a..b", "data.fields", "hyper_parameters"))
        value = random.choice(
            (json.dumps(random.choice(VALUES), default=str), "[", "{a: b}", "&x *x", "1e3", "- -", "!!set {a}")
        )
        given.append(
            random.choice(
                (
                    f"{key}={value}",
                    f"{key}={value}",
                    f"{key}",
                    damage(random, f"{key}={value}".encode()).decode("utf-8", "replace"),
                )
            )
        )
    return check_config(Path(shutil.copy(ESMM / "config.yaml", beside_bases(folder, ESMM / "config.yaml"))), given)


def text_lines(random: Random, folder: Path) -> str | None:
    """Lines of text, tiny ones or the bundled ones."""
    if random.random() < 0.7:
        content = "".join(f"{line}\n" for line in tiny_lines(40, random.randrange(1000))).encode()
        hyper: dict[str, Any] = {"fields": ["user", "item", "tags"], "sparse_feature_number": 60}
    else:
        content = b"".join(_bundled()[i] for i in range(random.randrange(100), 130))
        hyper = {"sparse_feature_number": 5000}
    data = folder / "data"
    data.mkdir()
    (data / "part-0").write_bytes(damage(random, content))
    if random.random() < 0.3:
        (data / "part-1").write_bytes(damage(random, content[: random.randrange(200)]))
    hyper |= {"max_len": random.choice((0, 0, 2)), "pooling": random.choice(("sum", "mean"))}
    runner = {"label_policy": random.choice(("drop", "keep", "fail"))}

    def use() -> None:
        config = Config(folder / "c.yaml", {"runner": runner, "hyper_parameters": hyper})
        source = TextReader(data_files(data), config)
        check_batches(source, hyper["sparse_feature_number"], random.choice((1, 7, 64)))

    return check(use)


@functools.cache
def _bundled() -> list[bytes]:
    return (ESMM / "data" / "train" / "part-0.txt").read_bytes().splitlines(keepends=True)[:130]


def _kept_folder() -> Path:
    """A folder that lasts as long as this process."""
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="fuzz-"))
    return Path(_FOLDERS[-1].name)


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def _prepared() -> Path:
    folder = _kept_folder()
    write_prepared(folder, num_impression=120, group=20)
    return folder


def read_prepared(random: Random, folder: Path) -> str | None:
    """Open and read `folder` as prepared data."""
    fields = random.choice((["u", "h", "i", "t"], ["u", "h", "i", "t"], ["h", "i"], ["u"], ["t"]))
    hyper = {"fields": fields, "pooling": random.choice(("sum", "weighted", "mean"))}

    def use() -> None:
        config = Config(folder / "c.yaml", {"runner": {}, "hyper_parameters": hyper})
        source = ColumnarReader(data_files(folder / "train"), config)
        num_id = source.num_id
        if num_id <= 10**7:  # one int32 of scratch memory an id
            check_batches(source, num_id, random.choice((7, 50)))

    return check(use)


def parquet_bytes(random: Random, folder: Path) -> str | None:
    """The bytes of prepared Parquet files."""
    shutil.copytree(_prepared(), folder, dirs_exist_ok=True)
    file = random.choice(sorted((folder / "train").iterdir()))
    file.write_bytes(damage(random, file.read_bytes()))
    return read_prepared(random, folder)


def parquet_values(random: Random, folder: Path) -> str | None:
    """Prepared Parquet files that are sound, with columns that are not."""
    shutil.copytree(_prepared(), folder, dirs_exist_ok=True)
    file = random.choice(sorted((folder / "train").iterdir()))
    table = pq.read_table(file)
    at = random.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    kind = random.randrange(6)
    if kind == 0:
        table = table.drop_columns([name])
    elif kind == 1:
        table = table.set_column(at, name, pa.array([random.choice((None, 1, "x", [1], 2.5, [None]))] * table.num_rows))
    elif kind == 2:
        values = column.to_pylist()
        values[random.randrange(len(values))] = None
        table = table.set_column(at, name, pa.array(values, column.type))
    elif kind == 3:
        values = column.to_pylist()
        number = random.choice((-1, 200, 255, 10**6, 2**31 - 1, 2))
        row = random.randrange(len(values))
        values[row] = [number] if isinstance(values[row], list) else number
        try:
            table = table.set_column(at, name, pa.array(values, column.type))
        except (pa.ArrowException, OverflowError):
            table = table.set_column(at, name, pa.array(values))
    elif kind == 4:
        table = table.slice(random.randrange(table.num_rows))
    else:
        lists = pa.types.is_list(column.type)
        other = random.choice((pa.float64(), pa.int64(), pa.string(), pa.uint16()))
        table = table.set_column(at, name, column.cast(pa.list_(other) if lists else other, safe=False))
    _write_groups(table, file)
    return read_prepared(random, folder)


def _write_groups(table: pa.Table, file: Path) -> None:
    """Replace a file's table, in row groups of the sizes that it had."""
    metadata = pq.read_metadata(file)
    sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    with pq.ParquetWriter(file, table.schema) as writer:
        for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
            writer.write_table(table.slice(start, size), row_group_size=max(size, 1))


def schema_json(random: Random, folder: Path) -> str | None:
    """schema.json of prepared data, its bytes or its values."""
    shutil.copytree(_prepared(), folder, dirs_exist_ok=True)
    file = folder / "schema.json"
    if random.random() < 0.5:
        file.write_bytes(damage(random, file.read_bytes()))
    else:
        file.write_text(json.dumps(disturb(random, json.loads(file.read_text())), skipkeys=True))
    return read_prepared(random, folder)


TABLE = "row,color,tags,price,clicked,bought\n" + "".join(
    f"r{i},{['red', 'blue', 'green'][i % 3]},{['a|b', 'c', 'a'][i % 3]},{i / 2},{i % 2},{int(i % 4 == 1)}\n"
    for i in range(24)
)
SECTION: dict[str, Any] = {
    "labels": {"click": "clicked", "conversion": "bought"}, "sample_id": "row", "test_share": 0.3,
    "fields": {"color": None, "tags": {"separator": "|"}, "price": {"buckets": 2}},
}  # fmt: skip


ODD_VALUES = (
    None, 1, "x", ["y"], 2.5, [None], True, b"\xff", {"a": 1}, 1e300, float("inf"), 2**60, "1e+300", "12.0", " ", [1.5],
    Decimal("1.50"), date(2024, 1, 5), datetime(2024, 1, 5), time(1), timedelta(1),
)  # fmt: skip


def own_table(random: Random, folder: Path) -> str | None:
    """A table of one's own, CSV or Parquet, and the config's data section."""
    data = folder / "data"
    data.mkdir()
    section: Any = SECTION
    content = TABLE.encode()
    kind = random.randrange(4)
    if kind == 0:
        places = random.sample(range(len(content)), random.choice((0, 1, 2, 3)))
        content = damage(random, bytes(ord('"') if at in places else byte for at, byte in enumerate(content)))
        section = {**SECTION, **random.choice(({}, {"quoting": "none"}, {"newlines_in_values": True}))}
    elif kind == 1:
        section = disturb(random, SECTION)
    (data / "t.csv").write_bytes(content)
    if kind >= 2:
        (data / "t.csv").unlink()
        columns = {name: pa.array(values) for name, values in _columns(content).items()}
        if kind == 3:
            name = random.choice(list(columns))
            columns[name] = pa.array([random.choice(ODD_VALUES)] * 24)
            kind_of = columns[name].type
            if random.random() < 0.2 and not pa.types.is_nested(kind_of) and not pa.types.is_null(kind_of):
                columns[name] = columns[name].dictionary_encode()
        pq.write_table(pa.table(columns), data / "t.parquet")
        if kind == 2:
            (data / "t.parquet").write_bytes(damage(random, (data / "t.parquet").read_bytes()))

    def use() -> None:
        config = Config(folder / "c.yaml", {"runner": {}, "hyper_parameters": {}, "data": section})
        TabularReader.declared(config)
        source = TabularReader(data_files(data), config)
        check_batches(source, source.num_id, 5)

    return check(use)


PREPARED_FIELDS: dict[str, Any] = {
    "color": {"shares": "tags"}, "tags": {"separator": "|", "dim": 3}, "price": {"buckets": 2},
    "cost": {"column": "price", "numeric": "none"}, "rate": {"column": "color", "statistic": {"of": "click"}},
}  # fmt: skip


@functools.cache
def _prepared_table() -> tuple[Path, Any]:
    """A table that tools/prepare.py wrote, and the sections that read it."""
    folder = _kept_folder()
    (folder / "data").mkdir()
    (folder / "data" / "t.csv").write_text(TABLE)
    tree = {
        "runner": {"train_data_dir": "data", "train_batch_size": 5, "train_reader_path": "table_reader"},
        "data": {**SECTION, "fields": PREPARED_FIELDS},
        "hyper_parameters": {
            "optimizer": {"class": "Adam"}, "sparse_feature_dim": 4, "tower_fc_sizes": [4],
            "behaviours": {"click": None},
        },
    }  # fmt: skip
    prepare(Config(folder / "c.yaml", tree), folder / "ready", force=False)
    return folder / "ready", tree


def prepared_table(random: Random, folder: Path) -> str | None:
    """A prepared table: the bytes of a file, or the values of its manifest or vocabulary."""
    source, tree = _prepared_table()
    ready = folder / "ready"
    shutil.copytree(source, ready)
    file = random.choice(sorted(ready.iterdir()))
    if file.suffix == ".json" and random.random() < 0.6:
        file.write_text(json.dumps(disturb(random, json.loads(file.read_text())), skipkeys=True))
    else:
        file.write_bytes(damage(random, file.read_bytes()))

    def use() -> None:
        config = Config(folder / "c.yaml", {**tree, "runner": {}})
        part = random.choice(("train", "test"))
        reader = PreparedTableReader([str(ready / MANIFEST)], config, part)  # type: ignore[arg-type]
        if reader.num_id <= 10**7:
            check_batches(reader, reader.num_id, 5)

    return check(use)


def _columns(content: bytes) -> dict[str, list[str]]:
    header, *rows = [line.split(",") for line in content.decode().splitlines()]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


@functools.cache
def _checkpoint(save_format: str) -> tuple[Path, State]:
    folder = _kept_folder()
    store = Store(folder)
    state = State(
        {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "embedding.weight": np.ones((4, 2), np.float32)},
        {"w/moment1_0": np.zeros((2, 3), np.float32)},
    )
    vocabulary = Vocabulary({"f": ["a", "b"], "g": None}, 10, {"h": [0.5]}).to_json()
    manifest = Manifest(0, 5, 1, store.run, order={"runner.seed": 1}, meter={"sums": {"loss": 1.0}, "exposures": 3})
    return store.save(manifest, state, {"vocabulary.json": vocabulary}, {}, "rec", save_format), state


def checkpoint_bytes(random: Random, folder: Path) -> str | None:
    """A checkpoint's files: with state.json every change must be refused; without it, none may do more than differ."""
    save_format = random.choice(("safetensors", "pdparams"))
    source, state = _checkpoint(save_format)
    copy = folder / "0-batch5"
    shutil.copytree(source, copy)
    file = random.choice(sorted(copy.iterdir()))
    content = file.read_bytes()
    file.write_bytes(damage(random, content))
    guarded = random.random() < 0.5
    if not guarded:
        (copy / "state.json").unlink()

    def use() -> None:
        found = load(copy, "everything")
        assert all(isinstance(value, np.ndarray) for value in found.weights.values())
        if guarded and file.name != "vocabulary.json":
            assert found.weights.keys() == state.weights.keys(), "checkpoint differs unnoticed"
            assert all((found.weights[name] == value).all() for name, value in state.weights.items())
            assert read_manifest(copy) == read_manifest(source)
        Vocabulary.load(copy / "vocabulary.json").ids("f", pa.chunked_array([["a", "x"]]))
        Store(folder).latest()

    return check(use)


def vocabulary_json(random: Random, folder: Path) -> str | None:
    """A vocabulary's values, edited by hand."""
    source = json.loads((_checkpoint("safetensors")[0] / "vocabulary.json").read_text())
    (folder / "v.json").write_text(json.dumps(disturb(random, source), skipkeys=True))

    def use() -> None:
        vocabulary = Vocabulary.load(folder / "v.json")
        if 0 < vocabulary.num_id < 10**6:
            for name in vocabulary.values:
                ids = vocabulary.ids(name, pa.chunked_array([["a", "x", "b"]]))
                assert ((ids >= 0) & (ids < vocabulary.num_id)).all()

    return check(use)


def manifest_values(random: Random, folder: Path) -> str | None:
    """state.json, edited by hand, with and without its checksum."""
    (folder / "0").mkdir()
    source = json.loads((_checkpoint("safetensors")[0] / "state.json").read_text())
    if random.random() < 0.7:
        source["checksum"] = ""
    (folder / "0" / "state.json").write_text(json.dumps(disturb(random, source), skipkeys=True))

    def use() -> None:
        manifest = read_manifest(folder / "0")
        assert manifest is not None
        assert manifest.name
        store = Store(folder)
        store.latest()
        store.best("auc_ctr")

    return check(use)


def hostile_pickle(random: Random, folder: Path) -> str | None:
    """Pickles put together of dangerous pieces, or real ones with such pieces in them: nothing of them may run."""
    (folder / "0").mkdir()
    canary = folder / "canary"
    source = (_checkpoint("pdparams")[0] / "rec.pdparams").read_bytes()
    content = hostile.program(random, canary) if random.random() < 0.6 else hostile.insert(random, source, canary)
    (folder / "0" / "rec.pdparams").write_bytes(content)
    before = hostile.world()
    result = check(lambda: load(folder / "0", "weights"))
    assert not canary.exists(), "a pickle ran"
    assert hostile.world() == before, "a pickle altered a module"
    return result


def hostile_object(random: Random, folder: Path) -> str | None:
    """A pickle as an attacker would write it."""
    (folder / "0").mkdir()
    canary = folder / "canary"
    payload = pickle.dumps({"w": hostile.Bomb(random, canary)}, protocol=random.randrange(2, 6))
    (folder / "0" / "rec.pdparams").write_bytes(payload)
    result = check(lambda: load(folder / "0", "weights"))
    assert not canary.exists(), "a pickle ran"
    assert result is not None
    assert "refused" in result
    return result


def saved_batch(random: Random, folder: Path) -> str | None:
    """A batch that was kept for a replay."""
    bags = Bags(2, np.array([0, 1, 1], np.int32), np.array([0, 1, 2, 3, 3], np.int32))
    batch = Batch(np.array([5, 9]), (bags,), {"click": np.array([1, 0], np.float32)}, np.array([b"a", b"b"]))
    save_batch(folder / "b.npz", batch, {"epoch": 1})
    (folder / "b.npz").write_bytes(damage(random, (folder / "b.npz").read_bytes()))

    def use() -> None:
        found, _ = load_batch(folder / "b.npz")
        if isinstance(found, Batch):
            for part in found.bags:
                check_bags(part, len(found.rows), len(found))

    return check(use)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        config_bytes, config_values, overrides, text_lines, parquet_bytes, parquet_values, schema_json, own_table,
        checkpoint_bytes, vocabulary_json, manifest_values, hostile_pickle, hostile_object, saved_batch, prepared_table,
    )
}  # fmt: skip
