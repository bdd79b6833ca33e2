"""Whether what learns more on simulated impressions (recipe.py) does harm on real ones.

    python benchmarks/recipe_real.py ../shared/data [--seeds 1 2 3 4 5]          # results/recipe_real.json

ESMM on KuaiRand (a click, then a long view) and Hillstrom (a visit, then a purchase) with Adam at .001, with the
settings of models/multitask/esmm/config_tuned.yaml in its place, and with those and other optimizers of the table; a
tenth of the training rows is held out from all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from measure import machine
from scipy.stats import ttest_rel

ROOT = Path(__file__).resolve().parents[1]
ESMM = ROOT / "models" / "multitask" / "esmm"
FIGURES = ("auc", "calibration")
TABLES = {
    "Adam's own epsilon": {"class": "Adam", "learning_rate": {"schedule": "cosine", "start": 0.0015, "end": 0.00005}},
    "SGD": {"class": "SGD", "learning_rate": {"schedule": "cosine", "start": 100.0, "end": 3.0}},
}


def settings() -> dict[str, list[str]]:
    """What each way sets."""
    tuned = yaml.safe_load((ESMM / "config_tuned.yaml").read_text())
    given = {f"hyper_parameters.{name}": value for name, value in tuned["hyper_parameters"].items()}
    given["runner.calibration"] = tuned["runner"]["calibration"]
    plain = "hyper_parameters.optimizer={class: Adam, learning_rate: 0.001}"
    others = {name: {**given, "hyper_parameters.table_optimizer": table} for name, table in TABLES.items()}
    return {"as it was": [plain]} | {
        way: [f"{name}={json.dumps(value)}" for name, value in values.items()]
        for way, values in {"tuned": given, **others}.items()
    }


def measure(data: Path, options: list[str], seed: int) -> dict[str, dict[str, float]]:
    """Train and evaluate; AUC and calibration of each task."""
    with tempfile.TemporaryDirectory() as folder:
        common = [f"runner.train_data_dir={data}", f"runner.test_data_dir={data}", f"runner.seed={seed}"]
        common += ["runner.model_save_path=out", "data.valid={share: 0.1}", "runner.infer_checkpoint=latest"]
        for tool in ("trainer", "infer"):
            command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), "-m", str(ESMM / f"{data.name}.yaml"), "-o"]
            subprocess.run([*command, *common, *options], cwd=folder, check=True, capture_output=True)
        (path,) = Path(folder).glob("out/*/metrics.json")
        tasks = json.loads(path.read_text())["tasks"]
    return {name: {figure: task[figure] for figure in FIGURES} for name, task in tasks.items()}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of kuairand and hillstrom")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "seeds": given.seeds}
    for name in ("kuairand", "hillstrom"):
        data = given.data.resolve() / name
        runs = {way: [measure(data, options, seed) for seed in given.seeds] for way, options in settings().items()}
        record[name] = runs
        before, *others = runs
        for way, task in product(others, ("ctr", "cvr", "ctcvr")):
            sides = [[run[task] for run in runs[each]] for each in (before, way)]
            means = {f: [sum(run[f] for run in side) / len(side) for side in sides] for f in FIGURES}
            p = ttest_rel(*([run["auc"] for run in side] for side in sides)).pvalue
            auc, calibration = (" to ".join(f"{mean:.4f}" for mean in means[f]) for f in FIGURES)
            print(f"{name}, {way}, {task}: AUC {auc} (p {p:.2g}), calibration {calibration}", flush=True)
    (ROOT / "benchmarks" / "results" / "recipe_real.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
