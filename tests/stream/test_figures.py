"""What an hour comes to, hours together, and times of whatever type."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from rec.data.table import Piece, Table
from rec.errors import UserError
from rec.stream.judge import average_precision, judge, relative_gain, together
from rec.stream.log import DAY, HOUR, NEVER
from rec.stream.report import summary
from rec.stream.times import time_of, times_of

RANDOM = np.random.default_rng(2)
N = 500
P = RANDOM.integers(1, 20, N) / 20  # with ties
LABEL = (RANDOM.random(N) < P).astype(np.float32)


def test_an_hour_against_scikit_learn():
    truth = np.clip(P + 0.05, 0, 0.9)
    found = judge(P, LABEL, truth)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(LABEL, P))
    assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(LABEL, P))
    assert found["logloss"] == pytest.approx(metrics.log_loss(LABEL, P))
    assert (found["n"], found["positives"], found["predicted"]) == (N, LABEL.sum(), pytest.approx(P.sum()))
    divergence = truth * np.log(truth / P) + (1 - truth) * np.log((1 - truth) / (1 - P))
    assert found["excess"] == pytest.approx(divergence.mean())


def test_what_an_hour_cannot_tell():
    found = judge(np.array([0.2, 0.4]), np.zeros(2), None)
    assert (found["auc"], found["pr_auc"]) == (None, None)
    assert "excess" not in found
    assert average_precision(np.array([0.2]), np.ones(1)) == 1


def test_hours_are_weighted_by_their_clicks():
    hours = [
        {"n": 1, "positives": 1, "predicted": 0.5, "auc": None, "pr_auc": 1.0, "logloss": 0.4},
        {"n": 3, "positives": 1, "predicted": 1.0, "auc": 0.6, "pr_auc": 0.2, "logloss": 0.8},
    ]
    found = together(hours)
    assert found == {
        "n": 4, "positives": 2, "auc": pytest.approx(0.6), "pr_auc": pytest.approx(0.4), "logloss": pytest.approx(0.7),
        "excess": None, "calibration": pytest.approx(0.75),
    }  # fmt: skip


def test_gains_over_seeds():
    """From pretrain, 0, to oracle, 1, of each seed; mean and standard error."""
    hour = {"n": 10, "positives": 2, "predicted": 2.0, "auc": 0.5, "pr_auc": 0.5}
    logloss = {("pretrain", 1): 1.0, ("oracle", 1): 0.5, ("ulc", 1): 0.6, ("pretrain", 2): 1.0, ("oracle", 2): 0.0}
    logloss |= {("ulc", 2): 0.6}
    found = summary({run: [{**hour, "logloss": value}] for run, value in logloss.items()})
    assert found["ulc"]["relative_gain"]["logloss"] == {
        "mean": pytest.approx(0.6),
        "standard_error": pytest.approx(0.2),
    }
    assert found["ulc"]["logloss"] == {"mean": pytest.approx(0.6), "standard_error": pytest.approx(0)}
    assert found["oracle"]["relative_gain"]["auc"]["mean"] is None  # nothing lies between equals
    assert relative_gain(0.7, 0.6, 0.8) == pytest.approx(0.5)


def table_of(values: pa.Array) -> Table:
    numbers = np.arange(len(values))
    return Table((Piece("log.csv", numbers, pa.record_batch({"at": values})),), numbers, {"log.csv": len(values)}, {})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([datetime(1970, 1, 2, 1), None]), [DAY + HOUR, NEVER]),
        (pa.array([datetime(1970, 1, 2, 1, tzinfo=UTC)], pa.timestamp("ns", "Europe/Paris")), [DAY + HOUR]),
        (pa.array([date(1970, 1, 3)]), [2 * DAY]),
        (pa.array([3600, None]), [HOUR, NEVER]),
        (pa.array([0.5, float("nan")]), [500_000, NEVER]),
        (pa.array(["1970-01-02 01:00:00", " "]), [DAY + HOUR, NEVER]),
        (pa.array(["1970-01-02 01:00:00.250000999"]), [DAY + HOUR + 250_000]),
        (pa.array(["3600", ""]), [HOUR, NEVER]),
        (pa.array(["1970-01-02"]).dictionary_encode(), [DAY]),
    ],
)
def test_times(values, expected):
    assert times_of(table_of(values), "at").tolist() == expected


def test_settings_are_times_too():
    assert time_of("1970-01-02 01:00", "stream.start") == DAY + HOUR
    assert time_of(3600, "stream.start") == HOUR


def test_what_is_no_time():
    with pytest.raises(UserError, match=r"log.csv: row 2: column at: expected numbers, found 'soon'"):
        times_of(table_of(pa.array(["5", "soon"])), "at")
    with pytest.raises(UserError, match="expected seconds, found 1e"):
        times_of(table_of(pa.array([1e300])), "at")
