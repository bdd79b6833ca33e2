"""A week of new users and items: a vocabulary grown from day to day against a frozen one, hashes and training anew.

    python benchmarks/daily.py [--impressions 800000] [--seeds 1 2] [--epochs 1]

Simulates eight days (`simulate_table.py --days 8`) on each of which 5 % of the impressions are of new users and 10 % of
new items. DeepFM learns from each of the first seven and is held against the truth of the next day. Writes
results/daily.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from measure import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.config.config import Config, load
from rec.loop.train import train
from rec.metrics.truth import soft_auc
from rec.numeric import Array
from rec.run.assembly import assemble

ROOT = Path(__file__).resolve().parents[1]
DAYS = 8
WAYS: dict[str, dict[str, Any]] = {
    "grown": {"grow_vocabulary": True},
    "grown, from the 5th occurrence": {"grow_vocabulary": True, "admit_count": 5},
    "frozen": {},
    "hashed": {"hash_size": 1 << 15},
    "anew": {},
}
GROUPS = ("all", "known", "new user", "new item")
CONFIG = f"""
model: {ROOT / "models" / "rank" / "deepfm"}
runner: {{train_batch_size: 512, infer_batch_size: 8192, print_interval: 100000}}
data:
  labels: {{click: click}}
  fields:
    user_id:
    city:
    history: {{separator: "|", shares: item_id, sequence: 20, pooling: mean}}
    item_id:
    category:
    shop:
    hour:
    age: {{numeric: standardize}}
    price: {{numeric: log1p}}
hyper_parameters:
  optimizer: {{class: Adam, learning_rate: 0.001}}
  behaviours: {{click: }}
  sparse_feature_dim: 8
  tower_fc_sizes: [64, 32]
"""


@dataclass(frozen=True)
class Day:
    """A day's truth, float64 [n], and whether each impression is of a group, bool [n] each."""

    file: Path
    p_click: Array
    groups: dict[str, Array]


def days_of(folder: Path, impressions: int, seed: int) -> list[Day]:
    """A simulated week and a day."""
    script = ROOT / "datasets" / "ali-ccp" / "simulate_table.py"
    knobs = ["--days", DAYS, "--new-users", 0.05, "--new-items", 0.1, "--seed", seed, "--impressions", impressions]
    subprocess.run([sys.executable, str(script), str(folder), *map(str, knobs)], check=True, capture_output=True)
    users: set[int] = set()
    items: set[str] = set()
    found = []
    for file in sorted(folder.glob("day-*")):
        table = pq.read_table(file, columns=["user_id", "item_id", "p_click"])
        user, item = table["user_id"].to_numpy(), table["item_id"].to_numpy()
        new_user, new_item = (~np.isin(each, list(seen)) for each, seen in ((user, users), (item, items)))
        every = np.ones(len(user), bool)
        groups = {"all": every, "known": ~new_user & ~new_item, "new user": new_user, "new item": new_item}
        found.append(Day(file, table["p_click"].to_numpy(), groups))
        users, items = users | set(user.tolist()), items | set(item.tolist())
    return found


def day_config(base: Config, way: str, days: list[Day], number: int, out: Path) -> Config:
    """Training on day `number` (from 0), tested on the next one."""
    trained = [day.file for day in days[: number + 1]] if way == "anew" else [days[number].file]
    warm = str(out / f"{number - 1}" / f"{base.runner.epochs - 1}") if number and way != "anew" else None
    runner = {
        "train_data_dir": list(map(str, trained)),
        "test_data_dir": str(days[number + 1].file),
        "model_save_path": str(out / f"{number}"),
        "warm_start": warm,
    }
    return base.merged({"runner": runner, "data": WAYS[way]})


def judged(p: Array, day: Day) -> dict[str, dict[str, float | None]]:
    """By group the AUC that is expected of labels drawn from the truth, and sum of p over sum of truth."""
    return {
        group: {
            "AUC": soft_auc(p[rows], day.p_click[rows]),
            "calibration": float(p[rows].sum() / day.p_click[rows].sum()),
        }
        for group, rows in day.groups.items()
    }


def week(base: Config, way: str, days: list[Day], out: Path) -> list[dict[str, Any]]:
    """What each day of training took, in seconds and in the processor's, and what it came to on the next day."""
    found = []
    for number in range(DAYS - 1):
        begun, worked = time.perf_counter(), time.process_time()
        run = assemble(day_config(base, way, days, number, out), "dygraph", "train")
        train(run)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - worked
        batches = run.batches(run.open_reader("test"), run.plan(0, 0, training=False))
        p = np.concatenate([run.engine.eval_step(batch)["pctr"].reshape(-1) for batch in batches]).astype(np.float64)
        found.append({"seconds": seconds, "cpu_seconds": cpu_seconds, **judged(p, days[number + 1])})
        area = found[-1]["all"]["AUC"]
        print(f"{way}, day {number + 1}: {seconds:.1f} s ({cpu_seconds:.1f} CPU), AUC {area:.4f}", file=sys.stderr)
    return found


def table(runs: dict[str, list[list[dict[str, Any]]]]) -> str:
    """Markdown: of the seventh day, means over the seeds."""
    head = ["vocabulary", *(f"AUC, {g}" for g in GROUPS), *(f"calibration, {g}" for g in GROUPS), "CPU seconds, day 7"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for way, weeks in runs.items():
        last = [week[-1] for week in weeks]
        cells = [f"{np.mean([one[g]['AUC'] for one in last]):.4f}" for g in GROUPS]
        cells += [f"{np.mean([one[g]['calibration'] for one in last]):.3f}" for g in GROUPS]
        lines.append(f"| {way} | {' | '.join(cells)} | {np.mean([one['cpu_seconds'] for one in last]):.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--impressions", type=int, default=800_000, help="of all eight days")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=1)
    given = parser.parse_args()
    runs: dict[str, list[list[dict[str, Any]]]] = {way: [] for way in WAYS}
    truth = []
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.yaml").write_text(CONFIG)
            days = days_of(folder / "log", given.impressions, seed)
            truth.append(judged(days[-1].p_click, days[-1]))
            base = load(folder / "config.yaml").merged({"runner": {"epochs": given.epochs, "seed": seed}})
            for way in WAYS:
                runs[way].append(week(base, way, days, folder / way.replace(" ", "_")))
    print(table(runs))
    print("AUC of the truth:", ", ".join(f"{g} {np.mean([one[g]['AUC'] for one in truth]):.4f}" for g in GROUPS))
    record = {"machine": machine(), **vars(given), "truth": truth, "runs": runs}
    (ROOT / "benchmarks" / "results" / "daily.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
