"""KuaiRand: share-bottom, MMoE and PLE against nets of one task, logistic regression and gradient boosting.

    python benchmarks/kuairand.py DATA [--work WORK] [--out FILE]

DATA holds processed_standard_kcore_15.tsv. Every system has the same training, validation and test rows. What it may
choose (epochs; the penalty; trees and leaves) is chosen for each task by the AUC of the validation rows, in the mean
over seeds; test rows choose nothing. Finished runs stay in WORK and are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from measure import machine, run
from sklearn_models import Part, gradient_boosting, logistic_regression, read

from rec.compare.statistics import paired_p, summary
from rec.compare.store import RunStore, fingerprint, key_of
from rec.config.config import load
from rec.doctor.chance import auc_standard_error
from rec.metrics.auc import auc
from rec.nn.graph import Graph

ROOT = Path(__file__).resolve().parents[1]
NETS = ("single_task", "share_bottom", "mmoe", "ple")
SEEDS = (1, 2, 3, 4, 5)
LINEAR, TREES = "logistic regression", "gradient boosting"

Content = dict[str, Any]
"""`settings` [S], a name each, by task; `valid` and `test`, by task their AUCs, [S]."""


def config_of(net: str) -> Path:
    return ROOT / "models" / "multitask" / net / "kuairand.yaml"


def train(net: str, seed: int, data: Path, work: Path) -> Content:
    """A net as the tools train and evaluate it; its settings are the epochs."""
    options = [f"runner.{part}_data_dir={data}" for part in ("train", "valid", "test")]
    with TemporaryDirectory(dir=work) as folder:
        for tool in ("trainer", "infer"):
            command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), "-m", str(config_of(net))]
            run([*command, "-o", f"runner.seed={seed}", *options], Path(folder))
        save = Path(folder) / load(config_of(net)).runner.model_save_path
        epochs = [save / str(epoch) for epoch in range(len(list(save.glob("*/metrics.json"))))]
        valid = [json.loads((epoch / "state.json").read_text())["metrics"] for epoch in epochs]
        test = [json.loads((epoch / "metrics.json").read_text()) for epoch in epochs]
    tasks = list(test[0]["tasks"])
    return {
        "settings": {task: [f"{epoch + 1} epochs" for epoch in range(len(epochs))] for task in tasks},
        "valid": {task: [metrics[f"auc_{task}"] for metrics in valid] for task in tasks},
        "test": {task: [metrics[f"auc_{task}"] for metrics in test] for task in tasks},
    }


def labels() -> dict[str, str]:
    """The label of each task."""
    return {task.name: task.label for task in Graph(load(config_of(NETS[0])).hyper_parameters["behaviours"]).tasks}


def fit(name: str, seed: int, parts: dict[str, Part]) -> Content:
    """One of scikit-learn's models, by task."""
    content: Content = {"settings": {}, "valid": {}, "test": {}}
    for task, label in labels().items():
        valid, test = (parts[name].labels[label] for name in ("valid", "test"))
        tried = logistic_regression(parts, label) if name == LINEAR else gradient_boosting(parts, label, seed)
        figures = [(setting, auc(v, valid).value, auc(t, test).value) for setting, v, t in tried]
        content["settings"][task], content["valid"][task], content["test"][task] = map(list, zip(*figures, strict=True))
    return content


def all_runs(data: Path, parts: dict[str, Part], work: Path) -> dict[str, list[Content]]:
    """The contents of every system's runs, one per seed; of one where nothing is random."""
    store = RunStore(work / "runs")
    store.make()

    def once(name: str, seed: int) -> Content:
        config = load(config_of(name if name in NETS else NETS[0])).to_yaml()
        code = (Path(__file__).parent / "sklearn_models.py").read_text() if name not in NETS else ""
        key = key_of({"name": name, "seed": seed, "data": fingerprint(data), "config": config, "code": code})
        content = store.load(key)
        if content is None:
            content = train(name, seed, data, work) if name in NETS else fit(name, seed, parts)
            store.save(key, content)
            print(f"{name}, seed {seed}: done", file=sys.stderr, flush=True)
        return content

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = {LINEAR: [pool.submit(once, LINEAR, SEEDS[0])]}
        jobs |= {name: [pool.submit(once, name, seed) for seed in SEEDS] for name in (TREES, *NETS)}
        return {name: [job.result() for job in some] for name, some in jobs.items()}


def judged(runs: list[Content], task: str) -> Content:
    """A system's test AUCs on a task, by seed, under the setting that is best on validation rows."""
    best = int(np.argmax(np.mean([run["valid"][task] for run in runs], axis=0)))
    found = summary([run["test"][task][best] for run in runs])
    return {
        "setting": runs[0]["settings"][task][best],
        "valid_auc": float(np.mean([run["valid"][task][best] for run in runs])),
        "test_auc": [run["test"][task][best] for run in runs],
        "mean": found.mean,
        "std": found.std,
    }


def markdown(results: dict[str, dict[str, Content]], facts: dict[str, dict[str, Any]]) -> str:
    """Tables of AUCs, of p-values against the nets of one task, and of what was chosen."""

    def table(corner: str, rows: dict[str, list[str]]) -> str:
        lines = [[corner, *facts], ["---"] * (1 + len(facts)), *([name, *row] for name, row in rows.items())]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    best = {task: max(results, key=lambda name: results[name][task]["mean"]) for task in facts}
    aucs, p_values, chosen = {}, {}, {}
    for name, by_task in results.items():
        shown = {task: str(summary(found["test_auc"])) for task, found in by_task.items()}
        aucs[name] = [f"**{text}**" if best[task] == name else text for task, text in shown.items()]
        chosen[name] = [found["setting"] for found in by_task.values()]
        if name in NETS[1:]:
            pairs = [(found["test_auc"], results[NETS[0]][task]["test_auc"]) for task, found in by_task.items()]
            p_values[name] = ["-" if (p := paired_p(*pair)) is None else f"{p:.4f}" for pair in pairs]
    aucs["positive test rows"] = [f"{fact['positives']:,}" for fact in facts.values()]
    aucs["half of a 95 % interval"] = [f"{fact['half_interval']:.4f}" for fact in facts.values()]
    rows = {"test AUC": aucs, "p against single_task": p_values, "chosen on validation rows": chosen}
    return "\n\n".join(table(corner, content) for corner, content in rows.items())


def main() -> None:
    """Do what is left to do, print the tables, and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("bench") / "kuairand")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "kuairand.json")
    args = parser.parse_args()
    data, work = args.data.resolve(), args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    parts = read(config_of(NETS[0]), data)
    runs = all_runs(data, parts, work)
    tasks = {task: parts["test"].labels[label] for task, label in labels().items()}
    results = {name: {task: judged(some, task) for task in tasks} for name, some in runs.items()}
    facts = {}
    for task, truth in tasks.items():
        n, positives = len(truth), int(truth.sum())
        facts[task] = {"positives": positives, "half_interval": half_interval(results, task, positives, n - positives)}
    rows = {name: len(part.ids) for name, part in parts.items()}
    content = {"machine": machine(), "rows": rows, "seeds": SEEDS, "tasks": facts, "results": results}
    args.out.write_text(json.dumps(content, indent=1) + "\n")
    print(markdown(results, facts))


def half_interval(results: dict[str, dict[str, Content]], task: str, positives: int, negatives: int) -> float:
    """Half of the 95 % interval of the best system's mean AUC, by Hanley and McNeil's formula."""
    best = max(found[task]["mean"] for found in results.values())
    return 1.96 * auc_standard_error(best, positives, negatives)


if __name__ == "__main__":
    main()
