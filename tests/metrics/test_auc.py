"""The AUC against hand calculation, scikit-learn, the paper's equations over all pairs, and R's pROC."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rec.metrics import auc as auc_module
from rec.metrics.auc import AUC, auc

# Few distinct scores, so that most pairs tie; both classes have at least two rows.
TIED_ROWS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=80).filter(
    lambda rows: 2 <= sum(label for _, label in rows) <= len(rows) - 2
)

# The aSAH data of R's package pROC 1.18.0 (Turck et al. 2010): of the patients with each value of the blood marker
# S100b (micrograms per litre), how many had a good and how many a poor outcome.
ASAH = """
.03 0 1   .04 5 0   .05 3 0   .06 2 0   .07 6 3   .08 6 1   .09 6 2   .10 7 2   .11 4 1   .12 0 1
.13 3 2   .14 4 1   .15 4 0   .16 3 1   .17 2 0   .18 1 0   .19 2 0   .22 0 1   .23 0 1   .24 1 0
.25 0 1   .26 0 1   .27 0 1   .28 1 0   .30 0 1   .32 1 1   .33 1 1   .34 1 0   .35 0 1   .38 1 0
.41 0 1   .43 1 0   .44 0 2   .45 1 0   .46 1 0   .47 2 0   .48 1 1   .49 0 1   .50 2 0   .52 0 1
.56 0 1   .58 0 1   .70 0 1   .71 0 2   .74 0 1   .77 0 1   .82 0 1   .86 0 1   .96 0 1  2.07 0 1
"""


def delong_over_all_pairs(scores, labels):
    """AUC and variance from equations of DeLong et al. (1988), with psi evaluated for every pair."""
    x, y = scores[labels == 1], scores[labels == 0]
    psi = np.where(y < x[:, None], 1.0, np.where(y == x[:, None], 0.5, 0.0))
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    theta = psi.mean()
    s10 = ((v10 - theta) ** 2).sum() / (len(x) - 1)
    s01 = ((v01 - theta) ** 2).sum() / (len(y) - 1)
    return theta, s10 / len(x) + s01 / len(y)


def test_five_rows_by_hand():
    result = auc([0.1, 0.4, 0.4, 0.6, 0.8], [0, 0, 1, 0, 1])

    # Against the negatives .1, .4, .6: the positive .4 wins 1, ties 1; the positive .8 wins 3.
    v10 = [(1 + 0.5) / 3, 3 / 3]
    # The negatives .1, .4, .6 lose to 2, to 1 1/2 and to 1 of the 2 positives.
    v01 = [2 / 2, 1.5 / 2, 1 / 2]
    assert sum(v10) / 2 == sum(v01) / 3 == result.value == 0.75
    variance = 2 * 0.25**2 / (2 - 1) / 2 + 2 * 0.25**2 / (3 - 1) / 3
    assert result.standard_error == pytest.approx(math.sqrt(variance), abs=1e-15)
    assert result.low == pytest.approx(0.75 - 1.959963984540054 * math.sqrt(variance), abs=1e-15)
    assert 0.75 + 1.959963984540054 * math.sqrt(variance) > 1
    assert result.high == 1.0
    assert (result.positives, result.negatives, str(result)) == (2, 3, "0.7500")


@given(TIED_ROWS, st.sampled_from([np.float32, np.float64]))
def test_ties_against_sklearn_and_all_pairs(rows, dtype):
    scores = np.array([score for score, _ in rows], dtype) / dtype(7)
    labels = np.array([label for _, label in rows], np.int64)
    result = auc(scores, labels)
    value, variance = delong_over_all_pairs(scores, labels)
    assert result.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert result.value == pytest.approx(value, abs=1e-12)
    assert result.standard_error**2 == pytest.approx(variance, abs=1e-12)


def test_chunks_join_up(monkeypatch):
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(0, 50, 1000) / 50, rng.random(1000) < 0.3
    whole = auc(scores, labels)
    monkeypatch.setattr(auc_module, "CHUNK", 7)
    chunked = auc(scores, labels)
    assert chunked.value == whole.value
    assert chunked.standard_error == pytest.approx(whole.standard_error, abs=1e-15)


def test_tied_scores_against_proc():
    scores = [0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.7, 0.8, 0.8, 0.9, 0.9]
    labels = [0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1]
    result = auc(scores, labels)
    # pROC 1.18.0: r <- roc(labels, scores); auc(r); var(r, method = "delong"); ci.auc(r, method = "delong")
    assert result.value == pytest.approx(0.69480519480519476, abs=1e-12)
    assert result.standard_error**2 == pytest.approx(0.020200146174172151, abs=1e-12)
    assert result.low == pytest.approx(0.41624096576620961, abs=1e-12)
    assert result.high == pytest.approx(0.97336942384418013, abs=1e-12)


def test_published_example_of_proc():
    scores, good, poor = np.array(ASAH.split(), float).reshape(-1, 3).T
    scores = np.concatenate([np.repeat(scores, good.astype(int)), np.repeat(scores, poor.astype(int))])
    labels = np.repeat([0, 1], [int(good.sum()), int(poor.sum())])
    result = auc(scores, labels)
    assert (result.positives, result.negatives) == (41, 72)
    # roc(aSAH$outcome, aSAH$s100b): published as 0.7314, 95 % CI 0.6301-0.8326 (DeLong); here to full precision.
    assert result.value == pytest.approx(0.73136856368563685, abs=1e-12)
    assert result.standard_error == pytest.approx(0.051659292069989093, abs=1e-12)
    assert result.low == pytest.approx(0.63011821176162264, abs=1e-12)
    assert result.high == pytest.approx(0.83261891560965107, abs=1e-12)
    assert f"{result} {result.low:.4f} {result.high:.4f}" == "0.7314 0.6301 0.8326"


def test_scores_are_compared_in_their_own_precision():
    apart = np.array([0.5, 0.5 + 1e-12])
    assert auc(apart, [0, 1]).value == 1.0
    assert auc(apart.astype(np.float32), [0, 1]).value == 0.5


def test_a_whole_test_set_equals_sklearn():
    rng = np.random.default_rng(5)
    labels = rng.random(2_000_000) < 0.039
    scores = rng.normal(labels * 0.5).astype(np.float32).round(3)
    given_scores = scores.copy()
    assert auc(scores, labels).value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    np.testing.assert_array_equal(scores, given_scores)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([], "undefined (n positives = 0)"),
        ([0, 0], "undefined (n positives = 0)"),
        ([1, 1], "undefined (n negatives = 0)"),
    ],
)
def test_a_missing_class_leaves_it_undefined(labels, text):
    result = auc(np.linspace(0, 1, len(labels)), labels)
    assert result == AUC(None, None, None, None, positives=sum(labels), negatives=len(labels) - sum(labels))
    assert str(result) == text


@pytest.mark.parametrize("labels", [[1, 0, 0], [0, 1, 1]])
def test_a_single_row_of_a_class_gives_a_value_without_error(labels):
    result = auc([0.2, 0.1, 0.3], labels)
    assert result.value == 0.5
    assert (result.standard_error, result.low, result.high) == (None, None, None)


def test_perfect_separation_has_an_interval_of_no_width():
    result = auc([-math.inf, 0.1, 0.2, math.inf], [0, 0, 1, 1])
    assert (result.value, result.standard_error, result.low, result.high) == (1.0, 0.0, 1.0, 1.0)


def test_negative_zero_ties_with_zero():
    assert auc([-0.0, 0.0], [0, 1]).value == 0.5


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, math.nan, math.nan], [0, 1, 0], "2 of 3 scores are NaN"),
        ([0.1, 0.2], [0, 2], "1 of 2 labels are neither 0 nor 1"),
        ([0.1, 0.2], [0, math.nan], "1 of 2 labels are neither 0 nor 1"),
        ([0.1, 0.2], [0, 1, 0], r"got \(2,\) and \(3,\)"),
        ([[0.1], [0.2]], [[0], [1]], r"got \(2, 1\) and \(2, 1\)"),
    ],
)
def test_unusable_input_is_refused(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        auc(scores, labels)
