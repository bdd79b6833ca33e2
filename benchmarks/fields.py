"""What numbers, target attention and shared rows are worth where the truth is known, over seeds.

    python benchmarks/fields.py [WORK] [--seeds 1 2 3 4 5]          # more than an hour on two cores

Simulates a shop's log for each seed and world (simulate_table.py), trains each variant of a click model on it, and
holds what it predicts for the next day against the probabilities that the clicks were drawn from, after the epoch that
is best on a tenth of the training rows. Finished runs stay in WORK. Writes results/fields.json, where worlds that are
not run (--worlds) stay as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine
from rich.progress import track

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

ROOT = Path(__file__).resolve().parents[1]
KNOBS = {"--click-rate": "0.2", "--conversion-rate": "0.2", "--selection-bias": "0"}
RARE = 100
"""Impressions of an item in training: below, it is a rare one."""


OF_NUMBERS = ("buckets", "numbers", "numbers, linear", "numbers, autodis")
OF_HISTORY = ("without history", "pooled", "pooled, rows of its own", "DIN", "DIN, rows of its own")
OF_CATEGORIES = (
    "without history", "pooled, categories too", "DIN, categories too", "DIN, categories too, softmax",
)  # fmt: skip
OF_IDS = ("FM, ids alone, rows of its own", "FM, ids alone", "pooled, ids alone, rows of its own", "pooled, ids alone")


@dataclass(frozen=True)
class World:
    """What a click depends on, how many impressions are simulated, and which nets are trained on them, and how."""

    knobs: dict[str, str]
    variants: tuple[str, ...] = OF_NUMBERS
    impressions: int = 100_000
    epochs: int = 6
    learning_rate: float = 0.001


def of_history(kind: str) -> World:
    """Attention starts from vectors near zero and takes longer to learn: every variant has the time that it needs."""
    return World({"--smooth": "0.5", "--steps": "0.5", "--history": kind}, OF_HISTORY, 60_000, 12, 0.003)


def of_categories(kind: str) -> World:
    """More categories than a vector has numbers, and people who are seen half as often."""
    knobs = {**of_history(kind).knobs, "--categories": "150", "--user-impressions": "100"}
    return World(knobs, OF_CATEGORIES, 150_000, 6, 0.002)


def of_ids(kind: str) -> World:
    """Nothing but its id is known of an item: a rare one has few impressions to learn its vector from."""
    return replace(of_history(kind), variants=OF_IDS)


WORLDS = {
    "smooth numbers": World({"--smooth": "1", "--steps": "0", "--history": "none"}),
    "smooth numbers, a quarter of the rows": World(
        {"--smooth": "1", "--steps": "0", "--history": "none"}, OF_NUMBERS, 25_000, 12
    ),
    "numbers in steps": World({"--smooth": "0", "--steps": "1", "--history": "none"}),
    "history in order": of_history("order"),
    "history pooled": of_history("pooled"),
    "history in order, 150 categories": of_categories("order"),
    "history pooled, 150 categories": of_categories("pooled"),
    "history in order, items without attributes": of_ids("order"),
}

IDS: dict[str, Any] = {
    "user_id": None, "item_id": None, "category": None, "shop": None, "city": None, "tags": {"separator": "|"},
    "hour": None,
}  # fmt: skip
ATTRIBUTES = ("category", "shop", "tags", "price")
"""What is known of an item beside its id."""
NUMBERS = {"age": {"numeric": "standardize"}, "price": {"numeric": "log1p"}}
BUCKETS = {"age": {"buckets": 20}, "price": {"buckets": 20}}
HISTORY = {"separator": "|", "sequence": 30}
DIN = {"kind": "din", "attend": {"history": "item_id"}, "length": 30, "fc_sizes": [36]}
BOTH = {
    **NUMBERS,
    "history": {**HISTORY, "shares": "item_id"},
    "history_categories": {**HISTORY, "shares": "category"},
}
ATTEND_BOTH = {**DIN, "attend": {"history": "item_id", "history_categories": "category"}}


def variant(
    fields: dict[str, Any], interaction: Any = "none", embedding: str = "none", without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Fields beside the ids, but for some, and how they are used."""
    fields = {name: field for name, field in {**IDS, **fields}.items() if name not in without}
    return {"fields": fields, "interaction": interaction, "number_embedding": embedding}


VARIANTS = {
    "buckets": variant(BUCKETS),
    "numbers": variant(NUMBERS),
    "numbers, linear": variant(NUMBERS, embedding="linear"),
    "numbers, autodis": variant(NUMBERS, embedding="autodis"),
    "without history": variant(NUMBERS, embedding="linear"),
    "pooled": variant({**NUMBERS, "history": {**HISTORY, "shares": "item_id", "pooling": "mean"}}, embedding="linear"),
    "pooled, rows of its own": variant({**NUMBERS, "history": {**HISTORY, "pooling": "mean"}}, embedding="linear"),
    "DIN": variant({**NUMBERS, "history": {**HISTORY, "shares": "item_id"}}, DIN, "linear"),
    "DIN, rows of its own": variant({**NUMBERS, "history": HISTORY}, DIN, "linear"),
    "pooled, categories too": variant(
        {
            **NUMBERS,
            "history": {**HISTORY, "shares": "item_id", "pooling": "mean"},
            "history_categories": {**HISTORY, "shares": "category", "pooling": "mean"},
        },
        embedding="linear",
    ),
    "without history, ids alone": variant(NUMBERS, embedding="linear", without=ATTRIBUTES),
    "pooled, ids alone": variant(
        {**NUMBERS, "history": {**HISTORY, "shares": "item_id", "pooling": "mean"}},
        embedding="linear",
        without=ATTRIBUTES,
    ),
    "pooled, ids alone, rows of its own": variant(
        {**NUMBERS, "history": {**HISTORY, "pooling": "mean"}}, embedding="linear", without=ATTRIBUTES
    ),
    "FM, ids alone": variant(
        {**NUMBERS, "history": {**HISTORY, "shares": "item_id", "pooling": "mean"}},
        {"kind": "fm"},
        "linear",
        ATTRIBUTES,
    ),
    "FM, ids alone, rows of its own": variant(
        {**NUMBERS, "history": {**HISTORY, "pooling": "mean"}}, {"kind": "fm"}, "linear", ATTRIBUTES
    ),
    "DIN, categories too": variant(BOTH, ATTEND_BOTH, "linear"),
    "DIN, categories too, softmax": variant(BOTH, {**ATTEND_BOTH, "softmax": True}, "linear"),
}


REFERENCES = ("FM, ids alone, rows of its own", "pooled, categories too", "pooled", "buckets")
"""The first that a world has is what its others are tested against."""


def simulate(folder: Path, world: str, seed: int) -> Path:
    """The world's log, unless it is there."""
    impressions = WORLDS[world].impressions
    out = folder / str(impressions) / f"{world.replace(' ', '-')}-{seed}"
    if not (out / "test.parquet").exists():
        knobs = [part for knob in {**KNOBS, **WORLDS[world].knobs}.items() for part in knob]
        script = ROOT / "datasets" / "ali-ccp" / "simulate_table.py"
        command = [
            sys.executable,
            str(script),
            str(out),
            "--impressions",
            str(impressions),
            "--seed",
            str(seed),
            *knobs,
        ]
        subprocess.run([*command, "--force"], check=True, stdout=subprocess.DEVNULL)
    return out


def train(log: Path, world: World, name: str, seed: int) -> dict[str, Any]:
    """A variant's figures on the test rows: of all, of new items, and of items by how often training has them."""
    from rec.config.config import load
    from rec.metrics.auc import auc
    from rec.metrics.truth import soft_auc
    from rec.run.assembly import assemble

    chosen = VARIANTS[name]
    readers = dict.fromkeys(("train_reader_path", "infer_reader_path"), "table_reader")
    places = {"train_data_dir": str(log / "train.parquet"), "test_data_dir": str(log / "test.parquet")}
    given = {
        "runner": {**readers, **places, "seed": seed, "train_batch_size": 256, "infer_batch_size": 4096},
        "data": {
            "labels": {"click": "click"}, "keep": ["p_click", "item_id"], "valid": {"share": 0.1},
            "fields": chosen["fields"],
        },
        "hyper_parameters": {
            "sparse_feature_number": None, "interaction": chosen["interaction"],
            "optimizer": {"learning_rate": world.learning_rate},
            "number_embedding": chosen["number_embedding"],
        },
    }  # fmt: skip
    run = assemble(load(ROOT / "models" / "rank" / "din" / "config.yaml").merged(given), "dygraph", "train")
    parts = {part: run.open_reader(part) for part in ("valid", "test")}
    often = _often(log)
    best: tuple[float, dict[str, Any]] = (0.0, {})
    for epoch in range(world.epochs):
        for batch in run.batches(run.reader, run.plan(epoch, 0, training=True)):
            run.engine.train_step(batch)
        scores, labels = _scores(run, parts["valid"])[:2]
        valid = auc(scores, labels).value
        if valid > best[0]:
            scores, _, p, items = _scores(run, parts["test"])
            times = np.array([often.get(item, 0) for item in items])
            groups = {
                "all": times >= 0,
                "new": times == 0,
                "rare": (times > 0) & (times < RARE),
                "common": times >= RARE,
            }
            found = {
                group: (soft_auc(scores[rows], p[rows]), soft_auc(p[rows], p[rows])) for group, rows in groups.items()
            }
            best = (valid, {"epochs": epoch + 1, **{group: list(pair) for group, pair in found.items()}})
    return best[1]


def _scores(run: Any, reader: Any) -> tuple[Any, Any, Any, list[str]]:
    """Predictions, labels and, of test rows, true probabilities and items."""
    scores, labels, truth, items = [], [], [], []
    for batch in run.batches(reader, run.plan(0, 0, training=False)):
        scores.append(run.engine.eval_step(batch)["pctr"].reshape(-1))
        labels.append(batch.labels["click"])
        if batch.kept:
            truth.append(batch.kept["p_click"].to_numpy())
            items += batch.kept["item_id"].to_pylist()
    return np.concatenate(scores), np.concatenate(labels), np.concatenate(truth) if truth else None, items


def _often(log: Path) -> dict[str, int]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts = pc.value_counts(pq.read_table(log / "train.parquet", columns=["item_id"]).column(0))
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


def done(work: Path, world: str, name: str, seed: int) -> dict[str, Any]:
    """A run's figures, from WORK where they are."""
    log = simulate(work, world, seed)
    file = log / f"{name.replace(' ', '-')}.json"
    if not file.exists():
        file.write_text(json.dumps(train(log, WORLDS[world], name, seed)))
    return dict(json.loads(file.read_text()))


def share(run: dict[str, Any], group: str) -> float:
    """Of the ceiling: what is above 1/2 of what the truth itself has there."""
    found, ceiling = run[group]
    return float((found - 0.5) / (ceiling - 0.5))


def table(runs: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """Markdown: share of the ceiling by world and variant, and the paired difference from the first variant."""
    from rec.compare.statistics import summary

    lines = []
    for world, by_name in runs.items():
        reference = next(name for name in REFERENCES if name in by_name)
        lines += [
            "",
            f"| {world} | share of ceiling | against {reference} | p | new items | rare | p | common |",
            "|---" * 8 + "|",
        ]
        base, rare = ([share(run, group) for run in by_name[reference]] for group in ("all", "rare"))
        for name, some in by_name.items():
            values = [share(run, "all") for run in some]
            gap = summary([a - b for a, b in zip(values, base, strict=True)])
            chance = _p(values, base)
            new, few, common = ([share(run, group) for run in some] for group in ("new", "rare", "common"))
            apart = [f"{np.mean(new):.3f}", f"{np.mean(few):.3f}", _p(few, rare), f"{np.mean(common):.3f}"]
            against = "-" if name == reference else f"{gap.mean:+.4f} ± {gap.std or 0:.4f}"
            lines.append(f"| {name} | {summary(values)} | {against} | {chance} | {' | '.join(apart)} |")
    return "\n".join(lines)


def _p(values: list[float], base: list[float]) -> str:
    """Of the paired t-test; a variant against itself has none."""
    from rec.compare.statistics import paired_p

    p = paired_p(values, base)
    return "-" if p is None else f"{p:.2g}"


def main() -> None:
    """Do what is left to do, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, nargs="?", default=Path("bench") / "fields")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    given = parser.parse_args()
    work = given.work.resolve()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
        logs = [
            pool.submit(simulate, work, world, seed)
            for world in given.worlds for seed in given.seeds
        ]  # fmt: skip
        for job in track(logs, "simulating"):
            job.result()
        jobs = {
            (world, name, seed): pool.submit(done, work, world, name, seed)
            for world in given.worlds for name in WORLDS[world].variants for seed in given.seeds
        }  # fmt: skip
        found = {key: job.result() for key, job in track(jobs.items(), "training")}
    runs = {
        world: {name: [found[world, name, seed] for seed in given.seeds] for name in WORLDS[world].variants}
        for world in given.worlds
    }
    print(table(runs))
    worlds = {name: asdict(world) for name, world in WORLDS.items()}
    file = ROOT / "benchmarks" / "results" / "fields.json"
    before = json.loads(file.read_text())["runs"] if file.exists() else {}
    record = {"machine": machine(), "knobs": KNOBS, "worlds": worlds, "runs": before | runs}
    file.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
