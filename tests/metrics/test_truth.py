"""Predictions against known probabilities."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rec.metrics.task import Task
from rec.metrics.truth import TruthMetrics, soft_auc


def by_pairs(scores, p):
    """The definition, pair by pair."""
    wins = weight = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if i != j:
                pair = p[i] * (1 - p[j])
                weight += pair
                wins += pair * (float(scores[i] > scores[j]) + 0.5 * float(scores[i] == scores[j]))
    return wins / weight


def test_soft_auc_against_its_definition():
    random = np.random.default_rng(0)
    for _ in range(20):
        scores, p = random.integers(0, 6, 30).astype(np.float32), random.random(30)
        assert soft_auc(scores, p) == pytest.approx(by_pairs(scores, p), rel=1e-12)


def test_with_certain_labels_it_is_the_auc():
    random = np.random.default_rng(1)
    scores, labels = random.integers(0, 9, 500), random.integers(0, 2, 500)
    assert soft_auc(scores, labels.astype(float)) == pytest.approx(roc_auc_score(labels, scores), rel=1e-12)
    assert soft_auc(scores, np.ones(500)) is None
    assert soft_auc(np.empty(0), np.empty(0)) is None


def test_it_is_the_expectation_over_drawn_labels():
    random = np.random.default_rng(2)
    p = random.random(2000)
    scores = p + random.normal(size=2000)
    drawn = [roc_auc_score(random.random(2000) < p, scores) for _ in range(200)]
    assert soft_auc(scores, p) == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(200))


def test_results_by_hand():
    tasks = [
        Task("ctr", "click", truth=("p_click",)),
        Task("cvr", "conversion", "click", truth=("p_conversion",)),
        Task("ctcvr", "conversion", truth=("p_click", "p_conversion")),
        Task("like", "like", truth=("p_like",)),
        Task("rating", "rating", kind="regression"),
    ]
    metrics = TruthMetrics(tasks)
    metrics.update({"pcvr": np.array([[0.5], [0.1]])}, {})
    truth = {"p_click": np.array([0.5, 0.2], np.float32), "p_conversion": np.array([0.4, 0.1], np.float32)}
    metrics.update({"pctr": np.array([[0.5], [0.4]]), "pctcvr": np.array([[0.2], [0.02]])}, truth)
    results = metrics.accumulate()
    assert set(results) == {"ctr", "ctcvr"}
    assert results["ctr"].rmse == pytest.approx(np.sqrt(0.04 / 2), rel=1e-6)
    assert results["ctr"].calibration == pytest.approx(0.9 / 0.7, rel=1e-6)
    # pairs: .5 * .8 won by both, .2 * .5 lost
    assert results["ctr"].auc == pytest.approx(0.4 / 0.5, rel=1e-6)
    assert results["ctr"].share_of_ceiling == pytest.approx(1.0)
    assert results["ctcvr"].rmse == pytest.approx(0.0, abs=1e-8)


def test_what_no_input_tells_is_not_asked_for():
    """Two impressions of one item, at positions where .6 and .2 click: who knows the item alone reaches the ceiling."""
    tasks = [Task("ctr", "click", truth=("p_click",)), Task("ctcvr", "conversion", truth=("p_click", "p_conversion"))]
    predicted = {"pctr": np.array([[0.4], [0.4], [0.5]]), "pctcvr": np.array([[0.04], [0.04], [0.25]])}
    truth = {"p_click": np.array([0.6, 0.2, 0.5]), "p_conversion": np.array([0.1, 0.1, 0.5])}
    position_too = TruthMetrics(tasks)
    position_too.update(predicted, truth)
    assert position_too.accumulate()["ctr"].share_of_ceiling < 0.5
    assert position_too.accumulate()["ctr"].truth == ("p_click",)
    metrics = TruthMetrics(tasks)
    metrics.update(predicted, {**truth, "p_click_given_inputs": np.array([0.4, 0.4, 0.5])})
    results = metrics.accumulate()
    # pairs: .4 * .6 twice a tie, .5 * .6 twice won, .4 * .5 twice lost
    assert results["ctr"].auc == pytest.approx((0.24 + 0.6) / (0.48 + 0.6 + 0.4))
    assert results["ctr"].share_of_ceiling == pytest.approx(1)
    assert results["ctr"].rmse == pytest.approx(0, abs=1e-7)
    assert results["ctcvr"].truth == ("p_click_given_inputs", "p_conversion")
    assert results["ctcvr"].rmse == pytest.approx(0, abs=1e-7)
