"""A week of late conversions: fourteen ways to learn from them, under three laws of delay.

    python benchmarks/delay.py OUT [--laws exponential weibull mixture] [--seeds 1 2 3] [--methods ...]

Simulates 18 days of 450,000 impressions (`simulate_table.py --delay LAW --drift 0.7`), the last 7 of which are tested
hour by hour (`tools/stream.py`), each seed with a log and initial weights of its own. What OUT has is not done again.
Writes results/delay.json, where laws and methods that are not run stay as they were, and prints its tables.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

from measure import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.config.stream import StreamName
from rec.stream.command import opened
from rec.stream.protocol import stream
from rec.stream.record import Record
from rec.stream.report import Runs, summary

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "delay.json"
LAWS = ("exponential", "weibull", "mixture")
SIMULATED = (
    "--days 18 --click-rate 0.3 --conversion-rate 0.2 --delay-days 0.7 --delay-spread 0.7 --attribution-days 3 "
    "--drift 0.7 --new-users 0.02 --new-items 0.02"
)
CONFIG = f"""
model: {ROOT / "models" / "multitask" / "delayed"}
runner: {{train_reader_path: table_reader, train_batch_size: 256, infer_batch_size: 8192, epochs: 3}}
data:
  labels: {{click: click, conversion: conversion}}
  hash_size: 16384
  fields:
    user_id:
    item_id:
    category:
    shop:
    city:
    hour:
    age: {{buckets: 10}}
    price: {{buckets: 20}}
hyper_parameters:
  optimizer: {{class: Adam, learning_rate: 0.001}}
  sparse_feature_dim: 8
  tower_fc_sizes: [64, 32]
stream:
  click_time: ts
  conversion_time: conversion_time
  clicked: click
  truth: p_conversion
  attribution_days: 3
  wait_hours: 1
  start: "2026-05-12"
  until: "2026-05-19"
  known_until: "2026-05-22"
  save_hours: 48
"""
SHOWN = ("auc", "logloss", "excess")


def runs_of(folder: Path, law: str, seed: int, given: argparse.Namespace) -> Runs:
    """The hours of methods on one log, which is simulated where it is not there."""
    if not (folder / "log").is_dir():
        script = ROOT / "datasets" / "ali-ccp" / "simulate_table.py"
        knobs = [*SIMULATED.split(), "--delay", law, "--seed", str(seed), "--impressions", str(given.impressions)]
        subprocess.run([sys.executable, str(script), str(folder / "log"), *knobs], check=True, capture_output=True)
    (folder / "stream.yaml").write_text(CONFIG)
    options = [f"runner.train_data_dir={folder / 'log'}", f"runner.model_save_path={folder / 'out'}"]
    options += [f"stream.seeds=[{seed}]", f"stream.methods={given.methods}"]
    stream(*opened(folder / "stream.yaml", options), "dygraph")
    return {(name, seed): Record(folder / "out" / f"{name}-{seed}").read() for name in given.methods}


def cell(value: dict[str, Any], form: str) -> str:
    """A mean with its standard error."""
    error = value["standard_error"]
    return format(value["mean"], form) + (f" ± {format(error, form)}" if error is not None else "")


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row per method."""
    head = ["method", *SHOWN, "calibration", *(f"gain, {key}" for key in SHOWN)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in found.items():
        cells = [cell(row[key], ".4f") for key in SHOWN] + [cell(row["calibration"], ".3f")]
        cells += [cell(row["relative_gain"][key], ".2f") for key in SHOWN]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--laws", nargs="+", choices=LAWS, default=list(LAWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    names = get_args(StreamName)
    parser.add_argument(
        "--methods", nargs="+", choices=names, default=list(names), help="pretrain and oracle among them"
    )
    parser.add_argument("--impressions", type=int, default=450_000, help="of all eighteen days")
    given = parser.parse_args()
    before = json.loads(RESULT.read_text())["laws"] if RESULT.exists() else {}
    record = {"machine": machine(), "seeds": given.seeds, "impressions": given.impressions, "laws": before}
    for law in given.laws:
        runs: dict[tuple[StreamName, int], Any] = {}
        for seed in given.seeds:
            folder = given.out.resolve() / f"{law}-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            runs |= runs_of(folder, law, seed, given)
        record["laws"][law] = before.get(law, {}) | summary(runs)
        print(f"{law}:\n\n{table(record['laws'][law])}\n")
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
