"""prepare.py --extend: what it refuses, in a line and before anything is written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rawfiles import random_split

from preparation.earlier import read_earlier
from preparation.pipeline import Settings, prepare
from rec.data.prepared_schema import read_schema
from rec.errors import UserError
from support import ESMM, ROOT, Tool

RARE = Settings(min_count=2, valid=0.0)


def raw(folder: Path, day: int, highest: int | None = None) -> Path:
    """A day's raw files, with positions 0 to `highest` beside them where one is given."""
    for name, seed in (("train", day), ("test", 9)):
        split = random_split(seed, rows=15)
        split.write(folder, name)
        if highest is not None:
            samples = [row.sample or 0 for row in split.exposures]
            positions = [sample % (highest + 1) for sample in samples]
            columns = {"sample_id": pa.array(samples, pa.int64()), "position": pa.array(positions, pa.int32())}
            pq.write_table(pa.table(columns), folder / f"behaviours_{name}.parquet")
    return folder


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """The first day, prepared with a min_count of 2."""
    prepare(raw(tmp_path / "raw1", 1), tmp_path / "day1", RARE, workers=1)
    return tmp_path / "day1"


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "datasets/ali-ccp/prepare.py"), *map(str, arguments)]


def test_the_command_refuses_in_a_line(first, tmp_path):
    day, before = raw(tmp_path / "raw2", 2), digests(first)
    said = {
        (tmp_path / "out", "--min-count", "3"): (
            f"prepare.py: --min-count 3: {first} was prepared with 2, and counts go on: leave it out"
        ),
        (first / ".." / "day1", "--force"): (
            f"prepare.py: {first}/../day1: goes on from itself: name another folder for OUT"
        ),
    }
    for (out, *more), line in said.items():
        done = subprocess.run(command(day, out, "--extend", first, *more), capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", [line])
    assert not (tmp_path / "out").exists()
    assert digests(first) == before


def test_the_command_takes_min_count_and_valid_over(first, tmp_path):
    day = raw(tmp_path / "raw2", 2)
    done = subprocess.run(command(day, tmp_path / "out", "--extend", first), capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("warning")) == (0, 0), done.stderr
    prepare(day, tmp_path / "other", RARE, workers=1, earlier=read_earlier(first))
    assert digests(tmp_path / "out") == digests(tmp_path / "other")


def test_users_who_were_trained_on_are_no_new_users(tmp_path):
    """A hash below the share holds out: with a smaller share some of those who were, with a larger one others too."""
    days = [raw(tmp_path / f"raw{day}", day) for day in (1, 2)]
    prepare(days[0], tmp_path / "day1", Settings(valid=0.3), workers=1)
    for share, warned in (("0.2", False), ("0.3", False), ("0.4", True)):
        out = tmp_path / share
        more = ("--valid", share, "--extend", tmp_path / "day1")
        done = subprocess.run(command(days[1], out, *more), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads((out / "schema.json").read_text())["created_by"]["valid"] == float(share)
        line = f"prepare.py: warning: --valid {share}: {tmp_path / 'day1'} held out 0.3 of the users; who is held out"
        assert (line in done.stderr) is warned


def test_a_killed_run_leaves_nothing_and_the_day_before_as_it_was(first, tmp_path):
    day, out, before = raw(tmp_path / "raw2", 2), tmp_path / "out", digests(first)
    (day / "common_features_train.csv").rename(tmp_path / "common")
    os.mkfifo(day / "common_features_train.csv")  # the run waits for its common rows: a moment to kill it in
    run = subprocess.Popen(command(day, out, "--extend", first), stderr=subprocess.PIPE)
    while not (out / ".preparing-data/spool").exists():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert all(path.name.startswith(".preparing-") for path in out.iterdir())
    assert digests(first) == before


def changed_schema(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "schema.json"
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema))


def with_column(path: Path, name: str, values: Callable[[np.ndarray], np.ndarray]) -> None:
    table = pq.read_table(path)
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, pa.array(values(table[name].to_numpy()), pa.int64())), path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut off": lambda old: (old / "waiting.parquet").write_bytes(b"PAR1"),
    "waiting often enough": lambda old: with_column(old / "waiting.parquet", "count", lambda counts: counts + 1),
    "waiting other ids": lambda old: with_column(old / "waiting.parquet", "original_id", lambda ids: ids + 1),
    "known and too rare": lambda old: with_column(old / "vocabulary.parquet", "count", lambda counts: counts * 0),
    "offsets": lambda old: changed_schema(old, lambda schema: schema["fields"][3].update(offset=1)),
    "id_space": lambda old: changed_schema(old, lambda schema: schema.update(id_space=10**6)),
    "a field is gone": lambda old: changed_schema(old, lambda schema: schema["fields"].pop()),
    "extends": lambda old: changed_schema(old, lambda schema: schema.update(extends=5)),
    "no schema": lambda old: (old / "schema.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_day_before_is_refused(first, damage):
    DAMAGES[damage](first)
    with pytest.raises(UserError) as caught:
        read_earlier(first)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(first))


def test_what_waits_is_believed_without_its_checksum_if_it_can_be_so(first):
    """As folders have it that were prepared before there was one."""
    whole = read_earlier(first).waiting
    changed_schema(first, lambda schema: schema.pop("waiting_sha256"))
    assert [(n, c.ids.tolist()) for n, c in read_earlier(first).waiting.items()] == [
        (n, c.ids.tolist()) for n, c in whole.items()
    ]
    DAMAGES["waiting often enough"](first)
    with pytest.raises(UserError, match=r"waiting\.parquet: is not the one that schema\.json says"):
        read_earlier(first)


@pytest.mark.parametrize(("before", "now"), [(4, None), (None, 4)])
def test_both_days_have_positions_or_none(tmp_path, before, now):
    prepare(raw(tmp_path / "raw1", 1, before), tmp_path / "day1", RARE, workers=1)
    earlier, out = read_earlier(tmp_path / "day1"), tmp_path / "day2"
    with pytest.raises(UserError, match=r"behaviours_train\.parquet: has .* column position, and what --extend names"):
        prepare(raw(tmp_path / "raw2", 2, now), out, RARE, workers=1, earlier=earlier)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("before", "now", "size"), [(0, 4, 5), (4, 0, 5), (3, 3, 4)])
def test_positions_never_become_fewer(tmp_path, before, now, size):
    prepare(raw(tmp_path / "raw1", 1, before), tmp_path / "day1", RARE, workers=1)
    earlier = read_earlier(tmp_path / "day1")
    prepare(raw(tmp_path / "raw2", 2, now), tmp_path / "day2", RARE, workers=1, earlier=earlier)
    schema = read_schema(tmp_path / "day2/schema.json")
    assert (schema.fields[-1].name, schema.fields[-1].size) == ("position_id", size)
    grown = schema.since(earlier.extends[0]["vocabulary_sha256"])
    assert grown is not None
    own = earlier.extends[0]["fields"][-1]["offset"] + np.arange(1 + before)
    assert grown.new[np.isin(grown.old, own)].tolist() == [schema.fields[-1].offset + i for i in range(1 + before)]


def test_a_schema_that_cannot_have_grown_so_is_refused_by_readers(first, tmp_path):
    prepare(raw(tmp_path / "raw2", 2), tmp_path / "day2", RARE, workers=1, earlier=read_earlier(first))
    path = tmp_path / "day2/schema.json"
    assert len(read_schema(path).extends) == 1
    changed_schema(tmp_path / "day2", lambda schema: schema["extends"][0]["fields"][2].update(name="gone"))
    with pytest.raises(UserError, match="extends: Value error, field gone is not one that has grown"):
        read_schema(path)


def test_parts_of_two_days_are_not_mixed(first, tmp_path, tool: Tool, monkeypatch):
    """Their ids differ: what another day's validation part measured would be of other values' rows."""
    monkeypatch.chdir(tmp_path)
    prepare(raw(tmp_path / "raw2", 2), tmp_path / "day2", RARE, workers=1, earlier=read_earlier(first))
    shutil.move(first / "test", first / "valid")
    days = [f"runner.train_data_dir={tmp_path}/day2/train", f"runner.valid_data_dir={first}/valid"]
    places = [*days, "runner.test_data_dir=~drop"]
    done = tool("trainer", "-m", ESMM / "config_bigdata.yaml", "-o", *places, "runner.model_save_path=out")
    assert done.code == 2
    assert "valid: its ids are not those of runner.train_data_dir" in done.err.splitlines()[-1]
    assert not Path("out").exists()
