"""Tables in an object store: the same rows as on the disk, through a server of S3 on this machine."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from rec.compare import store
from rec.config.config import load
from rec.config.paths import remote
from rec.data import encoded_reader, tabular
from rec.data.fingerprint import fingerprint
from rec.data.plan import ReadPlan
from rec.data.tables import storage
from rec.data.tables.files import table_files
from rec.data.tables.text import Text
from rec.errors import UserError
from rec.nn.multitask import MultiTask
from support import ROOT, Tool

CONFIG = f"""
model: {ROOT / "models" / "rank" / "deepfm"}
runner: {{epochs: 2, train_batch_size: 32, infer_batch_size: 64, infer_checkpoint: latest, test_data_dir: table}}
data:
  labels: {{click: click}}
  test: {{by: dt, after: "2026-05-02"}}
  fields: {{user: , item: , price: {{numeric: log1p}}}}
hyper_parameters: {{optimizer: {{class: Adam}}, behaviours: {{click: }}, sparse_feature_dim: 4, tower_fc_sizes: [4]}}
"""


@contextmanager
def serving() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """HOST:PORT of a server of S3 with nothing in it, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(200):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    try:
        yield f"127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as (address, _):
        yield address


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table in a folder `table`, and the same in a bucket `shop`, whose address the environment tells."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{server}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(storage, "_SYSTEMS", {})
    random = np.random.default_rng(0)
    for day, ending in ((1, "parquet"), (2, "csv.gz"), (3, "feather"), (4, "jsonl")):
        rows = {
            "user": random.integers(0, 9, 80), "item": random.integers(0, 20, 80),
            "price": random.exponential(9, 80).round(2), "click": random.integers(0, 2, 80),
        }  # fmt: skip
        folder = Path(f"table/dt=2026-05-0{day}")
        folder.mkdir(parents=True)
        (folder / "_SUCCESS").touch()
        table, path = pa.table(rows), folder / f"part.{ending}"
        if ending == "parquet":
            pq.write_table(table, path, row_group_size=30)
        elif ending == "feather":
            pa.feather.write_feather(table, path)
        elif ending == "csv.gz":
            table.to_pandas().to_csv(path, index=False)
        else:
            table.to_pandas().to_json(path, orient="records", lines=True)
    client = boto3.client("s3", endpoint_url=f"http://{server}")
    client.create_bucket(Bucket="shop")
    for file in Path("table").rglob("*"):
        if file.is_file():
            client.upload_file(str(file), "shop", str(file))
    Path("config.yaml").write_text(CONFIG)
    yield "s3://shop/table"
    boto3.resource("s3", endpoint_url=f"http://{server}").Bucket("shop").objects.delete()
    client.delete_bucket(Bucket="shop")


def put(key: str, content: bytes) -> None:
    """A file of the bucket `shop`."""
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    client.put_object(Bucket="shop", Key=key, Body=content)


def succeed(tool: Tool, name: str, place: str, *overrides: str) -> str:
    places = [f"runner.{part}_data_dir={place}" for part in ("train", "test")]
    outcome = tool(name, "-m", "config.yaml", "-o", *places, *overrides)
    assert outcome.code == 0, outcome.err
    return outcome.err


def test_it_trains_resumes_and_is_tested_as_on_the_disk(bucket: str, tool: Tool):
    """Also with reader processes asked for, which may not be forked from what talks to a server."""
    succeed(tool, "trainer", "table", "runner.model_save_path=disk")
    said = succeed(tool, "trainer", bucket, "runner.model_save_path=far", "runner.epochs=1", "runner.num_workers=2")
    assert "s3://shop/table: 320 rows (dt=2026-05-01/part.parquet 80, " in said
    succeed(tool, "trainer", bucket, "runner.model_save_path=far", "runner.resume=true")
    for path in Path("disk/1").glob("*.safetensors"):
        assert path.read_bytes() == (Path("far/1") / path.name).read_bytes()
    for place, folder in (("table", "disk"), (bucket, "far")):
        succeed(tool, "infer", place, f"runner.model_save_path={folder}", f"runner.predict_save_path={folder}.csv")
    assert Path("disk.csv").read_text() == Path("far.csv").read_text()
    # What was written beside the weights can be given to -m.
    outcome = tool("infer", "-m", "far/1/config.yaml", "-o", "runner.model_save_path=far")
    assert outcome.code == 0, outcome.err
    before = fingerprint([Path(bucket)])
    put("table/dt=2026-05-02/more.csv", b"user,item,price,click")
    assert fingerprint([Path(bucket)]) != before


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("s3://shop/table/dt=2026-05-0[12]", ["dt=2026-05-01/part.parquet", "dt=2026-05-02/part.csv.gz"]),
        ("s3://shop/table/*/part.jsonl", ["dt=2026-05-04/part.jsonl"]),
        ("s3://shop/t*/dt=2026-05-03/part.feather", ["dt=2026-05-03/part.feather"]),
    ],
)
def test_patterns(bucket: str, place: str, found: list[str]):
    assert table_files([Path(place)], "*") == [f"s3:/shop/table/{name}" for name in found]


@pytest.mark.parametrize(
    "place", ["s3://shop/table/dt=*", "['s3://shop/table/dt=2026-05-0[12]', 'table/dt=2026-05-0[34]']"]
)
def test_a_pattern_s_rows_are_set_aside_as_a_folder_s(bucket: str, tool: Tool, place: str):
    """Patterns, here and afar: what is tested are the rows of the last two days, and no others."""
    for name, places in (("whole", "table"), ("parts", place)):
        succeed(tool, "trainer", places, f"runner.model_save_path={name}", "runner.epochs=1")
        said = succeed(tool, "infer", places, f"runner.model_save_path={name}", f"runner.predict_save_path={name}.csv")
        assert "320 rows (" in said
        assert ", 160 for testing" in said
        assert "all rows of" not in said
    assert Path("whole.csv").read_text() == Path("parts.csv").read_text()


def test_another_bucket_is_another_run(bucket: str, tool: Tool):
    succeed(tool, "trainer", bucket, "runner.model_save_path=o", "runner.epochs=1")
    put("other/dt=2026-05-01/part.csv", b"user,item,price,click\n1,2,3,1\n2,2,3,0\n")
    for place in ("s3://shop/other", "table"):
        given = [f"runner.{part}_data_dir={place}" for part in ("train", "test")]
        outcome = tool("trainer", "-m", "config.yaml", "-o", *given, "runner.model_save_path=o")
        assert outcome.code == 2
        assert "o: holds checkpoints of another run (runner.train_data_dir was 's3:/shop/table', is" in outcome.err


def test_a_comparison_knows_the_files_by_size_and_time(bucket: str):
    before = store.fingerprint([Path(bucket)])
    assert [name for name, _, _ in before] == ["part.parquet", "part.csv.gz", "part.feather", "part.jsonl"]
    for (_, found, _), path in zip(before, sorted(Path("table").rglob("part.*")), strict=True):
        assert found == path.stat().st_size
    time.sleep(1.1)  # the server counts whole seconds
    put("table/dt=2026-05-04/part.jsonl", Path("table/dt=2026-05-04/part.jsonl").read_bytes())
    after = store.fingerprint([Path(bucket)])
    assert after[:3] == before[:3]
    assert after[3][:2] == before[3][:2]
    assert after[3][2] > before[3][2]


def test_an_address_in_the_place(bucket: str, server: str, tool: Tool, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(storage, "_SYSTEMS", {})
    succeed(tool, "trainer", f"{bucket}?endpoint_override={server}&scheme=http&region=us-east-1")


def test_of_parquet_only_what_is_asked_for_is_read(bucket: str, monkeypatch: pytest.MonkeyPatch):
    """A row group's columns of a file with 200 columns more, of a megabyte; many columns by few requests."""
    wide = pa.table({"user": range(900), **{f"c{n}": np.random.default_rng(n).random(900) for n in range(200)}})
    with pa.BufferOutputStream() as buffer:
        pq.write_table(wide, buffer, row_group_size=300)
        content = buffer.getvalue().to_pybytes()
    put("wide.parquet", content)
    read: list[int] = []

    class Counted:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def read(self, count=None):
            found = self.file.read(count)
            read.append(len(found))
            return found

    from rec.data.tables import arrow

    original = storage.opened
    monkeypatch.setattr(arrow, "opened", lambda path: pa.PythonFile(Counted(original(path)), mode="r"))
    opened = arrow.Parquet("s3:/shop/wide.parquet")
    assert opened.read(1, ["user"]).column("user").to_pylist() == list(range(300, 600))
    assert len(content) > 1_000_000 > 8 * sum(read)
    read.clear()
    assert opened.read(2, [f"c{n}" for n in range(100)]).num_rows == 300
    assert len(read) < 10


def test_what_is_not_there(bucket: str, server: str, tool: Tool, monkeypatch: pytest.MonkeyPatch):
    def refused(place: str) -> str:
        outcome = tool(
            "trainer",
            "-m",
            "config.yaml",
            "-o",
            f"runner.train_data_dir={place}",
            "runner.test_data_dir=~drop",
            "data.test=null",
        )
        assert outcome.code == 2
        return outcome.err.splitlines()[-1]

    assert "s3://shop/other: no such data directory or file" in refused("s3://shop/other")
    assert "s3://nobody/table: no such data directory" in refused("s3://nobody/table")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(storage, "_SYSTEMS", {})
    gone = refused("s3://shop/table")
    assert "s3://shop/table: cannot be reached" in gone
    assert "look at the address, AWS_ACCESS_KEY_ID" in gone
    if shutil.which("hdfs") is None:
        far = refused("hdfs://namenode:9000/table")
        assert far.startswith("error: hdfs://namenode:9000/table: cannot be reached: Unable to load lib")
        assert "JAVA_HOME, HADOOP_HOME and CLASSPATH" in far
    secret = refused("s3://KEY:hush@shop/table")
    assert "error: s3://...@shop: keys and names do not belong in a config" in secret
    assert "hush" not in secret
    assert "endpoint means nothing behind the ? (did you mean endpoint_override?)" in refused(
        "s3://shop/t?endpoint=h:1"
    )


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("hdfs://shop/log", ("shop", 0, None, "/log")),  # a name of Hadoop's settings, or its usual port
        ("hdfs://host:9000/log/dt=1?user=me", ("host", 9000, "me", "/log/dt=1")),
        ("hdfs:///log", ("default", 0, None, "/log")),
    ],
)
def test_how_hadoop_is_asked(monkeypatch: pytest.MonkeyPatch, place: str, found: tuple[object, ...]):
    monkeypatch.setattr(storage, "_SYSTEMS", {})
    monkeypatch.setattr(pa.fs, "HadoopFileSystem", lambda host, port, user: (host, port, user))
    system, inner = storage._system(remote(place))
    assert (*system, inner) == found


def test_what_is_written_is_written_here(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    outcome = tool("trainer", "-m", "config.yaml", "-o", "runner.train_data_dir=t", "runner.model_save_path=s3://b/out")
    assert outcome.code == 2
    assert "runner.model_save_path should be a place of this machine, got 's3://b/out'" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any: without them each attempt would look for some elsewhere first."""
    monkeypatch.setattr(storage, "_SYSTEMS", {})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")


@pytest.mark.usefixtures("keys")
def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(storage, "_PATIENCE", {"connect_timeout": 1, "request_timeout": 1})
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        place = f"s3://shop/table?endpoint_override=127.0.0.1:{mute.getsockname()[1]}&scheme=http"
        with pytest.raises(UserError, match=r"cannot be reached: .*Timeout was reached"):
            table_files([Path(place)], "*")


@pytest.mark.usefixtures("keys")
def test_a_server_that_stops_while_rows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One line that names the file, also from the thread that reads ahead."""
    monkeypatch.setattr(tabular, "IN_MEMORY", 10)
    monkeypatch.setattr(encoded_reader, "WINDOW", 100)
    with serving() as (address, process):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        boto3.client("s3", endpoint_url=f"http://{address}", region_name="us-east-1").create_bucket(Bucket="shop")
        table = pa.table({"user": range(1000), "item": range(1000), "price": range(1000), "click": [0, 1] * 500})
        with pa.BufferOutputStream() as buffer:
            pq.write_table(table, buffer, row_group_size=100)
            monkeypatch.setenv("AWS_REGION", "us-east-1")
            put("log/part.parquet", buffer.getvalue().to_pybytes())
        (tmp_path / "c.yaml").write_text(CONFIG)
        config = load(tmp_path / "c.yaml", ["runner.train_data_dir=s3://shop/log", "data.test=null"])
        files = tabular.TabularReader.files(config, config.places("s3://shop/log"))
        reader = tabular.TabularReader(files, config, rules=MultiTask.label_rules(config.hyper_parameters))
        batches = reader.batches(ReadPlan(batch_size=50, training=True))
        assert len(next(batches)) == 50
        process.kill()
        with pytest.raises(UserError, match=r"^s3:/+shop/log/part\.parquet: cannot be re.*NETWORK_CONNECTION") as error:
            list(batches)
        assert "\n" not in str(error.value)


def test_only_tables_are_read_from_there(bucket: str, tool: Tool):
    esmm = ROOT / "models" / "multitask" / "esmm" / "config.yaml"
    outcome = tool("trainer", "-m", esmm, "-o", "runner.train_data_dir=s3://shop/table", "runner.model_save_path=o")
    assert outcome.code == 2
    assert "only tables, which a data section describes, are read from there" in outcome.err


def test_a_damaged_file_is_named(bucket: str, tool: Tool):
    put("table/dt=2026-05-02/part.csv.gz", gzip.compress(b"user,item,price,click\n1,2,3,1\n")[:-9])
    with pytest.raises(UserError, match=r"part\.csv\.gz: cannot be "):
        Text("s3:/shop/table/dt=2026-05-02/part.csv.gz", "utf-8")
