"""Several processes against one: python benchmarks/distributed.py equality|kills|hosts|speed WORK [--ranks 2] ...

`equality` trains every model directory's config.yaml for an epoch in one process and by a launcher, with the same
impressions a step, and compares weights, optimizer state and losses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[1]
STEP = 1024
"""Impressions a step, of all processes."""


def command(tool: str, config: Path, settings: dict[str, Any], ranks: int = 1, log: Path | None = None) -> list[str]:
    """A training, by Paddle's launcher where there are several ranks."""
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", str(ranks), "--log_dir", str(log)]
    given = [f"{name}={value}" for name, value in settings.items()]
    return [sys.executable, *(launcher if ranks > 1 else []), f"tools/{tool}.py", "-m", str(config), "-o", *given]


def run(arguments: list[str]) -> str:
    """What a command that must succeed says."""
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout + done.stderr


def difference(one: Path, other: Path) -> dict[str, float]:
    """The largest relative difference of an array, |a - b| / |a|, of the weights and of the optimizers' states."""
    found = {"weights": 0.0, "optimizer": 0.0}
    for path in sorted(one.glob("rec*.safetensors")):
        kind = "optimizer" if ".opt." in path.name else "weights"
        a, b = load_file(path), load_file(other / path.name)
        assert a.keys() == b.keys(), path
        for name, value in a.items():
            size = float(np.linalg.norm(value.astype(np.float64).ravel()))
            apart = float(np.linalg.norm((value.astype(np.float64) - b[name]).ravel()))
            found[kind] = max(found[kind], apart / size if size else apart)
    return found


def equality(work: Path, ranks: int, table: str, tools: list[str]) -> list[dict[str, Any]]:
    """One line for each model directory and graph mode."""
    rows = []
    for config in sorted(ROOT.glob("models/*/*/config.yaml")):
        for tool in tools:
            rows.append(
                {"config": str(config.relative_to(ROOT)), "tool": tool, **_compared(work, config, tool, ranks, table)}
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _compared(work: Path, config: Path, tool: str, ranks: int, table: str) -> dict[str, Any]:
    alone, together = work / "alone", work / "together"
    common = {"runner.epochs": 1, "runner.print_interval": 1, "runner.overwrite": "true"}
    run(command(tool, config, common | {"runner.train_batch_size": STEP, "runner.model_save_path": alone}))
    share = {"runner.train_batch_size": STEP // ranks, "runner.model_save_path": together, "runner.table": table}
    run(command(tool, config, common | share, ranks, work / "log"))
    found = difference(alone / "0", together / "0")
    losses = [_losses(folder) for folder in (alone, together)]
    assert len(losses[0]) == len(losses[1]) > 0
    apart = max(abs(a - b) / abs(a) for a, b in zip(*losses, strict=True))
    return {**found, "loss": apart, "steps": len(losses[0])}


def _losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [line["values"]["loss"] for line in lines if line["kind"] == "step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["equality"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--table", default="replicated")
    parser.add_argument("--tools", nargs="+", default=["trainer", "static_trainer"])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    rows = equality(options.work, options.ranks, options.table, options.tools)
    print(f"{len(rows)} trainings in {time.time() - begun:.0f} s; worst: weights {max(r['weights'] for r in rows):.1e}")


if __name__ == "__main__":
    main()
