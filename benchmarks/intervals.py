"""Whether the 95 % intervals of `runner.metrics` hold what they promise: how often they cover the truth.

    python benchmarks/intervals.py [--repetitions 1000]

Draws samples from populations whose metrics are known from very large samples, computes each metric with its interval,
and counts the intervals that cover the known value. Impressions are independent, with tied scores among them; users
have 2 to many impressions and tastes of their own; a request has 4 to 15 impressions. Writes results/intervals.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.config.metrics import parse
from rec.config.settings import RunnerSettings
from rec.metrics.estimate import Estimate
from rec.metrics.judged import Judged
from rec.metrics.task import Task

RESULT = Path(__file__).parent / "results" / "intervals.json"
Sample = tuple[Any, Any, dict[str, Any]]
"""Scores, labels, columns."""

OF_ROWS = [
    "auc", "logloss", "normalized_entropy", "calibration", {"ece": {"bins": 10}},
    {"auc": {"weight": "w", "name": "auc_weighted"}}, {"logloss": {"weight": "w", "name": "logloss_weighted"}},
    {"calibration": {"weight": "w", "name": "calibration_weighted"}},
]  # fmt: skip
OF_BINS = [{"ece": {"bins": 10}}, {"ece": {"bins": 10, "weight": "w", "name": "ece_weighted"}}]
OF_REQUESTS = ["ndcg@5", "mrr", "hit_rate@3"]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def impressions(n: int, rng: Any, wrong: float = 1.0) -> Sample:
    """Independent ones, of which a fifth are positive; `wrong`: how far probabilities are off."""
    taste = rng.normal(size=n)
    true = sigmoid(-1.7 + 1.1 * taste)
    scores = sigmoid(-1.7 + 1.1 * taste + wrong * (0.25 - 0.4 * taste))
    if wrong:
        scores = np.round(scores * 200) / 200  # ties
    return scores.astype(np.float32), rng.random(n) < true, {"number w": rng.integers(1, 4, n) / 2}


def numbers(n: int, rng: Any, tail: float = 0.0) -> Sample:
    """Watch times and their predictions, in whole seconds; `tail`: some predictions are far off, as factors of it."""
    true = rng.gamma(2, 15, n)
    found = true * rng.uniform(0.4, 1.8, n) * np.exp(tail * rng.normal(size=n))
    return np.round(found).astype(np.float32), np.round(true), {}


def heavy_tailed(n: int, rng: Any) -> Sample:
    return numbers(n, rng, tail=0.6)


def users(n: int, rng: Any) -> Sample:
    """Of some users, all impressions."""
    size = 1 + rng.geometric(0.12, n)
    user = np.repeat(np.arange(n), size)
    level, skill = rng.normal(-1.5, 0.8, n)[user], rng.normal(1, 0.7, n)[user]
    taste = rng.normal(size=len(user))
    labels = rng.random(len(user)) < sigmoid(level + skill * taste)
    names = rng.integers(1, 2**62, n).astype(np.uint64)[user]
    return (np.round(sigmoid(taste) * 50) / 50).astype(np.float32), labels, {"group user_id": names}


def requests(n: int, rng: Any) -> Sample:
    """Of some requests, all impressions."""
    request = np.repeat(np.arange(n), rng.integers(4, 16, n))
    taste = rng.normal(size=len(request))
    labels = rng.random(len(request)) < sigmoid(-1.8 + taste)
    names = rng.integers(1, 2**62, n).astype(np.uint64)[request]
    return (np.round(sigmoid(taste) * 30) / 30).astype(np.float32), labels, {"group request_id": names}


def calibrated(n: int, rng: Any) -> Sample:
    return impressions(n, rng, wrong=0.0)


def off_in_places(n: int, rng: Any) -> Sample:
    """Right, but for a twentieth of the predictions, which are half of what they should be."""
    scores, labels, by = impressions(n, rng, wrong=0.0)
    wrong = (scores > 0.2) & (scores < 0.225)
    return np.where(wrong, scores / 2, scores).astype(np.float32), labels, by


def nearly_calibrated(n: int, rng: Any) -> Sample:
    return impressions(n, rng, wrong=0.1)


def less_calibrated(n: int, rng: Any) -> Sample:
    return impressions(n, rng, wrong=0.3)


POPULATIONS: dict[str, tuple[Callable[[int, Any], Sample], list[Any], str, int, int]] = {
    "2,000 impressions": (impressions, OF_ROWS, "binary", 2000, 8_000_000),
    "20,000 impressions": (impressions, OF_ROWS, "binary", 20_000, 40_000_000),
    "2,000 calibrated impressions": (calibrated, OF_BINS, "binary", 2000, 0),
    "5,000 calibrated impressions": (calibrated, OF_BINS, "binary", 5000, 0),
    "20,000 calibrated impressions": (calibrated, OF_BINS, "binary", 20_000, 0),
    "2,000 nearly calibrated impressions": (nearly_calibrated, OF_BINS, "binary", 2000, 8_000_000),
    "5,000 nearly calibrated impressions": (nearly_calibrated, OF_BINS, "binary", 5000, 8_000_000),
    "20,000 nearly calibrated impressions": (nearly_calibrated, OF_BINS, "binary", 20_000, 8_000_000),
    "5,000 impressions, some of them off": (off_in_places, [{"ece": {"bins": 20}}], "binary", 5000, 8_000_000),
    "20,000 impressions, some of them off": (off_in_places, [{"ece": {"bins": 20}}], "binary", 20_000, 8_000_000),
    "5,000 less calibrated impressions": (less_calibrated, OF_BINS, "binary", 5000, 8_000_000),
    "2,000 numbers": (numbers, ["mae", "rmse", "xauc"], "regression", 2000, 8_000_000),
    "2,000 numbers, some of them far off": (heavy_tailed, ["mae", "rmse", "xauc"], "regression", 2000, 8_000_000),
    "20,000 numbers, some of them far off": (heavy_tailed, ["mae", "rmse", "xauc"], "regression", 20_000, 8_000_000),
    "100 users": (users, ["gauc"], "binary", 100, 400_000),
    "3,000 users": (users, ["gauc"], "binary", 3000, 2_000_000),
    "150 requests": (requests, OF_REQUESTS, "binary", 150, 400_000),
    "3,000 requests": (requests, OF_REQUESTS, "binary", 3000, 2_000_000),
}
"""By name how one is drawn, its metrics, what is predicted, and the size of a sample and of that which is the truth."""


def judge(sample: Sample, metrics: list[Any], kind: Any) -> dict[str, Estimate]:
    """The metrics of a sample."""
    scores, labels, by = sample
    judged = Judged([Task("task", "label", kind=kind)], parse(RunnerSettings(metrics=metrics)), seed=1)
    judged.update({"task": scores}, {"label": labels.astype(np.float32)}, by)
    return judged.estimates()["task"]


def covered(name: str, repetitions: int, size: int | None = None) -> dict[str, dict[str, float]]:
    """Of each metric the truth, and the shares of intervals that cover it, lie above it, and below it.

    Args:
        name: of a population.
        size: of the sample that is the truth; None: the population's.
    """
    draw, metrics, kind, n, large = POPULATIONS[name]
    large = large if size is None else min(size, large)
    names = [each.name for each in parse(RunnerSettings(metrics=metrics)).metrics]
    found = judge(draw(large, np.random.default_rng(0)), metrics, kind) if large else {}
    truth = {each: found[each].value if large else 0.0 for each in names}  # a calibrated model has no error
    above, below = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for number in track(range(repetitions), name, transient=True):
        for each, estimate in judge(draw(n, np.random.default_rng([1, number])), metrics, kind).items():
            above[each] += estimate.low > truth[each]
            below[each] += estimate.high < truth[each]
    return {
        each: {
            "truth": truth[each],
            "covered": 1 - (above[each] + below[each]) / repetitions,
            "above": above[each] / repetitions,
            "below": below[each] / repetitions,
        }
        for each in names
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    options = parser.parse_args()
    found = {}
    for name in POPULATIONS:
        found[name] = covered(name, options.repetitions)
        for metric, each in found[name].items():
            print(
                f"{name:>30}  {metric:22} {each['covered']:.1%} (above {each['above']:.1%}, below {each['below']:.1%})"
            )
    RESULT.write_text(json.dumps({"repetitions": options.repetitions, "machine": machine(), "found": found}, indent=1))


if __name__ == "__main__":
    main()
