"""A table's pieces counted, learned and written by others give the files that one process writes."""

from __future__ import annotations

import importlib.util
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.test_prepared_tables import CONFIG
from rec.config.config import load
from rec.data import number_sample
from rec.data.number_sample import NumberSample
from rec.data.scale import Moments
from rec.errors import UserError
from rec.prepare.spark import BySpark, _last_said
from rec.prepare.table import prepare
from support import ESMM, ROOT, write_lines

HAS_SPARK = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
DATA = """
data:
  labels: {click: click, conversion: buy}
  numbers: {seconds: seconds}
  keep: [day]
  min_count: 2
  valid: {share: 0.2, by: user}
  test: {by: day, after: "2026-05-02"}
  fields:
    user:
    item:
    past: {separator: "|", shares: item, sequence: 4}
    tags: {separator: "|", pairs: ":", pooling: weighted}
    price: {numeric: standardize}
    logged: {column: price, numeric: log1p}
    dear: {column: price, buckets: 5}
    rate: {column: item, statistic: {of: click, prior: 3}}
"""


class Others:
    """What a cluster does, without one: work and results are sent as it would send them."""

    def ask(self, work, tasks):
        for task in tasks:
            yield pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(work))(task)))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three days of a hundred rows, one of them compressed, and a config for them."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(4)
    for day in (1, 2, 3):
        lines = ["user,item,past,tags,price,seconds,click,buy"]
        for _ in range(100):
            user, item, click = random.integers(0, 30), random.integers(0, 9), random.integers(0, 2)
            past = "|".join(map(str, random.integers(0, 9, random.integers(0, 7))))
            tags = "|".join(f"{t}:{random.random():.3f}" for t in random.integers(0, 5, random.integers(0, 3)))
            price = "" if random.random() < 0.1 else f"{random.exponential(9):.2f}"
            buy = click * random.integers(0, 2)
            lines.append(f"{user},{item},{past},{tags},{price},{random.integers(0, 60)},{click},{buy}")
        write_lines(Path(f"table/day=2026-05-0{day}"), lines)
    Path("config.yaml").write_text(CONFIG + DATA)
    return tmp_path


def files_of(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.mark.parametrize("rows", [100, 1 << 20])
def test_the_files_of_one_process(table: Path, monkeypatch: pytest.MonkeyPatch, rows: int):
    """Of a table that is read at once, and of one of which the driver reads nothing."""
    monkeypatch.setattr("rec.data.tabular.IN_MEMORY", rows)
    prepare(load("config.yaml", []), Path("one"), force=False)
    prepare(load("config.yaml", []), Path("others"), force=False, hands=BySpark(Others()))
    assert set(files_of("one")) == {"prepared.json", "vocabulary.json", "train.arrow", "valid.arrow", "test.arrow"}
    assert files_of("one") == files_of("others")


def test_what_is_wrong_with_a_row_is_said(table: Path):
    path = next(Path("table/day=2026-05-02").iterdir())
    path.write_text(path.read_text() + "7,7,,,1.5,3,2,0\n")
    with pytest.raises(UserError, match=r"part-0.*row 101.*click"):
        prepare(load("config.yaml", []), Path("others"), force=False, hands=BySpark(Others()))
    assert not list(Path("others").iterdir())


@pytest.mark.skipif(not HAS_SPARK, reason="PySpark or Java is not here: requirements-spark.txt")
def test_a_spark_cluster_of_this_machine(table: Path):
    def command(name: str, out: str, *more: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), "-m", "config.yaml", out, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    Path("config.yaml").write_text(f"model: {ESMM.parent / 'mmoe'}\n" + CONFIG + DATA)
    assert command("prepare", "one").returncode == 0
    done = command("spark_prepare", "others", "--master", "local[2]")
    assert done.returncode == 0, done.stderr
    assert files_of("one") == files_of("others")
    path = next(Path("table/day=2026-05-03").iterdir())
    path.write_text(path.read_text() + "7,7,,,1.5,3,2,0\n")
    failed = command("spark_prepare", "none")
    assert failed.returncode == 2
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("error: ")]
    assert "row 101" in line
    assert "Traceback" not in failed.stderr
    assert not list(Path("none").iterdir())


def test_without_pyspark_one_line_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    from rec.prepare.spark import Spread

    with pytest.raises(UserError, match=r"needs PySpark, and Java: pip install -r requirements-spark\.txt"):
        Spread(None)


def test_moments_of_parts_are_those_of_the_whole():
    """Bit for bit, where the parts are taken in the same order; against NumPy to rounding."""
    pieces = [np.array([1.5, np.nan, 2.5]), np.array([np.nan]), np.array([1e6, 3.25, -7.0]), np.array([0.1] * 5)]
    whole, joined = Moments(), Moments()
    for piece in pieces:
        whole.add(piece)
        part = Moments()
        part.add(piece)
        joined.join(part)
    assert whole == joined
    numbers = np.concatenate(pieces)
    numbers = numbers[np.isfinite(numbers)]
    assert (whole.count, whole.low, whole.high) == (10, -7.0, 1e6)
    assert whole.mean == pytest.approx(numbers.mean(), rel=1e-14)
    assert whole.squares == pytest.approx(((numbers - numbers.mean()) ** 2).sum(), rel=1e-14)


def test_a_sample_of_parts_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(number_sample, "_MOST_NUMBERS", 50)
    numbers, whole, joined = np.random.default_rng(1).normal(size=1000), NumberSample(), NumberSample()
    for start in range(0, 1000, 100):
        rows = np.arange(start, start + 100)
        whole.add(numbers[rows], rows)
        part = NumberSample()
        part.add(numbers[rows], rows)
        joined.join(part)
    held = [np.concatenate(each._numbers) for each in (whole, joined)]
    assert 10 < len(held[0]) <= 50
    assert held[0].tolist() == held[1].tolist()


def test_what_workers_say_last():
    said = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
    Traceback (most recent call last):
      File "worker.py", line 1
    ModuleNotFoundError: No module named 'rec'
        at org.apache.spark.api.python"""
    assert _last_said(RuntimeError(said)) == "ModuleNotFoundError: No module named 'rec'"
    assert _last_said(RuntimeError("lost\nat java")) == "lost"
