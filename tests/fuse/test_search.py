"""Measures against scikit-learn, the learned form against scipy, and a search for an optimum that is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import minimize
from sklearn.metrics import ndcg_score

from rec.errors import UserError
from rec.fuse.bootstrap import interval, resampled
from rec.fuse.formula import Formula
from rec.fuse.learned import learn
from rec.fuse.measure import Judge, Shares
from rec.fuse.rows import Names, Rows, rows_of
from rec.fuse.search import Fit, Found, front
from worlds import world

NAMES = Names("request_id", "click", "conversion", "price", "day")


def expected_gains(requests: int, size: int) -> Rows:
    """Rows that bring what they bring on average, so that the best order is known."""
    given = world(requests, size)
    ctr, cvr = given["pctr"] ** 2, given["pcvr"]
    gains = {"clicks": ctr, "orders": ctr * cvr, "gmv": ctr * cvr * given["price"]}
    terms = {name: given[name] for name in ("pctr", "pcvr", "price")}
    return Rows(np.arange(requests + 1) * size, terms, gains, None)


def test_ndcg_and_gmv_of_requests():
    random = np.random.default_rng(0)
    sizes = random.integers(2, 9, 40)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    gains = {name: random.integers(0, 2, starts[-1]) * 1.0 for name in ("clicks", "orders")}
    gains["gmv"] = gains["orders"] * random.integers(1, 50, starts[-1])
    score = random.random(starts[-1])
    found = Judge(Rows(starts, {}, gains, None), 3)(score)
    for at, (a, b) in enumerate(pairwise(starts)):
        for name in ("clicks", "orders"):
            own = gains[name][a:b]
            assert found[name].possible[at] == (own.sum() > 0)
            assert found[name].got[at] == pytest.approx(ndcg_score([own], [score[a:b]], k=3) if own.sum() else 0)
        money = gains["gmv"][a:b]
        assert found["gmv"].got[at] == money[np.argsort(-score[a:b])[:3]].sum()
        assert found["gmv"].possible[at] == np.sort(money)[::-1][:3].sum()


def test_the_learned_form_is_the_minimum():
    random = np.random.default_rng(1)
    terms = {"a": random.random(40000), "b": np.exp(random.normal(1, 1, 40000))}
    gain = (random.random(40000) < terms["a"] ** 1.5 * 0.5) * terms["b"] ** 0.7
    formula = learn(terms, gain, {})
    x = np.column_stack([np.log(terms["a"]), np.log(terms["b"]), np.ones(40000)])
    weight = gain * np.count_nonzero(gain) / gain.sum()

    def loss(w: np.ndarray) -> float:
        z = x @ w
        return float((weight * np.logaddexp(0, -z) + np.logaddexp(0, z)).mean())

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert [*formula.terms.values(), formula.bias] == pytest.approx(best.x, abs=2e-4)
    # odds(s) is the expected gain: powers 1.5 and 0.7 are what they were made with
    assert list(formula.terms.values()) == pytest.approx([1.5, 0.7], abs=0.1)


def test_the_search_finds_the_planted_optimum():
    fit = Fit(expected_gains(300, 8), 3, {"gmv": 1.0}, seed=0)
    best = fit.judged(Formula(form="power", terms={"pctr": 2.0, "pcvr": 1.0, "price": 1.0}))
    assert best.values["gmv"] == pytest.approx(1)
    found = fit.search("power", 150)
    centre = fit.centre("power", found)
    assert list(centre.formula.terms.values()) == pytest.approx([1, 0.5, 0.5], abs=0.06)
    assert max(one.values["gmv"] for one in found) > 0.998
    assert fit.centre("power", found).values["gmv"] > 0.998
    learned = fit.learned().formula.terms
    assert [w / learned["pctr"] for w in learned.values()] == pytest.approx([1, 0.5, 0.5], abs=0.1)
    assert len(found) == 150
    assert fit.search("power", 150)[-1] == found[-1]  # of a seed

    clicks = Fit(expected_gains(300, 8), 3, {"clicks": 1.0}, seed=0)
    tried = clicks.search("additive", 60)
    assert max(one.values["clicks"] for one in tried) == pytest.approx(1)  # pctr alone
    line = front(tried)
    assert [one.values["clicks"] for one in line] == sorted(one.values["clicks"] for one in line)
    assert [one.values["gmv"] for one in line] == sorted((one.values["gmv"] for one in line), reverse=True)
    for one in tried:
        assert any(
            f.values["clicks"] >= one.values["clicks"] and f.values["gmv"] >= one.values["gmv"] for f in line
        )  # fmt: skip


def test_a_weighted_sum_lies_between():
    fit = Fit(expected_gains(200, 8), 3, {"clicks": 1.0, "gmv": 2.0}, seed=0)
    some = Found(Formula(form="power", terms={"pctr": 1.0}), {"clicks": 0.5, "orders": 0.1, "gmv": 0.25})
    assert some.wanted(fit.objective) == 1.0
    gmv = Fit(expected_gains(200, 8), 3, {"gmv": 1.0}, seed=0)
    found = [max(each.search("power", 100), key=lambda one: one.wanted(each.objective)) for each in (fit, gmv)]
    assert found[0].values["clicks"] > found[1].values["clicks"]
    assert found[0].values["gmv"] < found[1].values["gmv"]


def test_bootstrap_intervals():
    random = np.random.default_rng(0)
    got = random.random(2000)
    samples = resampled([Shares(got, np.ones(2000)), Shares(got * 0.5, np.ones(2000))], seed=0)
    own = interval(got.mean(), samples[:, 0])
    half = 1.96 * got.std() / np.sqrt(2000)
    assert (own.low, own.high) == pytest.approx((got.mean() - half, got.mean() + half), abs=half / 8)
    assert samples[:, 1] == pytest.approx(samples[:, 0] / 2)  # the same requests in each sample


def test_rows_are_grouped_and_parted_by_request():
    given = world(50)
    given["click"] = [None, *given["click"][1:]]
    order = np.random.default_rng(0).permutation(400)
    table = pa.table({k: pa.array(list(v)) for k, v in given.items()}).take(order)
    rows = rows_of(table, NAMES, seed=0)
    assert len(rows.request) == 399
    assert sorted(np.diff(rows.starts).tolist()) == [7, *[8] * 49]
    assert rows.gains["gmv"].sum() == pytest.approx((given["price"] * given["conversion"])[1:].sum())
    fitted, judged = rows.halves(0.3, seed=0)
    assert (fitted.num_request, judged.num_request) == (35, 15)
    both = np.concatenate([fitted.terms["price"], judged.terms["price"]])
    assert sorted(both) == sorted(rows.terms["price"])
    assert np.isin(fitted.terms["price"], judged.terms["price"]).sum() == 0
    with pytest.raises(UserError, match=r"no column reqest_id .*"):
        rows_of(table, Names("reqest_id", "click", "conversion"), 0)
    with pytest.raises(UserError, match="fewer than two requests of several rows"):
        rows_of(table, Names("sample_id", "click", "conversion"), 0)
