"""Rows that are collected in pieces, and what they come to by segment."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from metrics.judging import CTR, SECONDS, collect, judged, texts
from rec.errors import UserError
from rec.metrics import kept, segments
from rec.metrics.task import Task

CVR = Task("cvr", "conversion", among="click")
METRICS = [
    "auc", {"auc": {"weight": "w", "name": "auc_weighted"}}, "logloss", "normalized_entropy", "calibration", "ece",
    {"gauc": {"by": "user"}}, "ndcg@3", "mrr", "hit_rate@2", "mae", "rmse", "xauc",
]  # fmt: skip
SEGMENTS = ("category", "quantile(price)", "quantile(price, 3)")


def batches(count=7, rows=300, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(count):
        click = (rng.random(rows) < 0.4).astype(np.float32)
        conversion = np.where(rng.random(rows) < 0.1, np.nan, click * (rng.random(rows) < 0.3))
        labels = {"click": click, "conversion": conversion, "seconds": rng.gamma(2, 9, rows)}
        scores = {name: rng.random(rows, np.float32) for name in ("ctr", "cvr", "seconds")}
        scores["ctr"][0] = np.nan
        by = {
            "group user": rng.integers(0, 40, rows).astype(np.uint64),
            "group request_id": rng.integers(1, 90, rows).astype(np.uint64),
            "number w": rng.integers(0, 3, rows).astype(np.float64),
            "number price": np.where(rng.random(rows) < 0.05, np.nan, rng.integers(0, 50, rows)),
            "value category": texts(rng.choice(["10", "9", "b", "", f"only {number}"], rows)),
        }
        yield scores, labels, by


def collected(some):
    found = collect(METRICS, [CTR, CVR, SECONDS], SEGMENTS)
    for batch in some:
        found.update(*batch)
    return found


def close(one, other):
    """Compare results of any depth, numbers to 1e-12."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            close(one[key], other[key])
    else:
        assert one.more.get("curve") == other.more.get("curve")
        assert (one.value is None, one.low is None, one.n) == (other.value is None, other.low is None, other.n)
        for a, b in ((one.value, other.value), (one.low, other.low), (one.high, other.high)):
            assert a is b is None or a == pytest.approx(b, rel=1e-12)


def test_halves_merged_are_the_whole(monkeypatch):
    some = list(batches())
    whole, first, second = collected(some), collected(some[:3]), collected(some[3:])
    first.merge(second)
    assert whole.estimates()["seconds"]["mae"].n == 2100
    close(first.estimates(), whole.estimates())
    close(first.segments(), whole.segments())
    # In whatever order, and if all but the newest rows are on disk.
    second.merge(collected(some[:3]))
    close(second.estimates(), whole.estimates())
    monkeypatch.setattr(kept, "IN_MEMORY", 500)
    close(collected(some).segments(), whole.segments())


def test_each_task_has_the_metrics_of_its_kind_in_their_order():
    found = collected(batches(1)).estimates()
    names = ["auc", "auc_weighted", "logloss", "normalized_entropy", "calibration", "ece", "gauc", "ndcg@3", "mrr"]
    assert [*found] == ["ctr", "cvr", "seconds"]
    assert [*found["ctr"]] == [*found["cvr"]] == [*names, "hit_rate@2"]
    assert [*found["seconds"]] == ["mae", "rmse", "xauc"]


def test_a_segment_is_judged_like_its_rows_alone():
    some = list(batches())
    found = collected(some).segments()
    assert [*found] == list(SEGMENTS)
    assert [*found["category"]] == ["9", "10", "b", *(f"only {number}" for number in range(7)), "(empty)"]
    ctr, click = (
        np.concatenate([part[name] for part in parts])
        for name, parts in (("ctr", [b[0] for b in some]), ("click", [b[1] for b in some]))
    )
    category = np.concatenate([b[2]["value category"].to_numpy(zero_copy_only=False) for b in some])
    for value in ("9", "b", "only 3", ""):
        own = (category == value) & ~np.isnan(ctr)
        each = found["category"][value or "(empty)"]["ctr"]
        assert each["auc"].n == own.sum()
        assert each["auc"].value == pytest.approx(roc_auc_score(click[own], ctr[own]), abs=1e-9)
        assert each["logloss"].value == pytest.approx(log_loss(click[own], ctr[own].astype(np.float64)), abs=1e-9)


def test_quantiles_of_a_number():
    some = list(batches())
    found = collected(some).segments()
    price = np.concatenate([b[2]["number price"] for b in some])
    known = price[~np.isnan(price)]
    edges = np.sort(known)[[len(known) // 3, 2 * len(known) // 3]]
    names = [f"[0, {edges[0]:g})", f"[{edges[0]:g}, {edges[1]:g})", f"[{edges[1]:g}, 49]", "(empty)"]
    thirds = found["quantile(price, 3)"]
    assert [*thirds] == names
    sizes = [(known < edges[0]).sum(), ((known >= edges[0]) & (known < edges[1])).sum(), (known >= edges[1]).sum()]
    assert [each["seconds"]["mae"].n for each in thirds.values()] == [*sizes, np.isnan(price).sum()]
    assert len(found["quantile(price)"]) == 5


def test_equal_numbers_are_in_one_part_and_names_tell_bounds_apart():
    asked = collect(["logloss"], [CTR], ("quantile(price)",))
    price = np.array([1, 1, 1, 1, 1, 1, 1.0000001, 5])
    asked.update({"ctr": np.full(8, 0.5)}, {"click": np.zeros(8)}, {"number price": price})
    parts = asked.segments()["quantile(price)"]
    assert {name: each["ctr"]["logloss"].n for name, each in parts.items()} == {
        "[1.0, 1.0000001)": 6,
        "[1.0000001, 5.0]": 2,
    }


def test_rare_values_are_together(monkeypatch):
    monkeypatch.setattr(segments, "MOST", 2)
    asked = collect(["logloss"], [CTR], ("c",))
    asked.update(
        {"ctr": np.full(7, 0.5)}, {"click": np.zeros(7)}, {"value c": texts(["z", "z", "z", "y", "y", "x", "w"])}
    )
    found = asked.segments()["c"]
    assert {name: each["ctr"]["logloss"].n for name, each in found.items()} == {"y": 2, "z": 3, "(others)": 2}


def test_too_many_values_are_no_segments(monkeypatch):
    monkeypatch.setattr(segments, "_TOO_MANY", 3)
    asked = collect(["auc"], [CTR], ("c",))
    with pytest.raises(UserError, match=r"runner.segments: c has more than 3 values"):
        asked.update({"ctr": np.full(4, 0.5)}, {"click": np.zeros(4)}, {"value c": texts("abcd")})


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(UserError, match="weight w should be a number of at least 0"):
        judged([{"auc": {"weight": "w"}}], [0.5, 0.5], [0, 1], by={"number w": np.array([1.0, weight])})


def test_no_rows():
    found = collect(METRICS, [CTR, CVR, SECONDS], SEGMENTS)
    assert all(each.value is None and each.n == 0 for own in found.estimates().values() for each in own.values())
    assert found.segments() == {name: {} for name in SEGMENTS}
