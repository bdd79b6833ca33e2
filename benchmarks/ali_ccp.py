"""Prepare simulated Ali-CCP at two sizes; train the paper's network on all tokens of the larger one, for an epoch.

On the smaller one, what `runner.shuffle_chunk` does to speed and AUC.

    python benchmarks/ali_ccp.py WORK [--exposures 1000000 4000000]     # 15 minutes, 5 GB in WORK
    python benchmarks/ali_ccp.py WORK --full                          # the release's size: half an hour, 30 GB
    python benchmarks/ali_ccp.py WORK --tuned 1 2 3                   # with esmm/config_tuned.yaml and these seeds

Results go to benchmarks/results/ali_ccp.json (ali_ccp_full.json, ali_ccp_tuned.json) and, as tables, to standard
output.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any

from measure import Run, machine, run
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "datasets" / "ali-ccp"
CONFIG = ROOT / "models" / "multitask" / "esmm" / "config_bigdata.yaml"
TUNED = CONFIG.with_name("config_tuned.yaml")
CHUNKS = (1, 8, 64)
ROUNDS = 3
FULL = (42_300_135, 5_000_000)
"""Impressions of the release to train on, and as many to test on as an evaluation in practice takes."""
KNOBS = ["--click-rate", "0.1", "--conversion-rate", "0.1", "--seed", "1"]


def megabytes(folder: Path, pattern: str) -> float:
    """Size of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob(pattern)) / 1e6


def full(work: Path) -> dict[str, Any]:
    """The release's size, at its click and conversion rates: simulated, prepared once, one epoch, evaluated."""
    prepared = prepare_full(work)
    return {"machine": machine(), "prepare": prepared, "epoch": epoch(work, FULL[0])}


def tuned(work: Path, seeds: list[int]) -> dict[str, Any]:
    """The same with config_tuned.yaml, an epoch for each seed, on what an earlier run has prepared, if it has."""
    if not (work / f"prepared-{FULL[0]}" / "schema.json").exists():
        prepare_full(work)
    epochs = [{"seed": seed, **epoch(work, FULL[0], f"runner.seed={seed}", config=TUNED)} for seed in seeds]
    return {"machine": machine(), "epochs": epochs}


def prepare_full(work: Path) -> dict[str, Any]:
    """Simulate and prepare the release's size."""
    train, test = FULL
    counts = ["--exposures", train, "--test-exposures", test, "--seed", 1]
    raw, out = work / f"raw-{train}", work / f"prepared-{train}"
    simulated = run(_python("simulate.py", raw, *counts, "--force"), work)
    prepared = run(_python("prepare.py", raw, out, "--force"), work)
    row = {"simulate_seconds": round(simulated.seconds, 1), **_prepared(raw, out, [prepared])}
    shutil.rmtree(raw)
    return row


def prepare(work: Path, sizes: list[int]) -> list[dict[str, Any]]:
    """Simulate each size (and a quarter as many impressions for testing) and prepare it: medians of ROUNDS turns."""
    raw = {size: work / f"raw-{size}" for size in sizes}
    simulated = {size: run(_python("simulate.py", raw[size], "--exposures", size, *KNOBS), work) for size in sizes}
    runs: dict[int, list[Run]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size in sizes:
            runs[size].append(run(_python("prepare.py", raw[size], work / f"prepared-{size}", "--force"), work))
    rows = []
    for size in sizes:
        row = _prepared(raw[size], work / f"prepared-{size}", runs[size])
        rows.append({"simulate_seconds": round(simulated[size].seconds, 1), **row})
        shutil.rmtree(raw[size])
    return rows


def _prepared(raw: Path, out: Path, runs: list[Run]) -> dict[str, Any]:
    schema = json.loads((out / "schema.json").read_text())
    count = sum(split["exposures"] for split in schema["splits"].values())
    raw_mb = megabytes(raw, "*.csv")
    seconds = median(each.seconds for each in runs)
    return {
        "impressions": count,
        "raw_mb": round(raw_mb),
        "prepared_mb": round(megabytes(out, "*.parquet")),
        "prepare_seconds": round(seconds, 2),
        "prepare_seconds_all": [round(each.seconds, 2) for each in runs],
        "cpu_seconds": round(median(each.cpu_seconds for each in runs), 1),
        "raw_mb_per_second": round(raw_mb / seconds, 1),
        "impressions_per_second": round(count / seconds),
        "peak_mb": round(median(each.peak_mb for each in runs)),
        "id_space": schema["id_space"],
    }


def _python(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(SCRIPTS / script), *map(str, arguments)]


def epoch(work: Path, impressions: int, *more: str, config: Path | None = None) -> dict[str, Any]:
    """One epoch of a config's network, config_bigdata.yaml's, over the prepared data, and its evaluation on test."""
    config = config or CONFIG
    data = work / f"prepared-{impressions}"
    options = [f"runner.{part}_data_dir={data / part}" for part in ("train", "valid", "test")]
    options += ["runner.model_save_path=trained", "runner.overwrite=true", *more]
    trained = run([sys.executable, str(ROOT / "tools" / "trainer.py"), "-m", str(config), "-o", *options], work)
    evaluated = run([sys.executable, str(ROOT / "tools" / "infer.py"), "-m", str(config), "-o", *options], work)
    metrics = json.loads((work / "trained" / "0" / "metrics.json").read_text())
    done = re.search(r"epoch: 0 done, .*epoch time: ([\d.]+) s", trained.output)
    seconds = float(done.group(1)) if done else float("nan")
    count = json.loads((data / "schema.json").read_text())["splits"]["train"]["exposures"]
    return {
        "impressions": count,
        "epoch_seconds": seconds,
        "command_seconds": round(trained.seconds, 1),
        "impressions_per_second": round(count / seconds),
        "train_peak_mb": round(trained.peak_mb),
        "evaluate_seconds": metrics["seconds"],
        "evaluate_impressions_per_second": round(metrics["impressions"] / metrics["seconds"]),
        "evaluate_peak_mb": round(evaluated.peak_mb),
        "auc": {task: [r["auc"], r["auc_low"], r["auc_high"]] for task, r in metrics["tasks"].items()},
        "calibration": {task: r["calibration"] for task, r in metrics["tasks"].items()},
        "truth": metrics["truth"],
    }


def chunks(work: Path, impressions: int) -> list[dict[str, Any]]:
    """Speed and AUC of an epoch by how many impressions of a common row stay together."""
    rows = []
    for chunk in CHUNKS:
        result = epoch(work, impressions, f"runner.shuffle_chunk={chunk}")
        auc = {f"auc_{task}": round(values[0], 4) for task, values in result["auc"].items()}
        share = {f"share_of_ceiling_{task}": round(r["share_of_ceiling"], 4) for task, r in result["truth"].items()}
        rows.append(
            {"shuffle_chunk": chunk, "impressions_per_second": result["impressions_per_second"], **auc, **share}
        )
    return rows


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print results, a column per size."""
    table = Table(title=title)
    table.add_column("")
    for _ in rows:
        table.add_column(justify="right")
    for name in rows[0]:
        if not isinstance(rows[0][name], (dict, list)):
            table.add_row(name, *(f"{row[name]:,}" for row in rows))
    Console(width=100).print(table)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for the data; made if absent")
    parser.add_argument("--exposures", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--full", action="store_true", help="the release's size, instead")
    parser.add_argument("--tuned", type=int, nargs="+", metavar="SEED", help="that with config_tuned.yaml, instead")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    work = given.work.resolve()
    results = ROOT / "benchmarks" / "results"
    if given.full:
        result = full(work)
        show("prepare.py", [result["prepare"]])
        show("one epoch", [result["epoch"]])
        (results / "ali_ccp_full.json").write_text(json.dumps(result, indent=1) + "\n")
        return
    if given.tuned:
        result = tuned(work, given.tuned)
        show("one epoch, config_tuned.yaml", result["epochs"])
        (results / "ali_ccp_tuned.json").write_text(json.dumps(result, indent=1) + "\n")
        return
    prepared = prepare(work, given.exposures)
    show("prepare.py", prepared)
    trained = epoch(work, given.exposures[-1])
    show("one epoch", [trained])
    by_chunk = chunks(work, given.exposures[0])
    show("shuffle_chunk", by_chunk)
    result = {"machine": machine(), "prepare": prepared, "epoch": trained, "shuffle_chunk": by_chunk}
    (results / "ali_ccp.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
