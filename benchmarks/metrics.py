"""Time and memory of all metrics of `runner.metrics` at the size of Ali-CCP's test data.

    python benchmarks/metrics.py [--rows 43000000] [--segments]

Scores are drawn at random, as metrics do not care where they come from: CTR, CVR on the clicked rows, CTCVR and a watch
time; 400,000 users, requests of 10 rows. Memory is what the process held at most, the library and one batch of 65,536
rows included; the rows wait in a file under TMPDIR. Writes results/metrics.json, with --segments results of the metrics
by hour of the day besides.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))  # as the tools do

import numpy as np
import pyarrow as pa
from measure import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.config.metrics import parse
from rec.config.settings import RunnerSettings
from rec.memory import keep_freed_memory
from rec.metrics.judged import Judged
from rec.metrics.task import Task

RESULT = Path(__file__).parent / "results" / "metrics.json"
BATCH = 1 << 16
USERS = 400_000
HASH = np.uint64(0x9E3779B97F4A7C15)
TASKS = [
    Task("ctr", "click"),
    Task("cvr", "conversion", among="click"),
    Task("ctcvr", "conversion"),
    Task("seconds", "seconds", kind="regression"),
]
METRICS = [
    "auc", "logloss", "normalized_entropy", "calibration", "ece", "gauc", "ndcg@10", "mrr", "hit_rate@3", "mae", "rmse",
    "xauc",
]  # fmt: skip


def batch(first: int, rows: int, segments: bool) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Rows from number `first` on: predictions, labels, columns."""
    rng = np.random.default_rng([1, first])
    ctr, cvr = rng.beta(1, 24, rows).astype(np.float32), rng.beta(1, 19, rows).astype(np.float32)
    click = rng.random(rows) < ctr
    seconds = rng.gamma(2, 20, rows).astype(np.float32)
    scores = {"ctr": ctr, "cvr": cvr, "ctcvr": ctr * cvr, "seconds": seconds * rng.uniform(0.5, 1.5, rows)}
    labels = {"click": click, "conversion": click & (rng.random(rows) < cvr), "seconds": np.round(seconds, 1)}
    user = (rng.power(2, rows) * USERS).astype(np.uint64) + np.uint64(1)
    names = np.uint64(0x9E3779B97F4A7C15)
    by = {
        "group user_id": user * names,
        "group request_id": ((first + np.arange(rows)) // 10 + 1).astype(np.uint64) * names,
    }
    if segments:
        hours = pa.array([str(hour) for hour in range(24)], pa.large_string())
        by["value hour"] = hours.take(pa.array(rng.integers(0, 24, rows)))
    return scores, {name: label.astype(np.float32) for name, label in labels.items()}, by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=43_000_000)
    parser.add_argument("--segments", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    segments = ["hour"] if options.segments else []
    warm = collected(1000, bool(segments), segments)  # kernels are compiled once per machine
    warm.estimates()
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    judged = collected(options.rows, bool(segments), segments, seconds)
    begun, cpu = time.perf_counter(), time.process_time()
    found = judged.estimates()
    seconds["metrics"], cpu = time.perf_counter() - begun, time.process_time() - cpu
    if segments:
        begun = time.perf_counter()
        judged.segments()
        seconds["segments"] = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for task, own in found.items():
        for name, each in own.items():
            print(f"{task:8} {name:20} {each.value:.6f} ({each.low:.6f} to {each.high:.6f}) n {each.n:,}")
    print(
        f"{seconds}, with the drawing {time.perf_counter() - start:.0f} s, peak {peak:.0f} MB, load {os.getloadavg()}"
    )
    record = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    record["with segments" if segments else "metrics"] = {
        "rows": options.rows,
        "seconds": {name: round(each, 1) for name, each in seconds.items()},
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(peak),
        "load": os.getloadavg()[0],
        "machine": machine(),
    }
    RESULT.write_text(json.dumps(record, indent=1))


def collected(rows: int, hours: bool, segments: list[str], seconds: dict[str, float] | None = None) -> Judged:
    """Rows in batches; `seconds` gets how long keeping them took, without drawing them."""
    judged, spent = Judged(TASKS, parse(RunnerSettings(metrics=METRICS, segments=segments)), seed=1), 0.0
    for first in range(0, rows, BATCH):
        drawn = batch(first, min(BATCH, rows - first), hours)
        begun = time.perf_counter()
        judged.update(*drawn)
        spent += time.perf_counter() - begun
    if seconds is not None:
        seconds["collecting"] = spent
    return judged


if __name__ == "__main__":
    main()
