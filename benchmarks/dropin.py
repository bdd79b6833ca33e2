"""PaddleRec directories at a vocabulary of 1,000,001 rows: under these tools and under PaddleRec's loop, taking turns.

    python benchmarks/dropin.py [WORK]          # 5 minutes

Twenty directories: five rankers (logistic regression, FM, DeepFM, DCN, DIN), embeddings sparse or dense, either graph
mode; Adam, width 9, batch 512, lines of 26 ids and 13 numbers. Each runs as a process of its own, one at a time, a
stretch of batches each, ROUNDS times; medians count. The other loop is written as PaddleRec's trainers are
(plain_dropin.py), with Paddle as it comes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measure import machine
from rich.progress import track
from throughput import HERE, RESULTS, Contestant

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.processor import mkl_cpu_type

ROUNDS, ROWS = 3, 1_000_001
BATCHES = 12
"""In a stretch, after as many that are not timed as a contestant reads ahead."""
CONFIG = HERE / "dropin" / "config.yaml"


def write_lines(folder: Path, count: int = 40_000) -> None:
    """Impressions whose ids are as unequal as in practice."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    ids = (random.zipf(1.2, (count, 26)) - 1) % ROWS
    numbers = random.random((count, 13)).round(3)
    labels = random.random(count) < 0.2 + 0.2 * (ids[:, 0] % 2)
    with (folder / "part-0").open("w") as file:
        for label, row, dense in zip(labels, ids, numbers, strict=True):
            file.write(f"{int(label)} {' '.join(map(str, row))} {' '.join(map(str, dense))}\n")


def specs(work: Path) -> dict[str, dict[str, Any]]:
    """What the contestants are started with, without their kind, by name."""
    found = {}
    for mode, sparse, kind in itertools.product(
        ("dygraph", "static"), (True, False), ("lr", "fm", "deepfm", "dcn", "din")
    ):
        options = {
            "runner.train_data_dir": str(work / "data"),
            "runner.test_data_dir": str(work / "data"),
            "hyper_parameters.kind": kind,
            "hyper_parameters.sparse": str(sparse).lower(),
        }
        name = f"{kind}, {'sparse' if sparse else 'dense'}, {mode}"
        found[name] = {"config": str(CONFIG), "mode": mode, "task": "train", "options": options}
    return found


def measure(name: str, spec: dict[str, Any], work: Path) -> dict[str, float]:
    """Milliseconds a batch and a step alone, and memory, of either loop, and their ratios."""
    rivals = {kind: Contestant(f"{name} ({kind})", {**spec, "kind": kind}, work) for kind in ("ours", "plain_dropin")}
    for _ in range(ROUNDS):
        for rival in rivals.values():
            rival.run(BATCHES)
    row: dict[str, float] = {}
    for kind, rival in rivals.items():
        rival.close()
        alone = [512e3 / stretch["step_alone_impressions_per_second"] for stretch in rival.stretches]
        row |= {
            f"{kind}_batch_ms": median(stretch["batch_ms"] for stretch in rival.stretches),
            f"{kind}_step_ms": median(alone),
            f"{kind}_peak_mb": max(stretch["peak_mb"] for stretch in rival.stretches),
        }
    row["batch_ratio"] = row["plain_dropin_batch_ms"] / row["ours_batch_ms"]
    row["step_ratio"] = row["plain_dropin_step_ms"] / row["ours_step_ms"]
    return {key: round(value, 2) for key, value in row.items()}


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown, a directory per line."""
    lines = [
        "| | a batch: their loop | ours | times as fast | step alone: theirs | ours | times as fast | MB | ours |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cells = [
            f"{row['plain_dropin_batch_ms']:.1f} ms", f"{row['ours_batch_ms']:.1f} ms", f"{row['batch_ratio']:.2f}",
            f"{row['plain_dropin_step_ms']:.1f} ms", f"{row['ours_step_ms']:.1f} ms", f"{row['step_ratio']:.2f}",
            f"{row['plain_dropin_peak_mb']:,.0f}", f"{row['ours_peak_mb']:,.0f}",
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all, print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="?", type=Path, help="where data and logs go (default: a temporary folder)")
    parser.add_argument("--only", default="", help="directories whose name begins so")
    args = parser.parse_args()
    if mkl_cpu_type() is None:
        print("left out: MKL's path for AMD processors (runner.mkl_on_amd): this processor is none, or has no AVX2")
    with tempfile.TemporaryDirectory() as temporary:
        work = (args.work or Path(temporary)).resolve()
        if not (work / "data").exists():
            write_lines(work / "data")
        chosen = {name: spec for name, spec in specs(work).items() if name.startswith(args.only)}
        rows = {name: measure(name, spec, work) for name, spec in track(chosen.items(), "directories")}
    print(table(rows))
    if not args.only:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "dropin.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
