"""Days walked over: each evaluated by the model of the day before, then trained on; killed at any moment, the same."""

from __future__ import annotations

import csv
import json
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rec.config.config import Config, load
from rec.daily.days import days_of
from rec.daily.novelty import Novelty, unknown_rows
from rec.daily.walk import walk
from rec.data.batch import Bags, Batch
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.metrics.task import Task
from support import ROOT, Tool, start, write_lines

CONFIG = f"""
model: {ROOT / "models" / "rank" / "deepfm"}
runner: {{train_data_dir: log/day-*, epochs: 1, train_batch_size: 16, model_save_path: out, save_steps: 3,
         print_interval: 1, infer_batch_size: 64}}
data:
  labels: {{click: click}}
  grow_vocabulary: true
  admit_count: 2
  evict_after: 1
  fields: {{user: , item: , seen: {{separator: "|", shares: item, sequence: 3}}}}
hyper_parameters: {{optimizer: {{class: Adam}}, behaviours: {{click: }}, sparse_feature_dim: 4, tower_fc_sizes: [4]}}
"""
DAYS = ("day-8", "day-9", "day-10")


def write_day(number: int) -> None:
    draw = random.Random(number)
    lines = ["user,item,seen,click"]
    for _ in range(120):
        user, items = draw.randrange(15) + 3 * number, [draw.randrange(9) + 2 * number for _ in range(4)]
        seen = "|".join(f"i{item}" for item in items[1:])
        lines.append(f"u{user},i{items[0]},{seen},{int(draw.random() < 0.1 + 0.05 * (items[0] % 9))}")
    write_lines(Path(f"log/day-{number}"), lines)


@pytest.fixture(autouse=True)
def _days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (8, 9, 10):
        write_day(number)
    Path("config.yaml").write_text(CONFIG)


def config(*overrides: str) -> Config:
    return load("config.yaml", list(overrides))


def arrays(folder: str) -> dict[str, bytes]:
    """What a walk left behind, byte for byte; manifests hold times."""
    found = {path: path.read_bytes() for path in Path(folder).glob("*/0/*") if path.name != "state.json"}
    found |= {path: path.read_bytes() for path in Path(folder).glob("daily.*")}
    return {
        str(path.relative_to(folder)): content
        for path, content in found.items()
        if path.name not in ("config.yaml", "metrics.json")  # they name folders
    }


def read(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(name).read_text().splitlines()))


def test_a_walk_is_a_training_for_each_day(tool: Tool):
    walk(config(), "dygraph")
    for day, before in zip(DAYS, (None, *DAYS), strict=False):
        given = [f"runner.train_data_dir=log/{day}", f"runner.model_save_path=one/{day}"]
        given += [f"runner.warm_start=one/{before}/0"] if before else []
        assert tool("trainer", "-m", "config.yaml", "-o", *given).code == 0
    whole, one = arrays("out"), arrays("one")
    assert len(one) == 9
    assert {name: whole[name] for name in one} == one


def test_a_day_is_evaluated_before_it_is_trained_on(tool: Tool):
    walk(config(), "static")
    rows = read("out/daily.csv")
    assert [row["day"] for row in rows if row["rows"] == "all"] == list(DAYS[1:])
    given = ["runner.infer_load_path=out/day-9", "runner.test_data_dir=log/day-10", "runner.predict_save_path=p.csv"]
    assert tool("static_infer", "-m", "config.yaml", "-o", *given).code == 0
    expected = json.loads(Path("out/day-9/0/metrics.json").read_text())["tasks"]["ctr"]
    found = next(row for row in rows if (row["day"], row["rows"]) == ("day-10", "all"))
    assert {name: float(found[name]) for name in expected} == {k: pytest.approx(v) for k, v in expected.items()}
    known = set(Vocabulary.load(Path("out/day-9/0/vocabulary.json")).values["user"])
    table, scored = read("log/day-10/part-0.txt"), read("p.csv")
    new = [row["user"] not in known for row in table]
    pairs = [(int(one["click"]), float(one["pctr"])) for one, is_new in zip(scored, new, strict=True) if is_new]
    of_new = next(row for row in rows if (row["day"], row["rows"]) == ("day-10", "new user"))
    assert int(of_new["n"]) == sum(new) > 10
    assert float(of_new["auc"]) == pytest.approx(roc_auc_score(*zip(*pairs, strict=True)))


def test_killed_and_given_again_it_ends_with_the_same_bits(tmp_path):
    walk(config("runner.model_save_path=whole"), "dygraph")
    moments, killed = random.Random(5), 0
    for _ in range(8):
        run = start("daily", "-m", "config.yaml", "-o", "runner.model_save_path=killed", cwd=tmp_path)
        assert run.stdout is not None
        lines, last = 0, moments.randrange(4, 12)
        for line in run.stdout:
            lines += "batch_id" in line or "AUC" in line or "day" in line
            if lines == last and killed < 2:
                time.sleep(moments.random() * 0.05)  # within a step, a save, or an evaluation
                run.send_signal(signal.SIGKILL)
                killed += 1
                break
        run.communicate(timeout=120)
        if run.returncode == 0:
            break
    assert (killed, run.returncode) == (2, 0)
    assert arrays("killed") == arrays("whole")


def test_a_new_day_is_added_behind():
    walk(config("runner.train_data_dir=[log/day-8, log/day-9]"), "dygraph")
    assert not Path("out/day-10").exists()
    walk(config("runner.train_data_dir=[log/day-8, log/day-9, log/day-10]"), "dygraph")
    walk(config("runner.model_save_path=whole"), "dygraph")
    assert arrays("out") == arrays("whole")


def test_a_day_s_calibration_is_applied_to_the_next(tool: Tool):
    given = ["runner.calibration=platt", "data.valid={share: 0.3}"]
    walk(config(*given), "dygraph")
    more = ["runner.train_data_dir=log/day-9", "runner.infer_load_path=out/day-9", "runner.test_data_dir=log/day-10"]
    assert tool("infer", "-m", "config.yaml", "-o", *given, *more).code == 0
    expected = json.loads(Path("out/day-9/0/metrics.json").read_text())["tasks"]["ctr"]
    found = next(row for row in read("out/daily.csv") if (row["day"], row["rows"]) == ("day-10", "all"))
    assert {name: float(found[name]) for name in expected} == {k: pytest.approx(v) for k, v in expected.items()}


def test_prepared_days_are_refused_before_the_first(tool: Tool):
    growth = ("grow_vocabulary", "admit_count", "evict_after")
    lines = [line for line in CONFIG.splitlines() if not any(name in line for name in growth)]
    Path("whole.yaml").write_text("\n".join(lines))
    for day in DAYS[:2]:
        done = tool("prepare", f"prepared/{day}", "-m", "whole.yaml", "-o", f"runner.train_data_dir=log/{day}")
        assert done.code == 0, done.err
    with pytest.raises(UserError, match="prepared/day-8: is a prepared table, whose rows are of one part each"):
        walk(config("runner.train_data_dir=prepared/day-*"), "dygraph")
    assert not list(Path("out").glob("day-*"))


def test_what_a_walk_passes_by_is_said(caplog):
    walk(config("runner.metrics=[auc]"), "dygraph")
    assert "runner.metrics has no effect in a walk over days" in caplog.text
    with Path("log/day-9/part-0.txt").open("a") as late:
        late.write("u1,i1,,1\n")
    caplog.clear()
    walk(config(), "dygraph")
    changed = [day for day in DAYS if f"day {day}: its data have changed since it was trained on" in caplog.text]
    assert changed == ["day-9"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["runner.train_data_dir=[log/day-9, log/day-8]"], "the days were day-8, day-9, day-10, and are day-9, day-8"),
        (["data.admit_count=3"], "data.admit_count was 2, is 3"),
        (["data.test_share=0.1"], "data.test_share: each day is tested on before it is trained on"),
        (["runner.epochs=3"], "runner.epochs was 1, is 3: days would not be comparable"),
        (["runner.calibration=platt"], "runner.calibration was None, is {'kind': 'platt'"),
        (["runner.overwrite=true"], "runner.overwrite, runner.model_init_path and last_epoch mean nothing"),
        (["runner.train_data_dir=[log/day-8, log/day-8]"], "two days are called day-8"),
        (["runner.train_data_dir=nowhere-*"], "nowhere-*: no such data directory"),
        ([f"model={ROOT / 'tests' / 'contract' / 'directories' / 'rows_fm'}"], "is PaddleRec's"),
    ],
)
def test_what_is_another_walk_is_refused_in_a_line(overrides, said):
    walk(config(), "dygraph")
    before = arrays("out")
    with pytest.raises(UserError) as error:
        walk(config(*overrides), "dygraph")
    assert said in str(error.value)
    assert arrays("out") == before


def test_days_are_in_the_order_of_their_numbers_and_partitions_are_days():
    assert [day.name for day in days_of(config())] == list(DAYS)
    for day in ("dt=2026-01-31", "dt=2026-02-01"):
        write_lines(Path("hive") / day, ["user"])
    assert [day.name for day in days_of(config("runner.train_data_dir=hive"))] == ["dt=2026-01-31", "dt=2026-02-01"]


def batch() -> Batch:
    """Users (known 1, unknown 0) in two common rows; items with ids 3 (unknown), 4, and a price's bucket 6."""
    users = Bags(1, np.array([0, 1]), np.array([0, 1, 2]), row_index=np.array([1, 0, 0]), fields=("user",))
    offsets = np.cumsum([0, 1, 1, 1, 1, 2, 0])
    others = Bags(2, np.array([2, 4, 3, 4, 2, 3]), offsets, fields=("item", "price"))
    labels = {"click": np.array([1, 0, 1], np.float32)}
    return Batch(np.array([0, 1, 3, 4, 5]), (users, others), labels, np.arange(3))


VOCABULARY = Vocabulary(
    {"user": ["a", "b"], "item": ["x"], "price": ["0", "1"]}, None, {"price": [1.0]}, counts={"user": [1, 1]}
)


def test_unknown_values_by_row():
    found = unknown_rows(batch(), VOCABULARY)
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "user": [False, True, True],
        "item": [True, False, True],
    }


def test_known_and_new_are_counted_apart():
    novelty = Novelty([Task("ctr", "click")], VOCABULARY)
    novelty.add(batch(), {"pctr": np.array([[0.5], [0.25], [0.25]])})
    found = {row["rows"]: row for row in novelty.rows("d")}
    assert {name: row["n"] for name, row in found.items()} == {"all": 3, "new": 3, "new user": 2, "new item": 2}
    assert found["new user"]["calibration"] == pytest.approx((0.25 + 0.25) / 1)
    assert found["all"]["auc"] == pytest.approx((1 + 0.5) / 2)
