"""What raises ESMM's CVR over the entire space, and what brings its calibration near 1: one setting changed at a time.

    python benchmarks/recipe.py PREPARED OUT [--variants base ema ...] [--seeds 1 2 3]

PREPARED is a folder of `prepare.py`, of simulated impressions with their truth. A variant is a training of ESMM at the
paper's sizes (an epoch, batches of 1,024, Adam at .001) with the settings below, evaluated on the test part; `A + B`
puts two together. What is in OUT/results.json already is not trained again. Prints a table of means over seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
ADAM = "hyper_parameters.optimizer={{class: Adam, learning_rate: {}}}"
COSINE = "{schedule: cosine, start: 0.001, end: 0.00001}"
CONVERSION = "hyper_parameters.behaviours.conversion={{after: click, {}}}"
TABLE = "hyper_parameters.table_optimizer={{class: {}}}"
VARIANTS: dict[str, list[str]] = {
    "base": ["hyper_parameters.sharing={kind: none}", "hyper_parameters.tower_fc_sizes=[360, 200, 80]"],
    "learning rate .0003": [ADAM.format("0.0003")],
    "learning rate .003": [ADAM.format("0.003")],
    "cosine": [ADAM.format(COSINE)],
    "cosine, decay .2": [f"hyper_parameters.optimizer={{class: AdamW, weight_decay: 0.2, learning_rate: {COSINE}}}"],
    "ema .999": [ADAM.format("0.001, ema: 0.999")],
    "ema .9999": [ADAM.format("0.001, ema: 0.9999")],
    "batch 4096": ["runner.train_batch_size=4096"],
    "batch 256": ["runner.train_batch_size=256"],
    "table Adagrad .01": [TABLE.format("Adagrad, learning_rate: 0.01")],
    "table Adagrad .05": [TABLE.format("Adagrad, learning_rate: 0.05")],
    "table Adam .0003": [TABLE.format("Adam, learning_rate: 0.0003")],
    "table Adam .0001": [TABLE.format("Adam, learning_rate: 0.0001")],
    "table cosine .0015": [TABLE.format("Adam, learning_rate: {schedule: cosine, start: 0.0015, end: 0.00005}")],
    "table epsilon .001": [
        TABLE.format("Adam, epsilon: 0.001, learning_rate: {schedule: cosine, start: 0.02, end: 0.0006}")
    ],
    "table SGD": [TABLE.format("SGD, learning_rate: {schedule: cosine, start: 100.0, end: 3.0}")],
    "table l2 1e-6": [TABLE.format("Adam, learning_rate: 0.001, l2: 0.000001")],
    "table l2 1e-5": [TABLE.format("Adam, learning_rate: 0.001, l2: 0.00001")],
    "table decay .1": [TABLE.format("Adam, learning_rate: 0.001, weight_decay: 0.1")],
    "dropout .3": ["hyper_parameters.dropout=0.3"],
    "batch norm": ["hyper_parameters.norm=batch"],
    "width 32": ["hyper_parameters.sparse_feature_dim=32"],
    "width 64": ["hyper_parameters.sparse_feature_dim=64"],
    "large towers": ["hyper_parameters.tower_fc_sizes=[720, 400, 160]"],
    "shared bottom": [
        "hyper_parameters.sharing={kind: share_bottom, fc_sizes: [360]}",
        "hyper_parameters.tower_fc_sizes=[200, 80]",
    ],
    "width 8": ["hyper_parameters.sparse_feature_dim=8"],
    "small towers": ["hyper_parameters.tower_fc_sizes=[64]"],
    "conversion weight 5": [CONVERSION.format("weight: 5.0")],
    "conversion weight 20": [CONVERSION.format("weight: 20.0")],
    "label smoothing .01": [CONVERSION.format("label_smoothing: 0.01")],
    "mean pooling": ["hyper_parameters.pooling=mean"],
    "platt": ["runner.calibration=platt"],
}
"""What each changes of the config."""


def measure(prepared: Path, options: list[str], seed: int) -> dict[str, Any]:
    """Train and evaluate; the test part's truth and metrics."""
    parts = [f"runner.{part}_data_dir={prepared / part}" for part in ("train", "valid", "test")]
    with tempfile.TemporaryDirectory() as folder:
        common = [*parts, "runner.save_steps=0", "runner.best_metric=null", f"runner.seed={seed}", *options]
        begun = time.perf_counter()
        for tool in ("trainer", "infer"):
            config = ROOT / "models/multitask/mmoe/config_bigdata.yaml"
            command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), "-m", str(config), "-o", *common]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                return {"failed": done.stderr.strip().splitlines()[-1]}
        (path,) = Path(folder).glob("*/*/metrics.json")
        metrics = json.loads(path.read_text())
    auc = {name: task["auc"] for name, task in metrics["tasks"].items()}
    calibration = {name: task["calibration"] for name, task in metrics["tasks"].items()}
    truth = {name: [each["share_of_ceiling"], each["calibration"]] for name, each in metrics["truth"].items()}
    return {"auc": auc, "calibration": calibration, "truth": truth, "seconds": round(time.perf_counter() - begun)}


def show(results: dict[str, Any]) -> None:
    """A row for each variant, means over its seeds."""
    table = Table("", "seeds", "CTR", "CTCVR", "CVR, entire space", "calibration CTR", "CTCVR", "CVR, entire space")
    for variant, runs in results.items():
        whole = [run for run in runs.values() if "truth" in run]
        if not whole:
            continue
        names = ("ctr", "ctcvr", "cvr")
        means = [sum(run["truth"][name][i] for run in whole) / len(whole) for i in (0, 1) for name in names]
        table.add_row(variant, str(len(whole)), *(f"{value:.3f}" for value in means))
    Console(width=130).print(table)


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "results.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    for seed in given.seeds:
        for variant in given.variants:
            if str(seed) in results.setdefault(variant, {}):
                continue
            options = [option for name in ("base", *variant.split(" + ")) for option in VARIANTS[name]]
            results[variant][str(seed)] = measure(given.prepared.resolve(), options, seed)
            path.write_text(json.dumps(results, indent=1))
            show(results)


if __name__ == "__main__":
    main()
