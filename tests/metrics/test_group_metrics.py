"""Metrics within groups against scikit-learn, and against all orders of tied scores."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from metrics.judging import judged
from rec.metrics import bootstrap
from rec.metrics.bootstrap import ratio_interval
from rec.metrics.groups import _by_number, numbered


def sample(n=3000, groups=180, seed=0):
    """Scores with ties, labels, and groups of very different sizes, some of them of one class, one row, or no group."""
    rng = np.random.default_rng(seed)
    group = np.minimum(rng.exponential(groups / 4, n).astype(np.uint64), groups)
    group[: n // 4] = 0  # no group at all
    group[n // 4 : n // 2] = 1
    scores = (rng.integers(0, 9, n) / 8).astype(np.float32)
    labels = (rng.random(n) < scores * 0.5).astype(np.float32)
    order = rng.permutation(n)
    return scores[order], labels[order], group[order] * np.uint64(0x9E3779B97F4A7C15)


@pytest.mark.parametrize("weigh", [False, True])
def test_gauc(weigh):
    scores, labels, group = sample()
    w = np.random.default_rng(1).integers(0, 4, len(scores)) / 2.0 if weigh else np.ones(len(scores))
    options = {"by": "user", **({"weight": "w"} if weigh else {})}
    found = judged([{"gauc": options}], scores, labels, by={"group user": group, "number w": w})["gauc"]
    areas, totals, rows, units = [], [], 0, np.unique(group[group != 0])
    for unit in units:
        own = group == unit
        if w[own & (labels == 1)].sum() > 0 and w[own & (labels == 0)].sum() > 0:
            areas.append(roc_auc_score(labels[own], scores[own], sample_weight=w[own]))
            totals.append(w[own].sum())
            rows += own.sum()
    assert 20 < len(areas) < len(units)
    assert found.value == pytest.approx(np.average(areas, weights=totals), abs=1e-9)
    assert found.more["groups"] == len(areas)
    assert (found.more["groups_total"], found.more["n_counted"]) == (len(units), rows)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("at", [1, 3, 10, 5000])
def test_ndcg(at):
    scores, labels, group = sample(seed=2)
    found = judged([f"ndcg@{at}"], scores, labels, by={"group request_id": group})[f"ndcg@{at}"]
    expected = [
        ndcg_score([labels[group == unit]], [scores[group == unit]], k=at)  # it shares out ties as well
        if (group == unit).sum() > 1
        else 1.0
        for unit in np.unique(group[group != 0])
        if labels[group == unit].any()
    ]
    assert found.more["groups"] == len(expected)
    assert found.value == pytest.approx(np.mean(expected), abs=1e-9)


def over_all_orders(scores, labels, at):
    """Mean over the orders of tied scores of 1 / rank of the first positive, and whether it is among the first."""
    reciprocal, hit = [], []
    for order in itertools.permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order)):
            rank = 1 + next(place for place, row in enumerate(order) if labels[row])
            reciprocal.append(1 / rank)
            hit.append(rank <= at)
    return np.mean(reciprocal), np.mean(hit)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_mrr_and_hit_rate(at):
    rng = np.random.default_rng(at)
    sizes = rng.integers(1, 7, 40)
    group = np.repeat(np.arange(1, 41), sizes).astype(np.uint64)
    scores = rng.integers(0, 3, len(group)).astype(np.float32) / 4
    labels = (rng.random(len(group)) < 0.4).astype(np.float32)
    by = {"group request_id": group}
    found = judged(["mrr", f"hit_rate@{at}"], scores, labels, by=by)
    expected = [
        over_all_orders(scores[group == unit], labels[group == unit], at)
        for unit in range(1, 41)
        if labels[group == unit].any()
    ]
    assert found["mrr"].value == pytest.approx(np.mean([mrr for mrr, _ in expected]), abs=1e-9)
    assert found[f"hit_rate@{at}"].value == pytest.approx(np.mean([hit for _, hit in expected]), abs=1e-9)
    assert found["mrr"].more["groups"] == len(expected)


def test_large_groups_are_sorted_like_small_ones():
    rng = np.random.default_rng(4)
    scores, labels = rng.random(40_000, np.float32), (rng.random(40_000) < 0.2).astype(np.float32)
    group = np.repeat(np.uint64([7, 9]), 20_000)
    found = judged([{"gauc": {"by": "u"}}], scores, labels, by={"group u": group})["gauc"]
    halves = [roc_auc_score(labels[part], scores[part]) for part in (slice(0, 20_000), slice(20_000, None))]
    assert found.value == pytest.approx(np.mean(halves), abs=1e-9)


@pytest.mark.parametrize("some", [3000, 100, 20, 0])
def test_rows_are_dealt_to_their_groups_and_many_groups_are_sorted(some):
    _, _, group = sample()
    numbers, units = numbered(group)
    assert units.tolist() == sorted(set(group.tolist()) - {0})
    assert [units[number] if number >= 0 else 0 for number in numbers] == group.tolist()
    order, starts = _by_number(numbers[:some], 40 * len(units))
    assert len(starts) == 40 * len(units) + 1
    for number in range(-1, len(units)):
        rows = order[starts[number] : starts[number + 1]].tolist() if number >= 0 else []
        assert sorted(rows) == ([] if number < 0 else np.flatnonzero(numbers[:some] == number).tolist())
    assert len(order) == (numbers[:some] >= 0).sum()


def test_the_bootstrap_draws_groups():
    """Against draws of whole groups one by one."""
    rng = np.random.default_rng(5)
    units = np.sort(rng.integers(1, 2**60, 300).astype(np.uint64))
    size = rng.integers(1, 30, 300).astype(np.float64)
    value = rng.beta(3, 2, 300)
    low, high = ratio_interval(value * size, size, units, seed=3)
    ratios = []
    for _ in range(4000):
        drawn = rng.integers(0, 300, 300)
        ratios.append(np.average(value[drawn], weights=size[drawn]))
    assert (low, high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])), abs=0.004)
    assert (low, high) == ratio_interval(value * size, size, units, seed=3)
    assert (low, high) != ratio_interval(value * size, size, units, seed=4)


def test_buckets_of_groups_make_the_interval_that_groups_make(monkeypatch):
    rng = np.random.default_rng(6)
    units = np.sort(rng.integers(1, 2**60, 5000).astype(np.uint64))
    value = rng.random(5000)
    dealt = ratio_interval(value, np.ones(5000), units, seed=1)
    monkeypatch.setattr(bootstrap, "BUCKETS", 5000)
    single = ratio_interval(value, np.ones(5000), units, seed=1)
    assert dealt[1] - dealt[0] == pytest.approx(single[1] - single[0], rel=0.1)
    assert dealt[0] == pytest.approx(single[0], abs=0.002)


def test_one_group_tells_no_interval():
    found = judged([{"gauc": {"by": "u"}}], [0.1, 0.2], [0, 1], by={"group u": np.uint64([3, 3])})["gauc"]
    assert (found.value, found.low, found.high) == (1.0, None, None)
