"""What a network says of users whom training has not seen, by what stands for their vector; held against the truth.

    python benchmarks/unseen.py [--impressions 12000] [--seeds 1 2 3] [--epochs 4] [--active 0]

Simulates impressions of users and items with latent effects; a third of the test impressions are of new users, a
seventh of new items. ESMM learns from a table of user, item, city and category. Writes results/unseen.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import machine
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.config.config import Config, load
from rec.data.unknown import UnknownReplacement
from rec.numeric import Array
from rec.run.assembly import Run, assemble

ROOT = Path(__file__).resolve().parents[1]
FIELDS = ("user", "item", "city", "category")
RATES = (0.25, 1.0, 4.0)
FLAT = (0.05,)
FIGURES = ("calibration", "AUC", "log loss")


@dataclass(frozen=True)
class Test:
    """The test impressions: p(click), float64 [n], and whether training has not seen the user, bool [n]."""

    p_click: Array
    new: Array


def simulate(folder: Path, impressions: int, seed: int, active: float = 0.0) -> Test:
    """Write `train` and `test` tables, the latter half as long.

    Args:
        active: how much more a user clicks who is e times as active, in the logit; new users come as active as others.
    """
    random = np.random.default_rng(seed)
    users, items = impressions // 5, impressions // 8
    activity, popularity = random.lognormal(0, 1, users), random.lognormal(0, 1, items)
    city, category = random.integers(0, 10, users), random.integers(0, 12, items)
    taste, appeal = random.normal(0, 0.5, (users, 3)), random.normal(0, 0.5, (items, 3))
    of_user = random.normal(0, 0.9, users) + random.normal(0, 0.3, 10)[city] + active * np.log(activity)
    of_item = random.normal(0, 0.7, items) + random.normal(0, 0.4, 12)[category]
    later_user, later_item = random.random(users) < 0.3, random.random(items) < 0.15

    def write(part: str, count: int, user_share: Array, item_share: Array) -> tuple[Array, Array]:
        user = random.choice(users, count, p=user_share / user_share.sum())
        item = random.choice(items, count, p=item_share / item_share.sum())
        p_click = 1 / (1 + np.exp(1.6 - of_user[user] - of_item[item] - (taste[user] * appeal[item]).sum(axis=1)))
        click = random.random(count) < p_click
        buy = click & (random.random(count) < 1 / (1 + np.exp(1.2 - 0.6 * of_user[user] - 0.5 * of_item[item])))
        values = (user, item, city[user], category[item], click.astype(int), buy.astype(int))
        (folder / part).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(dict(zip((*FIELDS, "click", "buy"), values, strict=True))), folder / part / "t.parquet")
        return user, p_click

    known, _ = write("train", impressions, activity * ~later_user, popularity * ~later_item)
    user, p_click = write("test", impressions // 2, activity, popularity)
    return Test(p_click, ~np.isin(user, known))


def config_of(folder: Path, seed: int, rate: float | None) -> Config:
    """ESMM on the simulated table; None: the default rate."""
    data = {"labels": {"click": "click", "conversion": "buy"}, "fields": dict.fromkeys(FIELDS)}
    runner = {f"{part}_data_dir": str(folder / part) for part in ("train", "test")}
    readers = dict.fromkeys(("train_reader_path", "infer_reader_path"), "table_reader")
    given = {
        "runner": {**runner, **readers, "seed": seed},
        "data": data if rate is None else {**data, "unknown_rate": rate},
        "hyper_parameters": {"sparse_feature_number": None},
    }
    return load(ROOT / "models" / "multitask" / "esmm" / "config.yaml").merged(given)


def trained(config: Config, epochs: int, change: Callable[[Run], None] = lambda _: None) -> Run:
    """ESMM after its epochs; `change` sees the run before they begin."""
    run = assemble(config, "dygraph", "train")
    change(run)
    for epoch in range(epochs):
        for batch in run.batches(run.reader, run.plan(epoch, 0, training=True)):
            run.engine.train_step(batch)
    return run


def figures(run: Run, test: Test) -> dict[str, dict[str, float]]:
    """Of new and of known users: sum of pCTR over that of p(click), AUC and log loss against p(click)."""
    batches = run.batches(run.open_reader("test"), run.plan(0, 0, training=False))
    p = np.concatenate([run.engine.eval_step(batch)["pctr"].reshape(-1) for batch in batches]).astype(np.float64)
    groups = {"new": test.new, "known": ~test.new}
    return {name: judged(p[rows], test.p_click[rows]) for name, rows in groups.items()}


def judged(p: Array, truth: Array) -> dict[str, float]:
    """Expected over clicks that are drawn from the truth: there is no noise of theirs."""
    order = np.argsort(p, kind="stable")
    positive, negative = truth[order], 1 - truth[order]
    below = np.cumsum(negative) - negative
    return {
        "calibration": float(p.sum() / truth.sum()),
        "AUC": float((positive * (below + negative / 2)).sum() / positive.sum() / negative.sum()),
        "log loss": float(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)).mean()),
    }


def flat(rate: float) -> Callable[[Run], None]:
    """Every token replaced with the same probability: word dropout without counts."""

    def change(run: Run) -> None:
        replacement = UnknownReplacement(run.reader.chosen._counts(), run.reader.vocabulary, 1.0)
        replacement._chance[:] = rate
        run.reader.chosen._replacement = replacement

    return change


def set_unknown(run: Run, to_mean: bool) -> None:
    """Give each field's unknown id zeros, or the mean of the field's other rows."""
    weight, vocabulary = run.engine.table.arrays()["weight"], run.reader.vocabulary  # type: ignore[union-attr]
    starts = [*map(vocabulary.offset, FIELDS), run.reader.num_id]
    for first, end in itertools.pairwise(starts):
        weight[first] = weight[first + 1 : end].mean(axis=0) if to_mean else 0


def variants(folder: Path, test: Test, seed: int, epochs: int) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Each way's name and figures."""
    run = trained(config_of(folder, seed, 0.0), epochs)
    yield "as it began", figures(run, test)
    for name, to_mean in (("zeros", False), ("mean of the field's rows", True)):
        set_unknown(run, to_mean)
        yield name, figures(run, test)
    for rate in FLAT:
        run = trained(config_of(folder, seed, 0.0), epochs, flat(rate))
        yield f"trained on {rate:.0%} of all tokens", figures(run, test)
    for rate in RATES:
        yield f"`unknown_rate` {rate:g}", figures(trained(config_of(folder, seed, rate), epochs), test)


def table(found: dict[str, list[dict[str, dict[str, float]]]]) -> str:
    """Markdown: means over the seeds."""
    groups = ("new", "known")
    head = ["vector of the unknown", *(f"{group}: {figure}" for group in groups for figure in FIGURES)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, runs in found.items():
        means = [np.mean([run[group][figure] for run in runs]) for group in groups for figure in FIGURES]
        lines.append(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--impressions", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--active", type=float, default=0.0, help="users who come more often click more, in the logit")
    given = parser.parse_args()
    found: dict[str, list[dict[str, dict[str, float]]]] = {}
    shares = []
    for seed in track(given.seeds, "seeds"):
        with tempfile.TemporaryDirectory() as folder:
            test = simulate(Path(folder), given.impressions, seed, given.active)
            shares.append(float(test.new.mean()))
            for name, figure in variants(Path(folder), test, seed, given.epochs):
                found.setdefault(name, []).append(figure)
    print(f"new users: {np.mean(shares):.1%} of the test impressions\n\n{table(found)}")
    record = {"machine": machine(), **vars(given), "new_users": shares, "runs": found}
    name = "unseen_active.json" if given.active else "unseen.json"
    (ROOT / "benchmarks" / "results" / name).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
