"""A table that does not fit in memory: an epoch from Parquet, and from what prepare.py makes of it.

    python benchmarks/large_table.py WORK [--impressions 30000000]          # 20 minutes on two cores, 8 GB in WORK

Simulates a shop's log (simulate_table.py; what is there from an earlier run stays), trains `table.yaml` for an epoch on
it, prepares it, trains on that, and on a log of a million rows, which is in memory. Writes results/large_table.json.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from measure import machine, run

ROOT = Path(__file__).resolve().parents[1]
PYTHON = [sys.executable]
SMALL = 1_000_000


def simulate(work: Path, name: str, impressions: int) -> Path:
    """The log of so many impressions, unless it is there."""
    out = work / name / "train.parquet"
    if not out.exists():
        script = str(ROOT / "datasets" / "ali-ccp" / "simulate_table.py")
        run([*PYTHON, script, name, "--impressions", str(impressions), "--test-impressions", "10000"], work)
    return out


def places(data: Path) -> list[str]:
    return [f"runner.train_data_dir={data}", "runner.test_data_dir=~drop", "runner.valid_data_dir=null"]


def epoch(work: Path, data: Path, impressions: int) -> dict[str, Any]:
    """Time and memory of a training, and the speed of its epoch alone."""
    options = [*places(data), "runner.epochs=1", "runner.train_batch_size=1024", "runner.print_interval=2000"]
    options += ["runner.best_metric=null", "runner.overwrite=true", "runner.model_save_path=trained"]
    command = [str(ROOT / "tools" / "trainer.py"), "-m", str(ROOT / "benchmarks" / "table.yaml"), "-o", *options]
    done = run([*PYTHON, *command], work)
    (seconds,) = re.findall(r"epoch: 0 done.* epoch time: ([\d.]+) s", done.output)
    vocabulary = work / "trained" / "0" / "vocabulary.json"
    return {
        "seconds": round(done.seconds, 1), "epoch_seconds": float(seconds),
        "impressions_per_second": round(impressions / float(seconds)), "peak_mb": round(done.peak_mb),
        "vocabulary_mb": round(vocabulary.stat().st_size / 1e6, 1),
    }  # fmt: skip


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--impressions", type=int, default=30_000_000)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    large, small = simulate(work, "large", given.impressions), simulate(work, "small", SMALL)
    found: dict[str, Any] = {"parquet_mb": round(large.stat().st_size / 1e6)}
    found["from Parquet"] = epoch(work, large, given.impressions)
    prepare = [str(ROOT / "tools" / "prepare.py"), "-m", str(ROOT / "benchmarks" / "table.yaml")]
    done = run([*PYTHON, *prepare, "-o", *places(large), "--force", "--", "ready"], work)
    size = sum(path.stat().st_size for path in (work / "ready").iterdir())
    found["prepare.py"] = {
        "seconds": round(done.seconds, 1), "peak_mb": round(done.peak_mb), "written_mb": round(size / 1e6),
    }  # fmt: skip
    found["prepared"] = epoch(work, work / "ready", given.impressions)
    found["a million rows, in memory"] = epoch(work, small, SMALL)
    record = {"machine": machine(), "impressions": given.impressions, **found}
    print(json.dumps(record, indent=1))
    (ROOT / "benchmarks" / "results" / "large_table.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
