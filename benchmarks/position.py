"""What a shallow tower does against position bias: YouTube's ranker with and without it, held against the truth.

    python benchmarks/position.py WORK [--exposures 400000] [--seeds 1 2 3 4 5]

Simulates impressions of which users examine the one at position p with 1 / p, and an older ranker that favours some
items for no reason of the users'. The rank correlation of pCTR with p(click | examined) says how much of an item's
relevance a network has learned, over all test impressions and within requests. Finished runs in WORK are kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from measure import machine
from rich.progress import track
from scipy.stats import rankdata, spearmanr, ttest_rel

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "datasets" / "ali-ccp"
CONFIG = ROOT / "models" / "multitask" / "youtube" / "config.yaml"
KNOBS = {
    "--position-effect": 1,
    "--click-rate": 0.1,
    "--learnability": 0.8,
    "--history-scale": 0.05,
    "--exposures-per-common": 20,
}
FIELDS = "101 109_14 110_14 127_14 150_14 121 122 124 125 126 127 128 129 205 206 207 210 216 508 509 702 853 301"
VARIANTS = {
    "with the shallow tower": [],
    "without": ["hyper_parameters.position_field=null", f"hyper_parameters.fields=[{FIELDS.replace(' ', ', ')}]"],
}
FIGURES = ("rank correlation", "within requests", "AUC of clicks")


def execute(script: Path, *arguments: object) -> None:
    """Run one of the project's commands; its output is shown if it fails."""
    done = subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def simulate(work: Path, exposures: int) -> None:
    """Raw and prepared data, unless they are there."""
    if not (work / "prepared" / "schema.json").exists():
        execute(SCRIPTS / "simulate.py", work / "raw", "--exposures", exposures, "--behaviours", *chain(*KNOBS.items()))
        execute(SCRIPTS / "prepare.py", work / "raw", work / "prepared", "--valid", "0.1")


def train(work: Path, variant: str, seed: int) -> dict[str, float]:
    """Figures of one network, each after the epoch that is best on validation data."""
    folder = work / f"{variant.replace(' ', '-')}-{seed}"
    result = folder / "result.json"
    if not result.exists():
        options = [f"runner.{part}_data_dir={work / 'prepared' / part}" for part in ("train", "valid", "test")]
        options += [f"runner.{key}={folder / 'checkpoints'}" for key in ("model_save_path", "infer_load_path")]
        options += [f"runner.seed={seed}", "runner.train_batch_size=256", "runner.epochs=5", *VARIANTS[variant]]
        options += ["runner.best_metric=auc_ctr", "runner.infer_checkpoint=best"]
        options += [f"runner.predict_save_path={folder / 'predictions.parquet'}"]
        for tool in ("trainer", "infer"):
            execute(ROOT / "tools" / f"{tool}.py", "-m", CONFIG, "-o", *options)
        metrics = next((folder / "checkpoints").glob("*/metrics.json"))
        figures = judge(folder / "predictions.parquet", work / "raw" / "behaviours_test.parquet")
        figures["AUC of clicks"] = json.loads(metrics.read_text())["auc_ctr"]
        result.write_text(json.dumps(figures))
    return dict(json.loads(result.read_text()))


def judge(predictions: Path, behaviours: Path) -> dict[str, float]:
    """Spearman's correlation of pCTR with the true relevance, over all impressions and as a mean over requests."""
    predicted, truth = pq.read_table(predictions), pq.read_table(behaviours)
    place = np.searchsorted(truth["sample_id"].to_numpy(), predicted["sample_id"].to_numpy())
    p_ctr = predicted["pctr"].to_numpy()
    relevance, request = (truth[name].to_numpy()[place] for name in ("p_relevance", "request_id"))
    by_request = np.split(np.argsort(request, kind="stable"), np.flatnonzero(np.diff(np.sort(request))) + 1)
    within = [
        np.corrcoef(rankdata(p_ctr[some]), rankdata(relevance[some]))[0, 1] for some in by_request if len(some) > 2
    ]
    return {
        "rank correlation": float(spearmanr(p_ctr, relevance).statistic),
        "within requests": float(np.mean(within)),
    }


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Markdown: means and standard deviations over the seeds, and the paired t-test between the two."""
    lines = [f"| | {' | '.join(FIGURES)} |", "|---" * (len(FIGURES) + 1) + "|"]
    values = {name: np.array([[row[figure] for figure in FIGURES] for row in rows]) for name, rows in results.items()}
    for name, each in values.items():
        cells = [
            f"{mean:.4f} ± {std:.4f}" for mean, std in zip(each.mean(axis=0), each.std(axis=0, ddof=1), strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    p_values = ttest_rel(*values.values()).pvalue
    lines.append(f"| p, paired over seeds | {' | '.join(f'{p:.2g}' for p in p_values)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for data and runs; made if absent")
    parser.add_argument("--exposures", type=int, default=400_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    simulate(work, given.exposures)
    runs = [(variant, seed) for seed in given.seeds for variant in VARIANTS]
    done: dict[str, list[dict[str, Any]]] = {variant: [] for variant in VARIANTS}
    for variant, seed in track(runs, "training"):
        done[variant].append(train(work, variant, seed))
    print(table(done))
    record = {"machine": machine(), "exposures": given.exposures, "knobs": KNOBS, "seeds": given.seeds, "runs": done}
    (ROOT / "benchmarks" / "results" / "position.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
