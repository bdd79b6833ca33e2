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
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from rec.data.fingerprint import fingerprint
from rec.data.tables import storage
from rec.data.tables.files import table_files
from rec.data.tables.text import Text
from rec.errors import UserError
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


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """HOST:PORT of a server of S3 with nothing in it."""
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
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


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
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).put_object(
        Bucket="shop", Key="table/dt=2026-05-02/more.csv", Body=b"user,item,price,click"
    )
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


def test_an_address_in_the_place(bucket: str, server: str, tool: Tool, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(storage, "_SYSTEMS", {})
    succeed(tool, "trainer", f"{bucket}?endpoint_override={server}&scheme=http&region=us-east-1")


def test_of_parquet_only_what_is_asked_for_is_read(bucket: str, monkeypatch: pytest.MonkeyPatch):
    """A row group's columns of a file with 200 columns more, of a megabyte."""
    wide = pa.table({"user": range(900), **{f"c{n}": np.random.default_rng(n).random(900) for n in range(200)}})
    with pa.BufferOutputStream() as buffer:
        pq.write_table(wide, buffer, row_group_size=300)
        content = buffer.getvalue().to_pybytes()
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).put_object(
        Bucket="shop", Key="wide.parquet", Body=content
    )
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
        assert "JAVA_HOME, HADOOP_HOME and CLASSPATH" in refused("hdfs://namenode:9000/table")


def test_only_tables_are_read_from_there(bucket: str, tool: Tool):
    esmm = ROOT / "models" / "multitask" / "esmm" / "config.yaml"
    outcome = tool("trainer", "-m", esmm, "-o", "runner.train_data_dir=s3://shop/table", "runner.model_save_path=o")
    assert outcome.code == 2
    assert "only tables, which a data section describes, are read from there" in outcome.err


def test_a_damaged_file_is_named(bucket: str, tool: Tool):
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).put_object(
        Bucket="shop",
        Key="table/dt=2026-05-02/part.csv.gz",
        Body=gzip.compress(b"user,item,price,click\n1,2,3,1\n")[:-9],
    )
    with pytest.raises(UserError, match=r"part\.csv\.gz: cannot be "):
        Text("s3:/shop/table/dt=2026-05-02/part.csv.gz", "utf-8")
