"""Metrics of several tasks over several batches, with numbers worked out here."""

import json
import math

import numpy as np
import pytest
from safetensors.numpy import load, save
from sklearn.metrics import log_loss

from rec.errors import UserError
from rec.metrics import tasks as tasks_module
from rec.metrics.auc import auc
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics

CTR, CVR, CTCVR = Task("ctr", "click"), Task("cvr", "conversion", among="click"), Task("ctcvr", "conversion")


def random_batches(count=5, rows=64):
    rng = np.random.default_rng(11)
    for _ in range(count):
        click = rng.random(rows) < 0.4
        labels = {"click": click.astype(np.float32), "conversion": (click & (rng.random(rows) < 0.3)).astype(np.int64)}
        yield {name: rng.random(rows, np.float32) for name in ("ctr", "cvr", "ctcvr")}, labels


def collected(tasks, batches):
    metrics = TaskMetrics(tasks)
    for probabilities, labels in batches:
        metrics.update(probabilities, labels)
    return metrics


def test_one_task_by_hand():
    metrics = TaskMetrics([CTR])
    metrics.update({"ctr": [0.5, 0.25]}, {"click": [1, 0]})
    metrics.update({"ctr": [0.75, 0.5]}, {"click": [1, 1]})
    result = metrics.accumulate()["ctr"]

    # .25 is the only negative, and the lowest; its probability of being one is .75.
    assert result.auc.value == 1.0
    assert result.logloss == pytest.approx(-(math.log(0.5) + math.log(0.75) + math.log(0.75) + math.log(0.5)) / 4)
    assert result.predicted == (0.5 + 0.25 + 0.75 + 0.5) / 4
    assert result.observed == 3 / 4
    assert result.calibration == (0.5 + 0.25 + 0.75 + 0.5) / 3
    assert result.n == 4


def test_a_masked_task_counts_the_rows_of_its_mask():
    metrics = TaskMetrics([CTR, CVR, CTCVR])
    probabilities = {"ctr": [0.9, 0.1, 0.8, 0.7], "cvr": [0.5, 1.0, 0.25, 0.75], "ctcvr": [0.4, 0.1, 0.2, 0.5]}
    metrics.update(probabilities, {"click": [1, 0, 1, 1], "conversion": [0, 0, 0, 1]})
    results = metrics.accumulate()

    assert list(results) == ["ctr", "cvr", "ctcvr"]
    assert (results["cvr"].n, results["ctr"].n, results["ctcvr"].n) == (3, 4, 4)
    # The un-clicked row's pCVR of 1 above an actual conversion's .75 costs nothing.
    assert results["cvr"].auc.value == 1.0
    assert results["cvr"].calibration == (0.5 + 0.25 + 0.75) / 1
    assert results["cvr"].observed == 1 / 3


def test_batches_add_up_to_the_whole():
    batches = list(random_batches())
    results = collected([CTR, CVR, CTCVR], batches).accumulate()
    score = {name: np.concatenate([p[name] for p, _ in batches]) for name in ("ctr", "cvr", "ctcvr")}
    click, conversion = (np.concatenate([labels[name] for _, labels in batches]) for name in ("click", "conversion"))
    clicked = click == 1

    assert results["ctr"].auc == auc(score["ctr"], click)
    assert results["cvr"].auc == auc(score["cvr"][clicked], conversion[clicked])
    assert results["ctcvr"].auc == auc(score["ctcvr"], conversion)
    expected = log_loss(conversion, score["ctcvr"].astype(np.float64))
    assert results["ctcvr"].logloss == pytest.approx(expected, rel=1e-12)


def test_log_loss_of_many_chunks(monkeypatch):
    metrics = collected([CTR], random_batches())
    whole = metrics.accumulate()["ctr"].logloss
    monkeypatch.setattr(tasks_module, "CHUNK", 7)
    assert metrics.accumulate()["ctr"].logloss == pytest.approx(whole, rel=1e-14)


def test_a_sure_prediction_costs_nothing_or_a_finite_sum():
    sure = collected([CTR], [({"ctr": [0.0, 1.0]}, {"click": [0, 1]})])
    assert sure.accumulate()["ctr"].logloss == 0.0
    wrong = collected([CTR], [({"ctr": [0.0, 1.0]}, {"click": [1, 0]})])
    # Either is taken to have had float32's smallest normal number, 2 to the -126, as its chance.
    assert wrong.accumulate()["ctr"].logloss == pytest.approx(126 * math.log(2))


def test_no_rows():
    result = TaskMetrics([CVR]).accumulate()["cvr"]
    assert (result.n, result.logloss, result.calibration, result.predicted, result.observed) == (0,) + (None,) * 4
    assert result.auc.value is None


def test_one_class():
    result = collected([CTR], [({"ctr": [0.25, 0.5]}, {"click": [0, 0]})]).accumulate()["ctr"]
    assert str(result.auc) == "undefined (n positives = 0)"
    assert (result.calibration, result.observed, result.predicted) == (None, 0.0, 0.375)
    assert result.logloss == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)
    assert json.loads(json.dumps(result.as_dict())) == {
        "auc": None,
        "auc_low": None,
        "auc_high": None,
        "auc_standard_error": None,
        "logloss": result.logloss,
        "calibration": None,
        "predicted": 0.375,
        "observed": 0.0,
        "n": 2,
        "positives": 0,
    }


def test_a_resumed_epoch_ends_like_an_unbroken_one():
    tasks, batches = [CTR, CVR, CTCVR], list(random_batches())
    resumed = collected(tasks, batches[:1])  # to be replaced
    resumed.load_state(load(save(collected(tasks, batches[:3]).state())))
    for probabilities, labels in batches[3:]:
        resumed.update(probabilities, labels)
    assert resumed.accumulate() == collected(tasks, batches).accumulate()


def test_the_state_of_an_empty_epoch():
    metrics = collected([CTR, CVR], random_batches())
    metrics.load_state(load(save(TaskMetrics([CTR, CVR]).state())))
    assert metrics.accumulate() == TaskMetrics([CTR, CVR]).accumulate()


def test_a_state_of_other_tasks_is_refused():
    with pytest.raises(UserError, match=r"found \['labels.click', 'scores.ctr'\], expected .*'scores.cvr'"):
        TaskMetrics([CTR, CVR]).load_state(TaskMetrics([CTR]).state())


def test_what_is_kept_is_small():
    other = Task("other", "conversion")
    state = collected([CTR, CVR, CTCVR, other], (({**p, "other": p["ctr"]}, y) for p, y in random_batches())).state()
    clicked = int(state["labels.click"].sum())
    assert {key: (len(values), values.itemsize) for key, values in state.items()} == {
        "scores.ctr": (320, 4),
        "scores.cvr": (clicked, 4),
        "scores.ctcvr": (320, 4),
        "scores.other": (320, 4),
        "labels.click": (320, 1),
        "labels.conversion": (320, 1),
        "labels.conversion.among.click": (clicked, 1),
    }


def test_reset_forgets():
    metrics = collected([CTR, CVR], random_batches())
    metrics.reset()
    assert metrics.accumulate() == TaskMetrics([CTR, CVR]).accumulate()


def test_a_reused_buffer_does_not_change_what_was_kept():
    score, click = np.array([0.25, 0.75], np.float32), np.array([False, True])
    metrics = collected([CTR], [({"ctr": score}, {"click": click})])
    score[:], click[:] = 0.5, False
    result = metrics.accumulate()["ctr"]
    assert (result.auc.value, result.observed) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("score", "click", "message"),
    [
        ([0.1, math.nan, 1.5], [0, 0, 1], "1 of 3 probabilities of ctr are outside"),
        ([-0.1], [0], "1 of 1 probabilities of ctr are outside"),
        ([0.1, 0.2], [0, -1], "1 of 2 labels are neither 0 nor 1"),
        ([[0.1], [0.2]], [0, 1], r"should all be \[B\], got .*\('ctr', \(2, 1\)\), \('click', \(2,\)\)"),
        ([[0.1], [0.2]], [[0], [1]], r"should all be \[B\]"),
    ],
)
def test_an_unusable_batch_is_refused_and_leaves_nothing_behind(score, click, message):
    metrics = TaskMetrics([CTR])
    with pytest.raises(ValueError, match=message):
        metrics.update({"ctr": score}, {"click": click})
    assert metrics.accumulate()["ctr"].n == 0


def test_each_task_counts_the_rows_that_tell_its_own_label():
    """Like is unknown in the first two rows, click in the last two; nobody knows what the third one bought."""
    like = Task("like", "like")
    metrics = TaskMetrics([CTR, CVR, like])
    scores = {"ctr": [0.9, 0.2, 0.8, 0.4, 0.3], "cvr": [0.5, 0.1, 0.7, 0.6, 0.2], "like": [0.1, 0.2, 0.3, 0.4, 0.5]}
    labels = {
        "click": [1, 0, 1, math.nan, math.nan],
        "conversion": [1, 0, math.nan, 1, 0],
        "like": [math.nan, math.nan, 0, 1, 1],
    }
    metrics.update(scores, labels)
    results = metrics.accumulate()
    assert metrics.rows() == {"ctr": 3, "cvr": 1, "like": 3}
    assert (results["ctr"].n, results["ctr"].observed) == (3, 2 / 3)
    assert results["ctr"].predicted == pytest.approx((0.9 + 0.2 + 0.8) / 3)
    assert (results["cvr"].n, results["cvr"].predicted, results["cvr"].observed) == (1, 0.5, 1.0)
    assert (results["like"].n, results["like"].observed, results["like"].auc.value) == (3, 2 / 3, 1.0)
    assert results["like"].logloss == pytest.approx(-(math.log(0.7) + math.log(0.4) + math.log(0.5)) / 3, rel=1e-6)


def test_a_prediction_that_is_not_finite_leaves_its_own_task_only():
    metrics = TaskMetrics([CTR, CTCVR])
    scores = {"ctr": [0.9, math.nan, 0.8, math.inf], "ctcvr": [0.5, 0.1, 0.4, 0.2]}
    metrics.update(scores, {"click": [1, 0, 0, 1], "conversion": [1, 0, 0, 0]})
    results = metrics.accumulate()
    assert (results["ctr"].n, results["ctr"].auc.value, results["ctcvr"].n) == (2, 1.0, 4)
    assert results["ctcvr"].predicted == pytest.approx(1.2 / 4)
    assert metrics.not_finite == {"ctr": 2, "ctcvr": 0}
    metrics.reset()
    assert metrics.not_finite == {"ctr": 0, "ctcvr": 0}


def test_names():
    with pytest.raises(ValueError, match=r"distinct names, got \['ctr', 'ctr'\]"):
        TaskMetrics([CTR, CTR])
    with pytest.raises(KeyError, match="conversion"):
        TaskMetrics([CTR, CTCVR]).update({"ctr": [0.1], "ctcvr": [0.1]}, {"click": [1]})


def test_recent_covers_the_rows_since_the_last_call():
    batches = list(random_batches())
    metrics = TaskMetrics([CTR, CVR])
    for probabilities, labels in batches[:3]:
        metrics.update(probabilities, labels)
    assert metrics.recent() == collected([CTR, CVR], batches[:3]).accumulate()
    assert metrics.recent()["ctr"].n == 0
    metrics.update(*batches[3])
    metrics.state()
    assert metrics.recent() == collected([CTR, CVR], batches[3:4]).accumulate()
    assert metrics.accumulate() == collected([CTR, CVR], batches[:4]).accumulate()
    metrics.update(*batches[4])
    assert metrics.recent() == collected([CTR, CVR], batches[4:5]).accumulate()
