"""Whether a report finds what is planted: underrated items, by shrunk and by raw rates, and fields that say nothing.

    python benchmarks/quadrants.py [--impressions 100000] [--items 1500] [--planted 100] [--seeds 1 2 3 4 5]

Simulates impressions of users and items with effects of their own on clicks and conversions. The planted items are
better than most, and get between an eighth of an equal share of the impressions and all of it. Impressions are
long-tailed, and popular items are better than others, as where a ranking chose them. Half of the impressions train
ESMM, the report is of the other half. Three fields are drawn at random and say nothing. Writes results/quadrants.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import machine
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.cli import import_paddle
from rec.config.config import Config, load
from rec.numeric import Array

ROOT = Path(__file__).resolve().parents[1]
USELESS = {"shelf": 4, "batch": 50, "coupon": 400}
"""Fields that say nothing, and how many values they have."""
FIRST = (20, 50, 100)
FIELDS = ("user_id", "item_id", "category", "hour", *USELESS)


@dataclass(frozen=True)
class World:
    """n items.

    Attributes:
        planted: bool [n].
        click, conversion: float64 [n], mean probability of a click, and of a conversion once clicked.
        share: float64 [n], of the impressions.
    """

    planted: Array
    click: Array
    conversion: Array
    share: Array

    @property
    def underrated(self) -> Array:
        """Items that are better than the average impression in both and get less than an equal share, bool [n]: the
        planted ones, and others by chance."""
        click = self.share @ self.click
        conversion = (self.share * self.click) @ self.conversion / click
        return (self.click > click) & (self.conversion > conversion) & (self.share < 1 / len(self.share))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def simulate(folder: Path, impressions: int, items: int, planted: int, seed: int) -> World:
    """Write `train` and `test` tables of so many impressions each."""
    random = np.random.default_rng(seed)
    users, category = impressions // 20, random.integers(0, 12, items)
    of_user = random.normal(0, 0.5, users)
    click, conversion = (random.normal(0, 0.5, items) + random.normal(0, 0.3, 12)[category] for _ in range(2))
    weight = np.exp(random.normal(0, 1.5, items) + 0.5 * click)
    chosen = np.zeros(items, bool)
    chosen[random.choice(items, planted, replace=False)] = True
    click[chosen], conversion[chosen] = (random.normal(0.9, 0.2, planted) for _ in range(2))
    weight[chosen] = weight[~chosen].mean() * np.exp(random.uniform(np.log(1 / 8), 0, planted))
    share, hours = weight / weight.sum(), random.normal(0, 0.2, 24)
    for part in ("train", "test"):
        item, user = random.choice(items, impressions, p=share), random.integers(0, users, impressions)
        hour = random.integers(0, 24, impressions)
        clicked = random.random(impressions) < _sigmoid(-2.2 + of_user[user] + click[item] + hours[hour])
        bought = clicked & (random.random(impressions) < _sigmoid(-1.8 + 0.5 * of_user[user] + conversion[item]))
        useless = {name: random.integers(0, values, impressions) for name, values in USELESS.items()}
        columns = {"user_id": user, "item_id": item, "category": category[item], "hour": hour, **useless}
        (folder / part).mkdir(parents=True)
        table = pa.table({**columns, "click": clicked.astype(int), "buy": bought.astype(int)})
        pq.write_table(table, folder / part / "log.parquet")
    draws = random.normal(0, 1, 2000)
    means = (
        np.array([_sigmoid(-2.2 + 0.54 * draws + x).mean() for x in click]),
        np.array([_sigmoid(-1.8 + 0.25 * draws + x).mean() for x in conversion]),
    )
    return World(chosen, *means, share)


def config_of(folder: Path, seed: int) -> Config:
    """ESMM on the simulated table, its checkpoints beside it."""
    runner = {f"{part}_data_dir": str(folder / part) for part in ("train", "test")}
    readers = dict.fromkeys(("train_reader_path", "infer_reader_path"), "table_reader")
    more = {"epochs": 2, "print_interval": 1000, "model_save_path": str(folder / "output"), "seed": seed}
    return load(ROOT / "models" / "multitask" / "esmm" / "config.yaml").merged(
        {
            "runner": {**runner, **readers, **more},
            "data": {"labels": {"click": "click", "conversion": "buy"}, "fields": dict.fromkeys(FIELDS)},
            "hyper_parameters": {"sparse_feature_number": None},
        }
    )


def precision_recall(found: Sequence[int], world: World) -> dict[str, float]:
    """Of items that are called underrated: how many are, how many are planted, and how many of the planted they are."""
    if not len(found):
        return {"items": 0, "precision": 0.0, "recall of the planted": 0.0}
    at = np.array(found)
    return {
        "items": len(at),
        "precision": float(world.underrated[at].mean()),
        "recall of the planted": float(world.planted[at].sum() / world.planted.sum()),
    }


def measure(folder: Path, world: World, seed: int) -> dict[str, Any]:
    """Train, report, and hold what is found against what is planted."""
    from rec.evidence.findings import gather
    from rec.evidence.opened import open_run, saved
    from rec.evidence.options import Options
    from rec.evidence.sections.fields import needed
    from rec.loop.train import train
    from rec.run.assembly import assemble

    config = config_of(folder, seed)
    train(assemble(config, "dygraph", "train"))
    options = Options(rows=20_000)
    found = gather(open_run(config, saved(config), options), options)
    items, important = found.quadrants, found.importance
    assert items is not None
    assert important is not None
    assert items.second is not None
    number = np.array([int(name) for name in items.names])
    few, raw = np.flatnonzero((items.impressions < items.few) & ~items.new), items.first.raw * items.second.raw
    above = (items.first.raw > items.first.overall) & (items.second.raw > items.second.overall)
    lists = {"the page's list": items.underrated, "raw rates above the average": few[above[few]]}
    for many in FIRST:
        for name, rates in (("shrunk", items.product), ("raw", raw)):
            lists[f"first {many} by {name} rates"] = few[np.argsort(-rates[few], kind="stable")][:many]
    return {
        "lists": {name: precision_recall(number[at], world) for name, at in lists.items()},
        "needed": {task: needed(own) for task, own in important.tasks.items()},
    }


def table(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    """Markdown: means and standard deviations over the seeds."""
    figures = list(next(iter(runs[0].values())))
    lines = [f"| | {' | '.join(figures)} |", "|---" * (len(figures) + 1) + "|"]
    for name in runs[0]:
        values = np.array([[run[name][figure] for figure in figures] for run in runs])
        spread = values.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(len(figures))
        cells = [f"{mean:.2f} ± {error:.2f}" for mean, error in zip(values.mean(axis=0), spread, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fields(runs: Sequence[Mapping[str, Sequence[str]]]) -> str:
    """Markdown: in how many runs each field is called needed."""
    lines = [f"| task | {' | '.join(FIELDS)} |", "|---" * (len(FIELDS) + 1) + "|"]
    for task in runs[0]:
        counts = [sum(field in run[task] for run in runs) for field in FIELDS]
        lines.append(f"| {task} | {' | '.join(f'{count} of {len(runs)}' for count in counts)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--impressions", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=1500)
    parser.add_argument("--planted", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    import_paddle()
    runs = []
    for seed in track(given.seeds, "seeds"):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            world = simulate(folder, given.impressions, given.items, given.planted, seed)
            runs.append(measure(folder, world, seed))
    print(table([run["lists"] for run in runs]), fields([run["needed"] for run in runs]), sep="\n\n")
    record = {"machine": machine(), **vars(given), "runs": runs}
    (ROOT / "benchmarks" / "results" / "quadrants.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
