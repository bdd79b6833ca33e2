"""What a shallow tower does against position bias: YouTube's ranker with and without it, held against the truth.

    python benchmarks/position.py WORK [--exposures 100000] [--seeds 1 2 3 4 5]

Simulates impressions of which users examine the one at position p with 1 / p, and an older ranker that favours some
items for no reason of the users'. The rank correlation of pCTR with p(click | examined) says how much of an item's
relevance a network has learned, over all test impressions and within requests; the calibration (sum of pCTR over
clicks) says whether the served probabilities have the right offset. Finished runs in WORK are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from measure import machine, run
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
VARIANTS = {"with the shallow tower": True, "without": False}
FIGURES = ("rank correlation", "within requests", "AUC of clicks", "calibration")


def simulate(work: Path, impressions: int) -> Path:
    """Raw and prepared data in a folder of their own, unless they are there."""
    folder = work / f"{impressions}"
    if not (folder / "prepared" / "schema.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        knobs = [str(each) for knob in KNOBS.items() for each in knob]
        sizes = ["--exposures", str(impressions), "--behaviours"]
        run([sys.executable, str(SCRIPTS / "simulate.py"), "raw", *sizes, *knobs], folder)
        run([sys.executable, str(SCRIPTS / "prepare.py"), "raw", "prepared", "--valid", "0.1"], folder)
    return folder


def train(data: Path, variant: str, seed: int) -> dict[str, float]:
    """Figures of one network after the epoch that is best on validation data."""
    folder = data / f"{variant.replace(' ', '-')}-{seed}"
    result = folder / "result.json"
    if not result.exists():
        folder.mkdir(exist_ok=True)
        options = [f"runner.{part}_data_dir={data / 'prepared' / part}" for part in ("train", "valid", "test")]
        options += [f"runner.{key}=checkpoints" for key in ("model_save_path", "infer_load_path")]
        options += [f"runner.seed={seed}", "runner.train_batch_size=256", "runner.epochs=5"]
        options += ["runner.best_metric=auc_ctr", "runner.infer_checkpoint=best"]
        options += ["runner.predict_save_path=predictions.parquet"]
        options += [f"hyper_parameters.shallow_tower={str(VARIANTS[variant]).lower()}"]
        for tool in ("trainer", "infer"):
            run([sys.executable, str(ROOT / "tools" / f"{tool}.py"), "-m", str(CONFIG), "-o", *options], folder)
        metrics = json.loads(next((folder / "checkpoints").glob("*/metrics.json")).read_text())
        figures = judge(folder / "predictions.parquet", data / "raw" / "behaviours_test.parquet")
        figures |= {"AUC of clicks": metrics["auc_ctr"], "calibration": metrics["tasks"]["ctr"]["calibration"]}
        result.write_text(json.dumps(figures))
    return dict(json.loads(result.read_text()))


def judge(predictions: Path, behaviours: Path) -> dict[str, float]:
    """Spearman's correlation of pCTR with the true relevance: over all impressions, and as a mean over requests.

    A request of fewer than three impressions, or whose predictions are all alike, does not count.
    """
    predicted, truth = pq.read_table(predictions), pq.read_table(behaviours)
    place = np.searchsorted(truth["sample_id"].to_numpy(), predicted["sample_id"].to_numpy())
    p_ctr = predicted["pctr"].to_numpy()
    relevance, request = (truth[name].to_numpy()[place] for name in ("p_relevance", "request_id"))
    by_request = np.split(np.argsort(request, kind="stable"), np.flatnonzero(np.diff(np.sort(request))) + 1)
    ranks = [(rankdata(p_ctr[some]), rankdata(relevance[some])) for some in by_request if len(some) > 2]
    within = [np.corrcoef(ours, true)[0, 1] for ours, true in ranks if np.ptp(ours) and np.ptp(true)]
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
    parser.add_argument("--exposures", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    data = simulate(given.work.resolve(), given.impressions)
    runs = [(variant, seed) for seed in given.seeds for variant in VARIANTS]
    done: dict[str, list[dict[str, Any]]] = {variant: [] for variant in VARIANTS}
    for variant, seed in track(runs, "training"):
        done[variant].append(train(data, variant, seed))
    print(table(done))
    record = {
        "machine": machine(),
        "impressions": given.impressions,
        "knobs": KNOBS,
        "seeds": given.seeds,
        "runs": done,
    }
    (ROOT / "benchmarks" / "results" / "position.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
