"""A walk over a week, killed at random moments until twenty kills have come, ends with the bits of one left alone.

    python benchmarks/daily_kills.py [--kills 20] [--impressions 84000] [--seed 1]

Each time it is killed (SIGKILL, to the whole process), the same command is given again; a week that ends is compared,
and the next one begins. Writes results/daily_kills.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import machine

from daily import CONFIG, ROOT

MORE = ["data.grow_vocabulary=true", "data.admit_count=2", "data.evict_after=3", "runner.save_steps=7"]
MORE += ["runner.epochs=2", "runner.train_batch_size=256", "runner.print_interval=10"]


def bits(folder: Path) -> dict[str, str]:
    """SHA-256 of what a week leaves behind, by name; config.yaml and state.json say where and when, too."""
    files = [*folder.glob("*/[0-9]*/rec*"), *folder.glob("*/[0-9]*/vocabulary.json"), *folder.glob("daily.*")]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def main() -> None:
    """Kill, compare and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--impressions", type=int, default=84_000, help="of all seven days")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    given = parser.parse_args()
    moments, kills, weeks = random.Random(given.seed), list[str](), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(CONFIG)
        script = ROOT / "datasets" / "ali-ccp" / "simulate_table.py"
        knobs = ["--days", "7", "--new-users", "0.05", "--impressions", str(given.impressions)]
        subprocess.run([sys.executable, str(script), str(folder / "log"), *knobs], check=True, capture_output=True)

        log = folder / "output.txt"

        def start(out: str) -> subprocess.Popen[bytes]:
            options = [f"runner.train_data_dir={folder}/log/day-*", f"runner.model_save_path={folder / out}", *MORE]
            command = [sys.executable, str(ROOT / "tools" / "daily.py"), "-m", "config.yaml", "-o", *options]
            with log.open("wb") as file:
                run = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=file)
            while run.poll() is None and not log.stat().st_size:  # a kill while Python imports says nothing
                time.sleep(0.02)
            return run

        alone, begun = start("alone"), time.perf_counter()
        if alone.wait():
            raise SystemExit(log.read_text())
        seconds, expected, whole = time.perf_counter() - begun, bits(folder / "alone"), False
        while len(kills) < given.kills or not whole:
            run = start(f"killed-{weeks}")
            try:
                run.wait(moments.uniform(0, seconds / 2) if len(kills) < given.kills else None)
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills.append(log.read_text().splitlines()[-1].split(" - INFO - ")[-1])
                whole = False
                continue
            if run.returncode or bits(folder / f"killed-{weeks}") != expected:
                raise SystemExit(f"after {len(kills)} kills week {weeks} differs, or failed: {log.read_text()[-2000:]}")
            weeks, whole = weeks + 1, True
    print(f"{len(kills)} kills in {weeks} weeks of {seconds:.0f} s: {len(expected)} files with the same bits each time")
    record = {"machine": machine(), **vars(given), "weeks": weeks, "files": len(expected), "last_line_before": kills}
    (ROOT / "benchmarks" / "results" / "daily_kills.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
