"""KuaiRand by time, with numbers, past rates and each user's own history: bottoms beside models without one.

    python benchmarks/kuairand_history.py DATA [--work WORK]

DATA holds processed_standard_kcore_15.tsv. Rows are put in the order of time: 64 % to train on, 16 % for validation,
the last 20 % to test. A history is the videos that the user clicked before the row. Every net is trained over seeds and
judged after the epoch that is best on validation rows, for each task apart; of scikit-learn's models the setting is
chosen so. Finished runs stay in WORK. Writes results/kuairand_history.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from measure import machine
from rich.progress import track
from scipy.sparse import csr_matrix, hstack

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

ROOT = Path(__file__).resolve().parents[1]
SEEDS, EPOCHS, LENGTH = (1, 2, 3, 4, 5), 12, 30
TASKS = {"ctr": "click", "long_view": "long_view"}
PARTS = {"train": (0.0, 0.64), "valid": (0.64, 0.8), "test": (0.8, 1.0)}

FOUR: dict[str, Any] = {
    "user_id": {"min_count": 2}, "video_id": {"min_count": 2}, "hour": None, "duration": {"buckets": 20},
}  # fmt: skip
NUMBERS: dict[str, Any] = {
    **{name: FOUR[name] for name in ("user_id", "video_id", "hour")},
    "duration": {"numeric": "log1p"},
    "seen": {"numeric": "log1p"},
    "user_rate": {"column": "user_id", "statistic": {"of": "click", "by": "date", "prior": 20}},
    "video_rate": {"column": "video_id", "statistic": {"of": "click", "by": "date", "prior": 5}},
    "video_views": {"column": "video_id", "statistic": {"of": "long_view", "by": "date", "prior": 5}},
}
POOLED = {**NUMBERS, "history": {"separator": "|", "shares": "video_id", "pooling": "mean"}}
SEQUENCE = {**NUMBERS, "history": {"separator": "|", "shares": "video_id"}}
DIN = {"kind": "din", "attend": {"history": "video_id"}, "length": LENGTH, "fc_sizes": [36]}

NETS: dict[str, tuple[dict[str, Any], Any]] = {
    "four fields": (FOUR, "none"),
    "numbers and rates": (NUMBERS, "none"),
    "and history, pooled": (POOLED, "none"),
    "DeepFM": (POOLED, {"kind": "fm", "logit": True}),
    "DCN-v2": (POOLED, {"kind": "cross", "layers": 2}),
    "DIN": (SEQUENCE, DIN),
}
OTHERS = ("logistic regression", "gradient boosting")


def derive(data: Path, folder: Path) -> None:
    """The log in the order of time, with what was before each row, in a file for each part."""
    options = pyarrow.csv.ParseOptions(delimiter="\t")
    log = pyarrow.csv.read_csv(data / "processed_standard_kcore_15.tsv", parse_options=options)
    log = log.sort_by([(name, "ascending") for name in ("time_ms", "user_id", "video_id")])
    clicked: dict[int, list[int]] = defaultdict(list)
    seen: dict[int, int] = defaultdict(int)
    histories, counts = [], []
    rows = zip(*(log[name].to_pylist() for name in ("time_ms", "user_id", "video_id", "is_click")), strict=True)
    for (_, user), of_request in groupby(rows, lambda row: row[:2]):
        before, history, shown = seen[user], "|".join(map(str, clicked[user][-LENGTH:])), list(of_request)
        # What is shown together is not known to each other.
        histories += [history] * len(shown)
        counts += [before] * len(shown)
        seen[user] += len(shown)
        clicked[user] += [video for _, _, video, click in shown if click]
    columns = {
        **{name: log[name] for name in ("user_id", "video_id", "date", "long_view")},
        "click": log["is_click"],
        "hour": pa.array(log["hourmin"].to_numpy() // 100),
        "duration": log["duration_ms"],
        "seen": counts,
        "history": histories,
    }
    table = pa.table(columns)
    for part, (first, last) in PARTS.items():
        start, stop = (round(share * len(table)) for share in (first, last))
        pq.write_table(table.slice(start, stop - start), folder / f"{part}.parquet")


def config_of(folder: Path, fields: dict[str, Any], interaction: Any, seed: int) -> Any:
    from rec.config.config import load

    given = {
        "runner": {
            **{f"{part}_data_dir": str(folder / f"{part}.parquet") for part in PARTS}, "seed": seed,
            "train_reader_path": "table_reader", "infer_reader_path": "table_reader", "train_batch_size": 256,
            "infer_batch_size": 4096,
        },
        "data": {"labels": {"click": "click", "long_view": "long_view"}, "fields": fields},
        "hyper_parameters": {
            "sparse_feature_number": None, "interaction": interaction, "number_embedding": "linear",
            "behaviours": {"click": None, "long_view": {"space": None}}, "tower_fc_sizes": [64, 32],
        },
    }  # fmt: skip
    if fields is FOUR:
        given["hyper_parameters"]["number_embedding"] = "none"
    return load(ROOT / "models" / "rank" / "din" / "config.yaml").merged(given)


def train(folder: Path, name: str, seed: int) -> dict[str, Any]:
    """By task the test AUC after the epoch that is best on validation rows."""
    from rec.run.assembly import assemble

    run = assemble(config_of(folder, *NETS[name], seed), "dygraph", "train")
    readers = {part: run.open_reader(part) for part in ("valid", "test")}
    found: dict[str, tuple[float, float, int]] = {}
    for epoch in range(EPOCHS):
        for batch in run.batches(run.reader, run.plan(epoch, 0, training=True)):
            run.engine.train_step(batch)
        figures = {part: _aucs(run, reader) for part, reader in readers.items()}
        for task in TASKS:
            valid, test = figures["valid"][task], figures["test"][task]
            if valid > found.get(task, (0.0,))[0]:
                found[task] = (valid, test, epoch + 1)
    return {task: {"valid": v, "test": t, "setting": f"{e} epochs"} for task, (v, t, e) in found.items()}


def _aucs(run: Any, reader: Any) -> dict[str, float]:
    from rec.metrics.auc import auc

    batches = list(run.batches(reader, run.plan(0, 0, training=False)))
    scores = [run.engine.eval_step(batch) for batch in batches]
    return {
        task: auc(
            np.concatenate([one[f"p{task}"].reshape(-1) for one in scores]),
            np.concatenate([batch.labels[label] for batch in batches]),
        ).value
        for task, label in TASKS.items()
    }


def fit(folder: Path, name: str) -> dict[str, Any]:
    """One of scikit-learn's models on the columns that the nets with a history have."""
    import sklearn_models

    from rec.data.plan import ReadPlan
    from rec.metrics.auc import auc
    from rec.run.assembly import open_directory

    directory = open_directory(config_of(folder, POOLED, "none", SEEDS[0]), "dygraph")
    vocabulary, rows = None, {}
    for part in PARTS:
        reader = directory.open_reader(part, vocabulary)  # type: ignore[arg-type]
        vocabulary = reader.vocabulary
        (rows[part],) = reader.batches(ReadPlan(batch_size=len(reader), training=False))
    num_id = vocabulary.num_id  # type: ignore[union-attr]
    found: dict[str, Any] = {}
    for task, label in TASKS.items():
        y = {part: batch.labels[label] for part, batch in rows.items()}
        if name == OTHERS[0]:
            made = sklearn_models.linear({part: _sparse(batch, num_id) for part, batch in rows.items()}, y["train"])
        else:
            ids, rest = ({part: _dense(batch)[at] for part, batch in rows.items()} for at in (0, 1))
            encoded = sklearn_models.target_encoded(ids, y["train"], SEEDS[0])
            x = {part: np.hstack([encoded[part], rest[part]]) for part in PARTS}
            categories = np.arange(x["train"].shape[1]) == 2
            made = sklearn_models.boosted(x, y["train"], categories, SEEDS[0])
        tried = [(auc(v, y["valid"]).value, auc(t, y["test"]).value, setting) for setting, v, t in made]
        valid, test, setting = max(tried)
        found[task] = {"valid": valid, "test": test, "setting": setting}
    return found


def _sparse(batch: Any, num_id: int) -> Any:
    """Ones for ids, a history's by their share of it in columns of their own, and the numbers."""
    (bags,) = batch.bags
    weights = np.ones(len(bags.positions)) if bags.weights is None else bags.weights
    lengths = np.diff(bags.offsets).reshape(len(batch), -1)
    in_history = np.repeat(np.tile(np.array(bags.fields) == "history", len(batch)), lengths.reshape(-1))
    columns = batch.rows[bags.positions] + num_id * in_history
    ids = csr_matrix((weights, columns, bags.offsets[:: bags.num_field]), (len(batch), 2 * num_id))
    return hstack([ids, csr_matrix(batch.numbers)], format="csr")


def _dense(batch: Any) -> tuple[Any, Any]:
    """The ids of user and video; and the hour, from 0, the length of the history, and the numbers."""
    (bags,) = batch.bags
    lengths = np.diff(bags.offsets).reshape(len(batch), -1)
    places = bags.offsets[:-1].reshape(lengths.shape)
    ids = {name: batch.rows[bags.positions[places[:, at]]] for at, name in enumerate(bags.fields) if name != "history"}
    hour = ids["hour"] - ids["hour"].min()
    rest = [hour[:, None], lengths[:, [bags.fields.index("history")]], batch.numbers]
    return np.stack([ids["user_id"], ids["video_id"]], axis=1), np.concatenate(rest, axis=1)


def done(work: Path, name: str, seed: int) -> dict[str, Any]:
    """A run's figures, from WORK where they are."""
    file = work / f"{name.replace(' ', '-').replace(',', '')}-{seed}.json"
    if not file.exists():
        file.write_text(json.dumps(fit(work, name) if name in OTHERS else train(work, name, seed)))
    return dict(json.loads(file.read_text()))


def table(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: test AUCs, and the paired p against the four fields and against the pooled history."""
    from rec.compare.statistics import paired_p, summary

    lines = [f"| test AUC | {' | '.join(f'{task} | p against four fields | setting' for task in TASKS)} |"]
    lines.append("|---" * (1 + 3 * len(TASKS)) + "|")
    for name, some in runs.items():
        cells = []
        for task in TASKS:
            values, base = ([run[task]["test"] for run in group] for group in (some, runs["four fields"]))
            p = paired_p(values, base) if len(values) == len(base) else None
            settings = sorted({run[task]["setting"] for run in some})
            cells += [str(summary(values)), "-" if p is None else f"{p:.2g}", ", ".join(settings)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Do what is left to do, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("bench") / "kuairand_history")
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    derive(given.data.resolve(), work)
    wanted = [(name, seed) for name in NETS for seed in SEEDS] + [(name, SEEDS[0]) for name in OTHERS]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
        jobs = {pair: pool.submit(done, work, *pair) for pair in wanted}
        found = {pair: job.result() for pair, job in track(jobs.items(), "training")}
    runs = {name: [found[pair] for pair in wanted if pair[0] == name] for name in (*NETS, *OTHERS)}
    print(table(runs))
    rows = {part: len(pq.read_table(work / f"{part}.parquet", columns=["click"])) for part in PARTS}
    (ROOT / "benchmarks" / "results" / "kuairand_history.json").write_text(
        json.dumps({"machine": machine(), "rows": rows, "seeds": SEEDS, "runs": runs}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
