"""Metrics of predicted numbers."""

import numpy as np
import pytest
from safetensors.numpy import load, save
from scipy.stats import spearmanr

from rec.metrics.regression import rank_correlation
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics
from rec.report.values import flat, headlines, rankable

TASKS = [Task("ctr", "click"), Task("seconds", "watch", among="click", kind="regression")]


def collected() -> TaskMetrics:
    """Clicked rows predict 2, 5, 1 and 9 where 4, 5, 3 and nothing is known."""
    metrics = TaskMetrics(TASKS)
    click = {"ctr": [0.5, 0.5, 0.5]}
    metrics.update(click | {"seconds": [2.0, 7.0, 5.0]}, {"click": [1, 0, 1], "watch": [4.0, 0.0, 5.0]})
    metrics.update(click | {"seconds": [1.0, 9.0, 3.0]}, {"click": [1, 1, 0], "watch": [3.0, np.nan, 0.0]})
    return metrics


def test_by_hand():
    result = collected().accumulate()["seconds"]
    assert result.mse == pytest.approx((4 + 0 + 4) / 3)
    assert result.mae == pytest.approx((2 + 0 + 2) / 3)
    assert result.rank_correlation == pytest.approx(1.0)
    assert (result.predicted, result.observed, result.n) == (pytest.approx(8 / 3), 4.0, 3)


def test_names_and_state():
    metrics = collected()
    results = metrics.accumulate()
    assert headlines(results)["rank_correlation_seconds"] == pytest.approx(1.0)
    assert set(flat(results)) >= {"auc_ctr", "mse_seconds", "mae_seconds", "rank_correlation_seconds"}
    assert rankable(TASKS)[-3:] == ["mse_seconds", "mae_seconds", "rank_correlation_seconds"]
    resumed = TaskMetrics(TASKS)
    resumed.load_state(load(save(metrics.state())))
    assert resumed.accumulate() == results


def test_rank_correlation_is_scipys():
    random = np.random.default_rng(0)
    for _ in range(10):
        x, y = random.integers(0, 8, 40).astype(float), random.integers(0, 8, 40).astype(float)
        assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, rel=1e-12)
    assert rank_correlation(np.ones(5), np.arange(5.0)) is None


def test_nothing_known_is_undefined():
    metrics = TaskMetrics(TASKS[1:])
    assert headlines(metrics.accumulate()) == {"rank_correlation_seconds": "undefined"}
